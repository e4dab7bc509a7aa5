// The severities that the clouds' filters leave out, as the policy decides.
import { describe, expect, it } from 'vitest';
import { severitiesThatCannotMatter } from '../../../shared/policy/compile.ts';
import type { Policy } from '../../../shared/policy/policy.ts';
import { policy } from '../samples.ts';

describe('the severities of which no finding can violate', () => {
  it.each<[string, Partial<Policy>, readonly string[]]>([
    ['are those below the threshold', {}, ['informational', 'low', 'medium']],
    [
      'are all but critical where that is the threshold',
      { severityThreshold: 'critical' },
      ['informational', 'low', 'medium', 'high'],
    ],
    ['are none where everything counts', { severityThreshold: 'informational' }, []],
    ['leave out what counts without a fix', { severityThreshold: 'critical', unfixable: 'low' }, ['informational']],
    ['are not more where what has no fix never counts', { unfixable: 'never' }, ['informational', 'low', 'medium']],
    ['leave out what counts with a known exploit', { exploited: 'medium' }, ['informational', 'low']],
    [
      'do not ask for grace, exceptions or unknown severities',
      { graceDays: { critical: 9 }, unknownSeverity: 'ignore' },
      ['informational', 'low', 'medium'],
    ],
  ])('%s', (_name, changes, severities) => {
    expect(severitiesThatCannotMatter(policy(changes))).toEqual(severities);
  });
});
