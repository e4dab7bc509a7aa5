// The handover after a change of the configured granularity. Gates of the other granularity are obsolete: they hand
// over their blockers, and open only once their successors are closed.

import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import { activeBlockers, type Blocker, type GateRecord, newRecord } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Records } from '../../shared/reconcile/ports.ts';
import { type Rules, withNothingIncluded } from '../../shared/reconcile/rules.ts';

/** The gate for an image under the current config. */
type SuccessorOf = (digest: string) => Gate;

/**
 * Adds the blockers of obsolete gates to their successors. The scanner may no longer report the findings that closed
 * them, and a finding that is absent opens nothing.
 *
 * @returns the successors
 */
export async function handOver(
  obsoleteGates: readonly Gate[],
  successorOf: SuccessorOf,
  records: Records,
  now: Instant,
): Promise<readonly Gate[]> {
  const byGate = new Map<string, { readonly gate: Gate; readonly blockers: Blocker[] }>();
  for (const obsolete of obsoleteGates) {
    const { value } = await records.load(obsolete);
    for (const blocker of value === undefined ? [] : activeBlockers(value)) {
      const gate = successorOf(blocker.digest);
      const successor = byGate.get(gateKey(gate)) ?? { gate, blockers: [] };
      successor.blockers.push(blocker);
      byGate.set(gateKey(gate), successor);
    }
  }
  for (const { gate, blockers } of byGate.values()) {
    const { value = newRecord(gate, now), version } = await records.load(gate);
    const missing = blockers.filter(({ digest }) => value.blockers.every((known) => known.digest !== digest));
    // If another worker saves first, the obsolete gate stays as it is until the next sweep.
    if (missing.length > 0) await records.save({ ...value, blockers: [...value.blockers, ...missing] }, version);
  }
  return [...byGate.values()].map(({ gate }) => gate);
}

/**
 * The rules for an obsolete gate. Nothing is in its scope, so that it opens. A closed gate keeps its rules until the
 * successors of all its blockers are closed, because a successor may be refused or may wait for the brake.
 */
export async function rulesForObsolete(
  gate: Gate,
  successorOf: SuccessorOf,
  records: Records,
  rules: Rules,
): Promise<Rules> {
  const { value } = await records.load(gate);
  const outOfScope = withNothingIncluded(rules);
  if (value === undefined || value.state.kind === 'open' || value.state.kind === 'waiting') return outOfScope;
  for (const { digest } of activeBlockers(value)) {
    const { value: successor } = await records.load(successorOf(digest));
    if (!isClosedFor(successor, digest)) return rules;
  }
  return outOfScope;
}

function isClosedFor(record: GateRecord | undefined, digest: string): boolean {
  return record?.state.kind === 'closed' && activeBlockers(record).some((blocker) => blocker.digest === digest);
}
