// Brings a gate to its desired state: record the intent, observe again, write, confirm, notify. After a crash between
// two steps, the next reconciliation completes them.

import type { EvaluatedImage, NextBlockers } from '../gate/blockers.ts';
import { gateKey } from '../gate/gate.ts';
import type { OverrideStep } from '../gate/override.ts';
import { activeBlockers, type GateRecord, type GateState, isForgettable, type StableState } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import type { Completed, Outcome } from '../report/decision.ts';
import { createNotice, missedNotice } from '../report/notice.ts';
import { describeError } from '../runtime/errors.ts';
import { giveBack } from './ask-brake.ts';
import { findDesiredState } from './desired-state.ts';
import { observeAndEvaluate, scopeOf } from './observe.ts';
import type { OwnedReading } from './owner.ts';
import type { Ports, Version, Versioned } from './ports.ts';
import type { ReconcileRequest } from './request.ts';
import type { Rules } from './rules.ts';
import { isByCommand } from './trigger.ts';

export interface ApplyInput<Snapshot> {
  readonly request: ReconcileRequest;
  /** The record as it was loaded, with version 0 if there was none. */
  readonly stored: Versioned<GateRecord>;
  readonly evaluated: readonly EvaluatedImage[];
  readonly next: NextBlockers;
  /** The lock as read from the registry. Undefined if the repository does not exist or there is nothing to do. */
  readonly reading: OwnedReading<Snapshot> | undefined;
  /** The gate's override and its step, if any. */
  readonly override: OverrideStep | undefined;
  /** This worker closed the gate in an earlier attempt, but was too late to confirm it. */
  readonly hasClosed: boolean;
  readonly now: Instant;
}

export type Applied = { readonly kind: 'applied'; readonly to: GateState } & Outcome;

/** Another worker changed the record or the lock first. Start again from the record. */
export interface Conflict {
  readonly kind: 'conflict';
  /** If the gate is closed, whether this worker closed it. */
  readonly hasClosed: boolean;
}

/** The input of all steps. */
interface Plan<Snapshot> extends ApplyInput<Snapshot> {
  readonly desired: StableState;
  /** The lock already matches the desired state. */
  readonly isLockAsDesired: boolean;
  /** The record before this reconciliation. If an earlier intent is reverted, it includes the missed notice. */
  readonly before: GateRecord;
  /** `before` with the blockers of this reconciliation. */
  readonly record: GateRecord;
}

/** @throws Error if a retry may help */
export async function apply<Snapshot>(
  input: ApplyInput<Snapshot>,
  rules: Rules,
  ports: Ports<Snapshot>,
): Promise<Applied | Conflict> {
  const desired = await findDesiredState({ record: input.stored.value, ...input }, rules, ports);
  const plan = makePlan(input, desired, rules);
  const conflict: Conflict = { kind: 'conflict', hasClosed: input.hasClosed };
  const version = await recordIntent(plan, ports);
  if (version === undefined) return conflict;
  if (isOpening(plan) && (await isStillBlocked(plan, rules, ports))) return conflict;
  const written = await writeLock(plan, ports);
  if (written.kind === 'overtaken') return { kind: 'conflict', hasClosed: false };
  if (written.kind === 'refused') return recordRefusal(plan, version, written.problem, ports);
  const change = written.kind === 'written' ? { before: written.before, after: written.after } : undefined;
  const tooLate: Conflict = change === undefined ? conflict : { kind: 'conflict', hasClosed: isClosed(desired) };

  const action = actionOf(plan, change !== undefined);
  const confirmed = confirm(plan, action);
  const applied: Applied = { kind: 'applied', to: desired, action, change };
  if (isForgettable(confirmed, input.now)) {
    return input.stored.version === 0 || (await ports.records.remove(confirmed.gate, version)) ? applied : tooLate;
  }
  const saved = needsSaving(plan, action, version) ? await ports.records.save(confirmed, version) : version;
  if (saved === undefined) return tooLate;
  const notified = await notify(confirmed, saved, ports);
  return notified === 'conflict' ? tooLate : { ...applied, ...notified };
}

function makePlan<Snapshot>(input: ApplyInput<Snapshot>, desired: StableState, { mode }: Rules): Plan<Snapshot> {
  const { stored, next, reading } = input;
  // A release, a pause, or the removal of the repository also clears blockers that did not fit into the record.
  const isReleased = mode === 'pause' || mode === 'release';
  const omittedBlockers = isReleased || reading === undefined ? 0 : next.omitted;
  const isLockAsDesired = reading === undefined || isAsDesired(reading, desired);
  const before = isLockAsDesired ? stored.value : withReverted(stored.value, desired);
  const record: GateRecord = { ...before, blockers: next.blockers, omittedBlockers };
  return { ...input, desired, isLockAsDesired, before, record };
}

function isClosed(state: StableState): boolean {
  return state.kind === 'closed';
}

/** A lock that is not ours counts as absent, because pullgate leaves it alone. */
function isAsDesired({ lock }: OwnedReading<unknown>, desired: StableState): boolean {
  return isClosed(desired) ? lock === 'current' : lock === 'absent' || lock === 'foreign';
}

/** The record with the intent. */
function intentOf({ stored, next, desired, record, isLockAsDesired, now }: Plan<unknown>): GateRecord {
  return {
    ...record,
    // An intent to open keeps all blockers. Only the confirmation drops them.
    blockers: desired.kind === 'open' ? stored.value.blockers : next.blockers,
    state: { kind: isClosed(desired) ? 'closing' : 'opening' },
    since: now,
    // A lock that this worker writes is ours.
    claimed: !isLockAsDesired || record.claimed,
  };
}

function isOpening({ desired, stored }: Plan<unknown>): boolean {
  return desired.kind === 'open' && stored.value.state.kind !== 'open';
}

/** Records the intent, if one is needed. Returns the record's version, or undefined if another worker saved first. */
async function recordIntent(plan: Plan<unknown>, { records }: Pick<Ports<unknown>, 'records'>) {
  const { stored, isLockAsDesired } = plan;
  // Do not save `opening` over `opening`: two workers would make each other start again forever.
  const isNeeded = !isLockAsDesired || (isOpening(plan) && stored.value.state.kind !== 'opening');
  return isNeeded ? records.save(intentOf(plan), stored.version) : stored.version;
}

/**
 * Observes again after saving the intent to open. Another worker may have found a blocker while the gate was closed and
 * had nothing to write. From now on, a worker that finds a blocker must write and causes a conflict.
 */
async function isStillBlocked<Snapshot>(
  { request, stored, reading }: Plan<Snapshot>,
  rules: Rules,
  ports: Ports<Snapshot>,
): Promise<boolean> {
  // A command does not observe images, and a gate that is gone has no blockers.
  if (isByCommand(request.triggers) && reading === undefined) return false;
  const record = stored.value;
  const again = await observeAndEvaluate(scopeOf(request, record, true), record, rules, ports);
  return again.next.active.length > 0;
}

async function writeLock<Snapshot>(
  { record, reading, isLockAsDesired, desired }: Plan<Snapshot>,
  { registry }: Pick<Ports<Snapshot>, 'registry'>,
) {
  if (reading === undefined || isLockAsDesired) return { kind: 'unchanged' } as const;
  return registry.write(record.gate, reading, isClosed(desired) ? 'closed' : 'open');
}

/** Records a refusal. The intent stays in the record so that the sweep tries again. */
async function recordRefusal(
  plan: Plan<unknown>,
  version: Version,
  problem: string,
  { records, brake }: Pick<Ports<unknown>, 'records' | 'brake'>,
): Promise<Applied> {
  const intent = intentOf(plan);
  const isClosing = isClosed(plan.desired);
  if (isClosing) await giveBack(brake, gateKey(intent.gate), plan.now);
  const override = intent.override && {
    ...intent.override,
    delivery: { ...intent.override.delivery, refused: true as const },
  };
  // The gate was not closed, so a lock that appears later is not ours. If another worker saves first, its record is
  // right.
  const claimed = isClosing ? undefined : true;
  if (isClosing || override !== undefined) await records.save({ ...intent, claimed, override }, version);
  return { kind: 'applied', to: intent.state, action: 'refused', problem };
}

/**
 * The action for a transition. An intent to open that was abandoned, or whose gate was already open, made no visible
 * change.
 */
function actionOf({ before, next, desired: to }: Plan<unknown>, wrote: boolean): Completed {
  const { state: from, closedSince } = before;
  const wasClosed = closedSince !== undefined;
  switch (to.kind) {
    case 'closed':
      if (!wasClosed) return 'closed';
      // An intent to restore may have been carried out and never confirmed.
      return wrote || from.kind === 'closing' ? 'restored' : 'nothing';
    case 'waiting':
      if (wrote || wasClosed) return 'opened';
      // A new blocker behind an override that keeps the gate open needs a notice.
      if (to.for === 'override' && hasNewcomer(before, next)) return 'waiting';
      return from.kind === 'waiting' && from.for === to.for ? 'nothing' : 'waiting';
    case 'open':
      if (wrote || wasClosed) return 'opened';
      return from.kind === 'waiting' || from.kind === 'opening' ? 'cleared' : 'nothing';
  }
}

/** Is there an active blocker that was not active before? */
function hasNewcomer(before: GateRecord, { active }: NextBlockers): boolean {
  const known = new Set(activeBlockers(before).map(({ digest }) => digest));
  return active.some(({ digest }) => !known.has(digest));
}

/** The record with the desired state confirmed and the notice of the action added. */
function confirm(plan: Plan<unknown>, action: Completed): GateRecord {
  const { record, stored, next, evaluated, desired, reading, override, now } = plan;
  const stays = action === 'nothing' || action === 'restored';
  const kind = action === 'nothing' && override?.isNews === true ? 'override' : action;
  const notice = { record: stored.value, next, evaluated, override, otherLocks: reading?.otherLocks, now };
  return {
    ...record,
    state: desired,
    // After an override ends, `since` is reset so that the row is not removed at once.
    since: stays && record.state.kind === desired.kind && override?.step !== 'ends' ? record.since : now,
    closedSince: isClosed(desired) ? (record.closedSince ?? now) : undefined,
    claimed: isClosed(desired) ? true : undefined,
    pending: kind === 'nothing' ? record.pending : [...record.pending, createNotice(kind, desired, notice)],
    override: override?.next,
  };
}

function needsSaving(plan: Plan<unknown>, action: Completed, version: Version): boolean {
  const { stored, next, record, desired, override } = plan;
  const isMoved = action !== 'nothing' || record.state.kind !== desired.kind;
  const isStep = override !== undefined && override.step !== 'runs';
  return version !== stored.version || next.changed || isMoved || isStep;
}

/**
 * Handles an earlier intent that was carried out but not confirmed, and is now reverted. Its notice is saved with the
 * new intent, so that a crash does not lose it.
 */
function withReverted(record: GateRecord, desired: StableState): GateRecord {
  const { state, closedSince, since } = record;
  const pending = [...record.pending, missedNotice(record)];
  if (state.kind === 'closing' && !isClosed(desired)) return { ...record, closedSince: closedSince ?? since, pending };
  const isOpening = state.kind === 'opening' && closedSince !== undefined;
  return isOpening && isClosed(desired) ? { ...record, closedSince: undefined, pending } : record;
}

/** Delivers the pending notices, then removes them from the record. Notices that cannot be delivered stay pending. */
async function notify(
  record: GateRecord,
  version: Version,
  ports: Pick<Ports<unknown>, 'notify' | 'records'>,
): Promise<'conflict' | { readonly notifyError?: string }> {
  if (record.pending.length === 0) return {};
  try {
    for (const notice of record.pending) await ports.notify(record.gate, notice);
  } catch (error) {
    return { notifyError: describeError(error) };
  }
  return (await ports.records.save({ ...record, pending: [] }, version)) === undefined ? 'conflict' : {};
}
