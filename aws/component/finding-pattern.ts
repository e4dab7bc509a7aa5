// Compiles the policy into an EventBridge pattern, which selects the Inspector findings that trigger the function.
import { severitiesThatCannotMatter } from '../../shared/policy/compile.ts';
import type { Policy } from '../../shared/policy/policy.ts';

/** The part of EventBridge's pattern language that pullgate uses. */
export type EventPattern = { readonly [key: string]: EventPattern | readonly PatternValue[] };
type PatternValue = string | { readonly 'anything-but': string | readonly string[] } | { readonly exists: boolean };

/**
 * The resource type of ECR images. Inspector also reports EC2 instances, functions and Azure images on the same bus.
 */
const ECR_IMAGE = 'AWS_ECR_CONTAINER_IMAGE';

/**
 * The pattern for the Inspector findings of ECR images, in every state, that can matter to one of the policies.
 * Source: https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
 */
export function findingPattern(...policies: readonly Policy[]): EventPattern {
  const ignored = severitiesThatCannotMatter(...policies).map((severity) => severity.toUpperCase());
  return {
    source: ['aws.inspector2'],
    'detail-type': ['Inspector2 Finding'],
    detail: {
      resources: { type: [ECR_IMAGE] },
      ...(ignored.length === 0 ? {} : { severity: [{ 'anything-but': ignored }, { exists: false }] }),
    },
  };
}
