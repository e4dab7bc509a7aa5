// The EventBridge pattern that selects the calls by which someone else changed a repository's policy.
import type { EventPattern } from './finding-pattern.ts';

/**
 * The pattern for the calls that changed a repository policy and were not pullgate's own. A call that was refused has
 * an error code. Only a session of a role has an issuer; a user and the root user have none.
 * Sources: https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-ecr.html,
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html,
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 *
 * @param roleArn the ARN of the function's role
 */
export function lockPattern(roleArn: string): EventPattern {
  return {
    source: ['aws.ecr'],
    'detail-type': ['AWS API Call via CloudTrail'],
    detail: {
      eventSource: ['ecr.amazonaws.com'],
      eventName: ['SetRepositoryPolicy', 'DeleteRepositoryPolicy'],
      errorCode: [{ exists: false }],
      userIdentity: { sessionContext: { sessionIssuer: { arn: [{ 'anything-but': roleArn }, { exists: false }] } } },
    },
  };
}
