// What Inspector and ECR report about the use of an image.
import type { AwsEcrContainerImageDetails } from '@aws-sdk/client-inspector2';
import type { Usage } from '../../shared/reconcile/observation.ts';

/** What Inspector counts. Other uses are unknown. */
export const USERS = { one: 'ECS task or EKS pod', many: 'ECS tasks or EKS pods' };

/**
 * The use of an image that its findings name. Of several, the latest counts.
 * Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_AwsEcrContainerImageDetails.html
 */
export function latestUse(
  before: Usage | undefined,
  { inUseCount, lastInUseAt }: Pick<AwsEcrContainerImageDetails, 'inUseCount' | 'lastInUseAt'>,
): Usage | undefined {
  if (inUseCount === undefined && lastInUseAt === undefined) return before;
  const usage: Usage = {
    ...(inUseCount === undefined ? {} : { inUseCount }),
    ...(lastInUseAt === undefined ? {} : { lastInUseAt: lastInUseAt.toISOString() }),
  };
  const isOlder = before !== undefined && (usage.lastInUseAt ?? '') < (before.lastInUseAt ?? '');
  return isOlder ? before : { ...before, ...usage };
}
