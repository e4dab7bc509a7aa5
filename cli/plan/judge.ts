// Judges one gate of a snapshot as the reconcile loop does: the same evaluation, and the same desired state. The brake
// admits every closing.
import { evaluateImages, type NextBlockers, nextBlockers } from '../../shared/gate/blockers.ts';
import { IDLE_BRAKE } from '../../shared/gate/brake.ts';
import { stepOverride } from '../../shared/gate/override.ts';
import { newRecord, type StableState } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Reason } from '../../shared/policy/verdict.ts';
import { findDesiredState } from '../../shared/reconcile/desired-state.ts';
import type { Scan } from '../../shared/reconcile/observation.ts';
import { type OwnedReading, withOwner } from '../../shared/reconcile/owner.ts';
import type { GateRules } from '../../shared/reconcile/rules.ts';
import { unexplainedSince } from '../../shared/reconcile/unexplained.ts';
import type { KnownGate, KnownReading, Repository } from './snapshot.ts';

/** What rules make of a gate. */
export interface Judged {
  readonly state: StableState;
  readonly next: NextBlockers;
  /** The findings of the blockers that violate now. */
  readonly reasons: readonly Reason[];
  /** The gate closes only if the brake admits it. */
  readonly asksBrake: boolean;
}

/** Without a reading of its lock, a gate counts as not locked. */
const UNREAD: KnownReading = { lock: 'absent' };

/** The lock of a gate, with its owner. Undefined: the repository or image is gone. */
export function lockOf({ record, reading = UNREAD }: KnownGate): OwnedReading<undefined> | undefined {
  return reading === 'gone' ? undefined : withOwner({ ...reading, snapshot: undefined }, record);
}

export async function judgeGate(
  known: KnownGate,
  { images, scans }: Pick<Repository, 'images' | 'scans'>,
  rules: GateRules,
  now: Instant,
): Promise<Judged> {
  const { gate } = known;
  const record = known.record ?? newRecord(gate, now);
  const registry = { scans: async () => new Map<string, Scan>(Object.entries(scans)) };
  const observed = gate.digest === undefined ? images : images.filter(({ digest }) => digest === gate.digest);
  const evaluated = await evaluateImages(observed, { record, rules, observedAt: now, now }, registry);
  const next = nextBlockers(record, evaluated);
  // The loop does not read the lock of such a gate, either.
  const needsNoLock = known.record === undefined && next.active.length === 0;
  const reading = needsNoLock ? undefined : lockOf(known);
  let asksBrake = false;
  const brake = {
    async load() {
      asksBrake = true;
      return { value: IDLE_BRAKE, version: 0 };
    },
    save: async () => 1,
  };
  const state = await findDesiredState(
    {
      record: { ...record, unexplainedSince: unexplainedSince(record, reading, { hasClosed: false, now }) },
      scope: 'all',
      evaluated,
      next,
      reading,
      override: stepOverride(record.override, now, { byFunction: true, givesUp: false }),
      now,
    },
    rules,
    { brake, inTurn: (work) => work(), registry },
  );
  const reasons = evaluated.flatMap(({ evaluation }) =>
    'verdict' in evaluation && evaluation.verdict.kind === 'block' && evaluation.kind === 'holds'
      ? evaluation.verdict.reasons
      : [],
  );
  return { state, next, reasons, asksBrake };
}
