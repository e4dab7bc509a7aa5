// Brings a gate to its desired state: record the intent, observe again, write, confirm, notify. A crash between two
// steps is finished by the next reconciliation.

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
  /** Undefined if there is no repository, or nothing to do with it. */
  readonly reading: OwnedReading<Snapshot> | undefined;
  /** The override of the gate, and where it is. */
  readonly override: OverrideStep | undefined;
  /** This worker has closed the gate in an attempt before, and was too late to confirm it. */
  readonly hasClosed: boolean;
  readonly now: Instant;
}

export type Applied = { readonly kind: 'applied'; readonly to: GateState } & Outcome;

/** Another worker changed the record or the lock first: start again from the record. */
export interface Conflict {
  readonly kind: 'conflict';
  /** Is what keeps the gate closed, if anything does, this worker's own? */
  readonly hasClosed: boolean;
}

/** What the steps have in common. */
interface Plan<Snapshot> extends ApplyInput<Snapshot> {
  readonly desired: StableState;
  /** The lock is as it should be. */
  readonly isLockAsDesired: boolean;
  /** The record before this reconciliation, with the notice of an intent that is reverted. */
  readonly before: GateRecord;
  /** The same with the blockers of this reconciliation. */
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
  // A person who releases the gate, or a repository that is gone, clears the blockers that the record had no room for,
  // too.
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

/** A lock that is not ours counts as none: it stays. */
function isAsDesired({ lock }: OwnedReading<unknown>, desired: StableState): boolean {
  return isClosed(desired) ? lock === 'current' : lock === 'absent' || lock === 'foreign';
}

/** The record while the intent is under way. */
function intentOf({ stored, next, desired, record, isLockAsDesired, now }: Plan<unknown>): GateRecord {
  return {
    ...record,
    // An intent to open forgets no blocker: only the confirmation does.
    blockers: desired.kind === 'open' ? stored.value.blockers : next.blockers,
    state: { kind: isClosed(desired) ? 'closing' : 'opening' },
    since: now,
    // The worker that writes owns the lock afterwards.
    claimed: !isLockAsDesired || record.claimed,
  };
}

function isOpening({ desired, stored }: Plan<unknown>): boolean {
  return desired.kind === 'open' && stored.value.state.kind !== 'open';
}

/**
 * Records what is about to be done, if anything is. Returns the record's version, or undefined if another worker was
 * faster.
 */
async function recordIntent(plan: Plan<unknown>, { records }: Pick<Ports<unknown>, 'records'>) {
  const { stored, isLockAsDesired } = plan;
  // Not `opening` over `opening`: two workers would make each other start again for ever.
  const isNeeded = !isLockAsDesired || (isOpening(plan) && stored.value.state.kind !== 'opening');
  return isNeeded ? records.save(intentOf(plan), stored.version) : stored.version;
}

/**
 * Another worker may have found a blocker while the gate was closed, and had nothing to write. Now that the intent is
 * saved, a worker that finds one has to write: observe once more.
 */
async function isStillBlocked<Snapshot>(
  { request, stored, reading }: Plan<Snapshot>,
  rules: Rules,
  ports: Ports<Snapshot>,
): Promise<boolean> {
  // A command observes no images, and nothing holds a gate that is gone.
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

/** The intent stays in the record, for the sweep to try again. */
async function recordRefusal(
  plan: Plan<unknown>,
  version: Version,
  problem: string,
  { records, brake }: Pick<Ports<unknown>, 'records' | 'brake'>,
): Promise<Applied> {
  const intent = intentOf(plan);
  const isClosing = isClosed(plan.desired);
  if (isClosing) await giveBack(brake, gateKey(intent.gate));
  const override = intent.override && {
    ...intent.override,
    delivery: { ...intent.override.delivery, refused: true as const },
  };
  // Nothing was closed: a lock that appears from now on is not ours. If this save loses, the other worker's record is
  // right.
  const claimed = isClosing ? undefined : true;
  if (isClosing || override !== undefined) await records.save({ ...intent, claimed, override }, version);
  return { kind: 'applied', to: intent.state, action: 'refused', problem };
}

/**
 * What a step from one state to another is called. An intent to open that was given up, or that met an open gate,
 * changed nothing that is known.
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
      // What an override keeps open may get worse meanwhile: that is worth a notice.
      if (to.for === 'override' && hasNewcomer(before, next)) return 'waiting';
      return from.kind === 'waiting' && from.for === to.for ? 'nothing' : 'waiting';
    case 'open':
      if (wrote || wasClosed) return 'opened';
      return from.kind === 'waiting' || from.kind === 'opening' ? 'cleared' : 'nothing';
  }
}

/** Does an image hold the gate that did not? */
function hasNewcomer(before: GateRecord, { active }: NextBlockers): boolean {
  const known = new Set(activeBlockers(before).map(({ digest }) => digest));
  return active.some(({ digest }) => !known.has(digest));
}

/** The record once the lock is as desired, with the notice of what was done. */
function confirm(plan: Plan<unknown>, action: Completed): GateRecord {
  const { record, stored, next, evaluated, desired, override, now } = plan;
  const stays = action === 'nothing' || action === 'restored';
  const kind = action === 'nothing' && override?.isNews === true ? 'override' : action;
  const notice = { record: stored.value, next, evaluated, override, now };
  return {
    ...record,
    state: desired,
    // A record whose override has ended counts as young: its row must not be removed at once.
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
 * The record of an intent that was carried out, never confirmed, and is reverted now. Its notice is recorded with the
 * next intent, so that a crash does not lose it.
 */
function withReverted(record: GateRecord, desired: StableState): GateRecord {
  const { state, closedSince, since } = record;
  const pending = [...record.pending, missedNotice(record)];
  if (state.kind === 'closing' && !isClosed(desired)) return { ...record, closedSince: closedSince ?? since, pending };
  const isOpening = state.kind === 'opening' && closedSince !== undefined;
  return isOpening && isClosed(desired) ? { ...record, closedSince: undefined, pending } : record;
}

/** Delivers the pending notices, and only then forgets them. What cannot be delivered stays in the record. */
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
