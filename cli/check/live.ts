// Which exceptions match nothing in a live stack: neither what its scanners show nor what its records remember.

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
  /** How many images were observed that are not plainly allowed. */
  readonly images: number;
  /** What could not be determined. */
  readonly unsure: readonly string[];
}

/** Connects to a stack as if it had this policy, which decides what the scanners are asked for. */
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
    const records = await loadRecords(client);
    const rules = createRules({ ...client.settings, policy }, client.settings.mode);
    // A blocker whose findings the scanner has forgotten still keeps its gate closed, and an exception opens it.
    for (const { gate, blockers } of records) {
      for (const { digest, findings } of blockers) usage.see({ repository: gate.repository, digest }, findings, now());
    }
    await observeEverything(client, records, ({ gate: { repository }, images: observed, unsure: why }) => {
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
