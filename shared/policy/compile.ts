// The policy, compiled outward: the clouds' own filters, so that what cannot matter never wakes a function and no cloud
// has a policy of its own. A filter leaves out only severities that are known not to matter: a word never seen, or no
// word at all, always passes.
import type { Policy, Threshold } from './policy.ts';
import { atLeast, SEVERITIES, type Severity } from './severity.ts';

/** The severities of which no finding can violate, whatever its fix or exploit. */
export function severitiesThatCannotMatter(policy: Policy): readonly Severity[] {
  const thresholds: readonly Threshold[] = [policy.severityThreshold, policy.unfixable, policy.exploited];
  return SEVERITIES.filter((severity) =>
    thresholds.every((threshold) => threshold === 'never' || !atLeast(severity, threshold)),
  );
}
