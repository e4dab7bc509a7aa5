// Finds the exceptions that match no finding in a live stack, neither in its scanners nor in its records.

import { isPlainlyAllowed } from '../../shared/gate/blockers.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { findingsIn } from '../../shared/reconcile/observation.ts';
import { createRules } from '../../shared/reconcile/rules.ts';
import type { Client } from '../stack/client.ts';
import { connect } from '../stack/clients.ts';
import { loadRecords, observeEverything } from '../stack/overview.ts';
import type { Stack } from '../stack/stack.ts';
import { usageOf, type Warning } from './check.ts';

export interface LiveCheck {
  readonly warnings: readonly Warning[];
  /** How many of the observed images are not plainly allowed. */
  readonly images: number;
  /** What could not be determined. */
  readonly unsure: readonly string[];
}

/** Connects to a stack as if it had this policy, because the policy decides which findings are requested. */
export function connectWith({ aws, azure }: Stack, policy: Policy, now: () => Instant): Promise<readonly Client[]> {
  return connect({ aws: aws && { ...aws, policy }, azure: azure && { ...azure, policy } }, now);
}

/** Observes everything, and changes nothing. */
export async function findUnusedExceptions(
  clients: readonly Client[],
  policy: Policy,
  now: () => Instant,
): Promise<LiveCheck> {
  const usage = usageOf(policy);
  const unsure = new Map<string, string>();
  let images = 0;
  for (const client of clients) {
    const loaded = await loadRecords(client);
    const rules = createRules({ ...client.settings, policy }, client.settings.mode);
    // A blocker keeps its gate closed even if the scanner no longer shows its findings. An exception can open the gate.
    for (const { gate, blockers } of loaded.records) {
      for (const { digest, findings } of blockers) usage.see({ repository: gate.repository, digest }, findings, now());
    }
    for (const { gate, problem } of loaded.unreadable) unsure.set(gate.repository, problem);
    await observeEverything(client, loaded, ({ gate: { repository }, images: observed, unsure: why }) => {
      if (why !== undefined) unsure.set(repository, why);
      for (const image of observed) {
        if (image.presence === 'gone' || isPlainlyAllowed(image, repository, rules, now())) continue;
        images++;
        usage.see({ repository, digest: image.digest }, findingsIn(image), now());
      }
    });
  }
  const warnings = usage.unused(now(), [...unsure.keys()]);
  return { warnings, images, unsure: [...unsure].map(([repository, why]) => `${repository}: ${why}`) };
}
