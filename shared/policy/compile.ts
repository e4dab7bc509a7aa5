// Compiles the policy into filters for the clouds, so that events that cannot matter do not start a function. A filter
// excludes only severities that are known not to matter. An unknown severity, or none, always passes.
import type { Policy, Threshold } from './policy.ts';
import { atLeast, SEVERITIES, type Severity } from './severity.ts';

/**
 * The severities whose findings can never violate, by any of the policies, with or without a fix, an exploit or a high
 * EPSS score.
 */
export function severitiesThatCannotMatter(...policies: readonly Policy[]): readonly Severity[] {
  const thresholds = policies.flatMap((policy): Threshold[] => [
    policy.severityThreshold,
    policy.unfixable,
    policy.exploited,
  ]);
  return SEVERITIES.filter((severity) =>
    thresholds.every((threshold) => threshold === 'never' || !atLeast(severity, threshold)),
  );
}
