// Finds the exceptions and the rules that match nothing in a live stack, neither in its scanners nor in its records.

import { isPlainlyAllowed } from '../../shared/gate/blockers.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { PolicyWithRules } from '../../shared/policy/rule.ts';
import { findingsIn } from '../../shared/reconcile/observation.ts';
import { createRules } from '../../shared/reconcile/rules.ts';
import type { Client } from '../stack/client.ts';
import { connect } from '../stack/clients.ts';
import { loadRecords, observeEverything } from '../stack/overview.ts';
import type { Stack } from '../stack/stack.ts';
import { usageOf, type Warning } from './check.ts';
import { ruleUsageOf } from './rules.ts';

export interface LiveCheck {
  readonly warnings: readonly Warning[];
  /** How many of the observed images are not plainly allowed. */
  readonly images: number;
  /** What could not be determined. */
  readonly unsure: readonly string[];
}

/** Connects to a stack as if it had these policies, because they decide which findings are requested. */
export function connectWith(
  { aws, azure }: Stack,
  { policy, rules }: PolicyWithRules,
  now: () => Instant,
): Promise<readonly Client[]> {
  const own = { policy, rules };
  return connect({ aws: aws && { ...aws, ...own }, azure: azure && { ...azure, ...own } }, now);
}

/** Observes everything, and changes nothing. */
export async function findUnused(
  clients: readonly Client[],
  { policy, rules: given }: PolicyWithRules,
  now: () => Instant,
): Promise<LiveCheck> {
  const usage = usageOf({ policy, rules: given });
  const ruleUsage = ruleUsageOf(given);
  const unsure = new Map<string, string>();
  let images = 0;
  for (const client of clients) {
    const loaded = await loadRecords(client);
    const { of } = createRules({ ...client.settings, policy, rules: given });
    // A blocker keeps its gate closed even if the scanner no longer shows its findings. An exception can open the gate.
    for (const { gate, blockers } of loaded.records) {
      const rules = of(gate);
      ruleUsage.see(rules.rule);
      for (const { digest, findings } of blockers)
        usage.see({ repository: gate.repository, digest }, findings, { policy: rules.policy, now: now() });
    }
    for (const { gate, problem } of loaded.unreadable) unsure.set(gate.repository, problem);
    await observeEverything(client, loaded, ({ gate, images: observed, unsure: why }) => {
      const { repository } = gate;
      const rules = of(gate);
      ruleUsage.see(rules.rule);
      if (why !== undefined) unsure.set(repository, why);
      for (const image of observed) {
        if (image.presence === 'gone' || isPlainlyAllowed(image, repository, rules, now())) continue;
        images++;
        usage.see({ repository, digest: image.digest }, findingsIn(image), { policy: rules.policy, now: now() });
      }
    });
  }
  const warnings = [...usage.unused(now(), [...unsure.keys()]), ...ruleUsage.unused()];
  return { warnings, images, unsure: [...unsure].map(([repository, why]) => `${repository}: ${why}`) };
}
