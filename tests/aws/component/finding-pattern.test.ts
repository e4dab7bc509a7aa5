// The EventBridge pattern that is compiled from the policy: which severities it leaves out, and which never.
import { describe, expect, it } from 'vitest';
import { findingPattern } from '../../../aws/component/finding-pattern.ts';
import { policy } from '../../shared/samples.ts';

describe('the EventBridge pattern', () => {
  it('matches findings of ECR images in every state, except for severities that cannot matter', () => {
    expect(findingPattern(policy())).toEqual({
      source: ['aws.inspector2'],
      'detail-type': ['Inspector2 Finding'],
      detail: {
        resources: { type: ['AWS_ECR_CONTAINER_IMAGE'] },
        severity: [{ 'anything-but': ['INFORMATIONAL', 'LOW', 'MEDIUM'] }, { exists: false }],
      },
    });
  });

  it('leaves out only what matters to no policy of the stack', () => {
    const pattern = findingPattern(policy(), policy({ severityThreshold: 'low' }));
    expect(pattern['detail']).toMatchObject({ severity: [{ 'anything-but': ['INFORMATIONAL'] }, { exists: false }] });
  });

  it('omits the severity if every severity can matter, because an empty list would match nothing', () => {
    expect(findingPattern(policy({ severityThreshold: 'informational' }))).toEqual({
      source: ['aws.inspector2'],
      'detail-type': ['Inspector2 Finding'],
      detail: { resources: { type: ['AWS_ECR_CONTAINER_IMAGE'] } },
    });
  });
});
