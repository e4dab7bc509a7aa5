// The clouds' filters that come from the policy: what they leave out, and what they never do.
import { describe, expect, it } from 'vitest';
import {
  inspectorFindingPattern,
  listFindingsFilter,
  severitiesThatCannotMatter,
} from '../../../shared/policy/compile.ts';
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

describe('the EventBridge pattern', () => {
  it('takes findings of ECR images in every state, but for the severities that cannot matter', () => {
    expect(inspectorFindingPattern(policy())).toEqual({
      source: ['aws.inspector2'],
      'detail-type': ['Inspector2 Finding'],
      detail: {
        resources: { type: ['AWS_ECR_CONTAINER_IMAGE'] },
        severity: [{ 'anything-but': ['INFORMATIONAL', 'LOW', 'MEDIUM'] }, { exists: false }],
      },
    });
  });

  it('has no severity where everything counts: an empty list would match nothing', () => {
    expect(inspectorFindingPattern(policy({ severityThreshold: 'informational' }))).toEqual({
      source: ['aws.inspector2'],
      'detail-type': ['Inspector2 Finding'],
      detail: { resources: { type: ['AWS_ECR_CONTAINER_IMAGE'] } },
    });
  });
});

describe('the ListFindings filter', () => {
  it('takes findings of ECR images that are not closed, but for the severities that cannot matter', () => {
    expect(listFindingsFilter(policy())).toEqual({
      resourceType: [{ comparison: 'EQUALS', value: 'AWS_ECR_CONTAINER_IMAGE' }],
      findingStatus: [
        { comparison: 'EQUALS', value: 'ACTIVE' },
        { comparison: 'EQUALS', value: 'SUPPRESSED' },
      ],
      severity: [
        { comparison: 'NOT_EQUALS', value: 'INFORMATIONAL' },
        { comparison: 'NOT_EQUALS', value: 'LOW' },
        { comparison: 'NOT_EQUALS', value: 'MEDIUM' },
      ],
    });
  });

  it('has no severity where everything counts', () => {
    expect(listFindingsFilter(policy({ severityThreshold: 'informational' }))).not.toHaveProperty('severity');
  });
});
