// Where the config's granularity has changed: gates of the other kind hand over what they hold, and open only once it is held elsewhere.

import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import { activeBlockers, type Blocker, type GateRecord, newRecord } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Records } from '../../shared/reconcile/ports.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';

/** The gate that holds an image under the config of now. */
type SuccessorOf = (digest: string) => Gate;

/**
 * Makes the blockers of gates of the other kind known to those that take their place: what closed them may not be reported any more, and absence
 * opens nothing.
 *
 * @returns the gates that take their place
 */
export async function handOver(
  left: readonly Gate[],
  successorOf: SuccessorOf,
  records: Records,
  now: Instant,
): Promise<readonly Gate[]> {
  const byGate = new Map<string, { readonly gate: Gate; readonly blockers: Blocker[] }>();
  for (const one of left) {
    const { value } = await records.load(one);
    for (const blocker of value === undefined ? [] : activeBlockers(value)) {
      const gate = successorOf(blocker.digest);
      const heir = byGate.get(gateKey(gate)) ?? { gate, blockers: [] };
      heir.blockers.push(blocker);
      byGate.set(gateKey(gate), heir);
    }
  }
  for (const { gate, blockers } of byGate.values()) {
    const { value = newRecord(gate, now), version } = await records.load(gate);
    const missing = blockers.filter(({ digest }) => value.blockers.every((known) => known.digest !== digest));
    // Where another worker is faster, the old gate stays as it is until the next sweep.
    if (missing.length > 0) await records.save({ ...value, blockers: [...value.blockers, ...missing] }, version);
  }
  return [...byGate.values()].map(({ gate }) => gate);
}

/** The rules for a gate of the other kind. It counts for nothing, unless it is closed, and what holds it is not closed in its new place: refused, or waiting. */
export async function rulesForLeft(
  gate: Gate,
  successorOf: SuccessorOf,
  records: Records,
  rules: Rules,
): Promise<Rules> {
  const { value } = await records.load(gate);
  const outOfScope: Rules = { ...rules, includes: () => false };
  if (value === undefined || value.state.kind === 'open' || value.state.kind === 'waiting') return outOfScope;
  for (const { digest } of activeBlockers(value)) {
    const { value: heir } = await records.load(successorOf(digest));
    if (!isClosedFor(heir, digest)) return rules;
  }
  return outOfScope;
}

function isClosedFor(record: GateRecord | undefined, digest: string): boolean {
  return record?.state.kind === 'closed' && activeBlockers(record).some((blocker) => blocker.digest === digest);
}
