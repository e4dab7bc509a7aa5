// Which exceptions exempt something in the registries of a live stack, of what its scanners show and its records remember.
import { isPlainlyAllowed } from '../../shared/gate/blockers.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { rulesOf } from '../../shared/reconcile/rules.ts';
import { lookEverywhere, recordsOf } from '../stack/overview.ts';
import type { Side } from '../stack/side.ts';
import { sidesOf } from '../stack/sides.ts';
import type { Stack } from '../stack/stack.ts';
import { usageOf, type Warning } from './check.ts';

export interface LiveCheck {
  readonly warnings: readonly Warning[];
  /** How many images were looked at that the policy has something to say of. */
  readonly images: number;
  /** What could not be told for certain. */
  readonly unsure: readonly string[];
}

/** The sides of a stack as they would be with this policy: what the scanners are asked for depends on it. */
export function sidesWith(stack: Stack, policy: Policy, now: () => Instant): Promise<readonly Side[]> {
  const { aws, azure } = stack;
  return sidesOf({ ...stack, aws: aws && { ...aws, policy }, azure: azure && { ...azure, policy } }, now);
}

/** Observes everything, and changes nothing. */
export async function unusedExceptions(sides: readonly Side[], policy: Policy, now: () => Instant): Promise<LiveCheck> {
  const usage = usageOf(policy);
  const unsure = new Map<string, string>();
  let images = 0;
  for (const side of sides) {
    const records = await recordsOf(side);
    const rules = rulesOf({ ...side.settings, policy }, side.settings.mode);
    // What a scanner has forgotten holds a gate all the same, and an exception is what opens it.
    for (const { gate, blockers } of records) {
      for (const { digest, findings } of blockers) usage.see({ repository: gate.repository, digest }, findings, now());
    }
    await lookEverywhere(side, records, ({ gate: { repository }, looks, unsure: why }) => {
      if (why !== undefined) unsure.set(repository, why);
      for (const look of looks) {
        if (look.presence === 'gone' || isPlainlyAllowed(look, repository, rules, now())) continue;
        images++;
        usage.see({ repository, digest: look.digest }, look.findings, now());
      }
    });
  }
  const warnings = usage.unused(now(), [...unsure.keys()]);
  return { warnings, images, unsure: [...unsure].map(([repository, why]) => `${repository}: ${why}`) };
}
