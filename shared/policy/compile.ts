// The policy, compiled outward: the clouds' own filters, so that what cannot matter never wakes a function and no cloud has a policy of its own.
// A filter leaves out only severities that are known not to matter: a word never seen, or no word at all, always passes.
import type { Policy, Threshold } from './policy.ts';
import { atLeast, SEVERITIES, type Severity } from './severity.ts';

/** The severities of which no finding can violate, whatever its fix or exploit. */
export function severitiesThatCannotMatter(policy: Policy): readonly Severity[] {
  const thresholds: readonly Threshold[] = [policy.severityThreshold, policy.unfixable, policy.exploited];
  return SEVERITIES.filter((severity) =>
    thresholds.every((threshold) => threshold === 'never' || !atLeast(severity, threshold)),
  );
}

/** An EventBridge pattern, as far as pullgate writes one. */
export type EventPattern = { readonly [key: string]: EventPattern | readonly PatternValue[] };
type PatternValue = string | { readonly 'anything-but': readonly string[] } | { readonly exists: boolean };

/** The resource type of our findings. Inspector reports EC2 instances, functions and Azure's images on the same bus. */
const ECR_IMAGE = 'AWS_ECR_CONTAINER_IMAGE';

/**
 * The pattern for Inspector's findings that can matter: of ECR images, in every state.
 * Source: https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
 */
export function inspectorFindingPattern(policy: Policy): EventPattern {
  const left = inspectorWords(policy);
  return {
    source: ['aws.inspector2'],
    'detail-type': ['Inspector2 Finding'],
    detail: {
      resources: { type: [ECR_IMAGE] },
      ...(left.length === 0 ? {} : { severity: [{ 'anything-but': left }, { exists: false }] }),
    },
  };
}

/** One condition of Inspector's ListFindings; several on one field are alternatives, but for NOT_EQUALS. */
export interface StringFilter {
  readonly comparison: 'EQUALS' | 'NOT_EQUALS';
  readonly value: string;
}

/**
 * The part of ListFindings' filter that the policy decides: only findings of ECR images that are not closed and can matter.
 * Should Inspector read several NOT_EQUALS as alternatives, it answers with more than is needed, and never with less.
 * Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_FilterCriteria.html
 */
export function listFindingsFilter(policy: Policy): Readonly<
  Record<'resourceType' | 'findingStatus', StringFilter[]>
> & {
  readonly severity?: StringFilter[];
} {
  const severity = inspectorWords(policy).map((value): StringFilter => ({ comparison: 'NOT_EQUALS', value }));
  return {
    resourceType: [{ comparison: 'EQUALS', value: ECR_IMAGE }],
    findingStatus: [
      { comparison: 'EQUALS', value: 'ACTIVE' },
      { comparison: 'EQUALS', value: 'SUPPRESSED' },
    ],
    ...(severity.length === 0 ? {} : { severity }),
  };
}

function inspectorWords(policy: Policy): readonly string[] {
  return severitiesThatCannotMatter(policy).map((severity) => severity.toUpperCase());
}
