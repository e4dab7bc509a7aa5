// The severities that the clouds' filters exclude for a policy.
import { describe, expect, it } from 'vitest';
import { severitiesThatCannotMatter } from '../../../shared/policy/compile.ts';
import type { Policy } from '../../../shared/policy/policy.ts';
import { policy } from '../samples.ts';

describe('the severities that cannot matter', () => {
  it.each<[string, Partial<Policy>, readonly string[]]>([
    ['are those below the threshold', {}, ['informational', 'low', 'medium']],
    [
      'are all but critical if that is the threshold',
      { severityThreshold: 'critical' },
      ['informational', 'low', 'medium', 'high'],
    ],
    ['are none if every severity violates', { severityThreshold: 'informational' }, []],
    [
      'do not include severities that violate without a fix',
      { severityThreshold: 'critical', unfixable: 'low' },
      ['informational'],
    ],
    [
      'do not change if findings without a fix never violate',
      { unfixable: 'never' },
      ['informational', 'low', 'medium'],
    ],
    ['do not include severities that violate with a known exploit', { exploited: 'medium' }, ['informational', 'low']],
    [
      'do not include severities that violate with a high EPSS score',
      { exploited: 'medium', epss: 0.5 },
      ['informational', 'low'],
    ],
    [
      'do not depend on grace periods, exceptions or unknown severities',
      { graceDays: { critical: 9 }, unknownSeverity: 'ignore' },
      ['informational', 'low', 'medium'],
    ],
  ])('%s', (_name, changes, severities) => {
    expect(severitiesThatCannotMatter(policy(changes))).toEqual(severities);
  });

  it('are those that matter to none of several policies', () => {
    const policies = [policy(), policy({ severityThreshold: 'critical', unfixable: 'low' })];
    expect(severitiesThatCannotMatter(...policies)).toEqual(['informational']);
  });
});
