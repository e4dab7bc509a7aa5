// What a reconciliation has done to a gate, for its notice and the log.
import type { NextBlockers } from '../gate/blockers.ts';
import { activeBlockers, type Blocker, type GateRecord, type StableState } from '../gate/record.ts';
import type { Completed } from '../report/decision.ts';

interface Transition {
  /** The record before this reconciliation. */
  readonly before: GateRecord;
  readonly next: NextBlockers;
  readonly desired: StableState;
}

/**
 * The action for a transition. An intent to open that was abandoned, or whose gate was already open, made no visible
 * change.
 */
export function findAction({ before, next, desired: to }: Transition, wrote: boolean): Completed {
  const { state: from, closedSince } = before;
  const wasClosed = closedSince !== undefined;
  const hasWaited = before.waitingSince !== undefined;
  switch (to.kind) {
    case 'unexplained':
      return from.kind === 'unexplained' ? 'nothing' : 'unexplained';
    case 'closed':
      if (from.kind === 'unexplained') return 'closed';
      if (!wasClosed) return next.active.some(wasClosedBefore) ? 'restored' : 'closed';
      // An intent to restore may have been carried out and never confirmed.
      return wrote || from.kind === 'closing' ? 'restored' : 'nothing';
    case 'waiting':
      if (wrote || wasClosed) return 'opened';
      // A new blocker behind an override that keeps the gate open needs a notice. Another reason to wait does not.
      return !hasWaited || (to.for === 'override' && hasNewcomer(before, next)) ? 'waiting' : 'nothing';
    case 'open':
      if (wrote || wasClosed) return 'opened';
      return hasWaited || from.kind === 'opening' ? 'cleared' : 'nothing';
  }
}

/** Is there an active blocker that was not active before? */
function hasNewcomer(before: GateRecord, { active }: NextBlockers): boolean {
  const known = new Set(activeBlockers(before).map(({ digest }) => digest));
  return active.some(({ digest }) => !known.has(digest));
}

/** Was the gate closed once while the blocker held it? */
export function wasClosedBefore({ closedAt }: Blocker): boolean {
  return closedAt !== undefined;
}
