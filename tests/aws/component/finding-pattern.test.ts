// The EventBridge pattern that comes from the policy: what it leaves out, and what it never does.
import { describe, expect, it } from 'vitest';
import { findingPattern } from '../../../aws/component/finding-pattern.ts';
import { policy } from '../../shared/samples.ts';

describe('the EventBridge pattern', () => {
  it('takes findings of ECR images in every state, but for the severities that cannot matter', () => {
    expect(findingPattern(policy())).toEqual({
      source: ['aws.inspector2'],
      'detail-type': ['Inspector2 Finding'],
      detail: {
        resources: { type: ['AWS_ECR_CONTAINER_IMAGE'] },
        severity: [{ 'anything-but': ['INFORMATIONAL', 'LOW', 'MEDIUM'] }, { exists: false }],
      },
    });
  });

  it('has no severity where everything counts: an empty list would match nothing', () => {
    expect(findingPattern(policy({ severityThreshold: 'informational' }))).toEqual({
      source: ['aws.inspector2'],
      'detail-type': ['Inspector2 Finding'],
      detail: { resources: { type: ['AWS_ECR_CONTAINER_IMAGE'] } },
    });
  });
});
