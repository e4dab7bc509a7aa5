// Brings a gate to its desired state: record the intent, observe again, write, confirm, notify. After a crash between
// two steps, the next reconciliation completes them.

import { onlyAnnounced, type Remedy } from '../gate/blocked-fix.ts';
import type { EvaluatedImage, NextBlockers } from '../gate/blockers.ts';
import { brakeKey } from '../gate/brake.ts';
import type { OverrideStep } from '../gate/override.ts';
import { addPending } from '../gate/pending.ts';
import {
  type Blocker,
  type GateRecord,
  type GateState,
  isClosed,
  isForgettable,
  type StableState,
} from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import type { Action, Outcome } from '../report/decision.ts';
import { missedNotice } from '../report/notice.ts';
import { findAction, wasClosedBefore } from './action.ts';
import { giveBack } from './ask-brake.ts';
import { findDesiredState, isAdmitted } from './desired-state.ts';
import { type FoundRemedy, findRemedy } from './find-remedy.ts';
import { createNotices, sendAtOnce } from './notices.ts';
import type { Scope } from './observation.ts';
import { observeAndEvaluate, scopeOf } from './observe.ts';
import type { OwnedReading } from './owner.ts';
import type { Ports, Version, Versioned, Written } from './ports.ts';
import type { ReconcileRequest } from './request.ts';
import type { GateRules } from './rules.ts';
import { isByCommand } from './trigger.ts';

export interface ApplyInput<Snapshot> {
  readonly request: ReconcileRequest;
  /** The record as it was loaded, with version 0 if there was none. */
  readonly stored: Versioned<GateRecord>;
  /** What was observed. */
  readonly scope: Scope;
  readonly evaluated: readonly EvaluatedImage[];
  readonly next: NextBlockers;
  /** The lock as read from the registry. Undefined if the repository does not exist or there is nothing to do. */
  readonly reading: OwnedReading<Snapshot> | undefined;
  /** Since when a lock of ours has been in place that the record does not explain. Undefined: there is none. */
  readonly unexplainedSince: Instant | undefined;
  /** The gate's override and its step, if any. */
  readonly override: OverrideStep | undefined;
  /** This worker closed the gate in an earlier attempt, but was too late to confirm it. */
  readonly hasClosed: boolean;
  readonly now: Instant;
}

export type Applied = {
  readonly kind: 'applied';
  readonly to: GateState;
  /** Undefined: it was not looked for, because the registry refused the change. */
  readonly found?: FoundRemedy | undefined;
} & Outcome;

type Refused = Extract<Written, { kind: 'refused' }>;

/** Another worker changed the record or the lock first. Start again from the record. */
export interface Conflict {
  readonly kind: 'conflict';
  /** If the gate is closed, whether this worker closed it. */
  readonly hasClosed: boolean;
}

/** The input of all steps. */
interface Plan<Snapshot> extends ApplyInput<Snapshot> {
  readonly rules: GateRules;
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
  rules: GateRules,
  ports: Ports<Snapshot>,
): Promise<Applied | Conflict> {
  const record = { ...input.stored.value, unexplainedSince: input.unexplainedSince };
  const desired = await findDesiredState({ ...input, record }, rules, ports);
  const plan = makePlan(input, desired, rules);
  const conflict: Conflict = { kind: 'conflict', hasClosed: input.hasClosed };
  const version = await recordIntent(plan, ports);
  if (version === undefined) return conflict;
  if (isOpening(plan) && (await isStillBlocked(plan, rules, ports))) return conflict;
  const written = await writeLock(plan, ports);
  if (written.kind === 'overtaken') return { kind: 'conflict', hasClosed: false };
  if (written.kind === 'refused') return recordRefusal(plan, version, written, ports);
  const change = written.kind === 'written' ? { before: written.before, after: written.after } : undefined;
  const tooLate: Conflict = change === undefined ? conflict : { kind: 'conflict', hasClosed: isClosed(desired) };

  const action = findAction(plan, change !== undefined);
  const found = await findRemedy({ ...plan, record: plan.before }, rules, ports.fixes);
  const confirmed = confirm(plan, action, found.remedy);
  const applied: Applied = { kind: 'applied', to: desired, action, change, found };
  if (isForgettable(confirmed, input.now)) {
    return input.stored.version === 0 || (await ports.records.remove(confirmed.gate, version)) ? applied : tooLate;
  }
  const notified = await saveAndNotify(plan, confirmed, version, ports);
  return notified === 'conflict' ? tooLate : { ...applied, ...notified };
}

/** Saves the confirmed record if it differs from the stored one, and sends its notices unless the tick does. */
async function saveAndNotify(
  plan: Plan<unknown>,
  confirmed: GateRecord,
  version: Version,
  ports: Pick<Ports<unknown>, 'notify' | 'records'>,
) {
  const saved = needsSaving(plan, confirmed, version) ? await ports.records.save(confirmed, version) : version;
  return saved === undefined ? 'conflict' : sendAtOnce(confirmed, saved, ports);
}

function makePlan<Snapshot>(input: ApplyInput<Snapshot>, desired: StableState, rules: GateRules): Plan<Snapshot> {
  const { stored, next, reading, unexplainedSince } = input;
  // A release, a pause, or the removal of the repository also clears blockers that did not fit into the record.
  const isReleased = rules.mode === 'pause' || rules.mode === 'release';
  const omittedBlockers = isReleased || reading === undefined ? 0 : next.omitted;
  const isLockAsDesired = reading === undefined || isAsDesired(reading, desired);
  const before = isLockAsDesired ? stored.value : withReverted(stored.value, desired);
  const record: GateRecord = { ...before, blockers: next.blockers, omittedBlockers, unexplainedSince };
  return { ...input, rules, desired, isLockAsDesired, before, record };
}

/** A lock that is not ours counts as absent, and an unexplained one as right: pullgate leaves both alone. */
function isAsDesired({ lock }: OwnedReading<unknown>, desired: StableState): boolean {
  if (desired.kind === 'unexplained') return true;
  return isClosed(desired) ? lock === 'current' : lock === 'absent' || lock === 'foreign';
}

/** The record with the intent. */
function intentOf(plan: Plan<unknown>): GateRecord {
  const { stored, next, desired, record, isLockAsDesired, now } = plan;
  return {
    ...record,
    // An intent to open keeps all blockers. Only the confirmation drops them.
    blockers: desired.kind === 'open' ? stored.value.blockers : next.blockers,
    state: { kind: isClosed(desired) ? 'closing' : 'opening' },
    since: now,
    // A lost record does not say that the gate was closed. After a crash, the opening must still be announced.
    closedSince: record.closedSince ?? (isLockAsDesired || isClosed(desired) ? undefined : now),
    // A lock that this worker writes is ours.
    claimed: !isLockAsDesired || record.claimed,
    admittedAt: admissionOf(plan),
  };
}

/** A closing whose write fails is completed later, and the brake counts it only once. */
function admissionOf({ desired, next, override, record, now }: Plan<unknown>): Instant | undefined {
  const asksBrake = desired.kind === 'closed' && override === undefined && !next.active.some(wasClosedBefore);
  if (!asksBrake) return undefined;
  return isAdmitted(record, now) ? record.admittedAt : now;
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
  rules: GateRules,
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

/**
 * Records a refusal. A gate that cannot be closed waits, and people are notified once for each cause. An intent to open
 * stays in the record. In both cases the sweep tries again.
 */
async function recordRefusal(
  plan: Plan<unknown>,
  version: Version,
  { problem, cause }: Refused,
  ports: Pick<Ports<unknown>, 'records' | 'brake' | 'inTurn' | 'notify'>,
): Promise<Applied | Conflict> {
  if (!isClosed(plan.desired)) {
    const intent = intentOf(plan);
    const override = refusedOverride(intent.override);
    // If another worker saves first, its record is right.
    if (override !== undefined) await ports.records.save({ ...intent, override }, version);
    return { kind: 'applied', to: intent.state, action: 'refused', problem };
  }
  await ports.inTurn(() => giveBack(ports.brake, brakeKey(plan.record.gate), plan.record.admittedAt ?? plan.now));
  const refused: Plan<unknown> = { ...plan, desired: { kind: 'waiting', for: 'refused', problem, cause } };
  const confirmed = confirm(refused, 'refused', onlyAnnounced(plan.before.remedy));
  const record = { ...confirmed, override: refusedOverride(confirmed.override) };
  const notified = await saveAndNotify(refused, record, version, ports);
  if (notified === 'conflict') return { kind: 'conflict', hasClosed: false };
  return { kind: 'applied', to: refused.desired, action: 'refused', problem, ...notified };
}

/** Sweeps, not ticks, try the change again that an override requires. */
function refusedOverride(override: GateRecord['override']): GateRecord['override'] {
  return override && { ...override, delivery: { ...override.delivery, refused: true } };
}

/** The record with the desired state confirmed, and with the notices that are due. */
function confirm(plan: Plan<unknown>, action: Action, known: Remedy | undefined): GateRecord {
  const { record, before, next, evaluated, reading, desired, override, rules, request, now } = plan;
  const stays = action === 'nothing' || action === 'restored';
  const { notices, concern, restorations, remedy } = createNotices({
    ...{ action, desired, reading, override, rules, now },
    triggers: request.triggers,
    record: before,
    next,
    evaluated,
    changedBy: request.changedBy,
    unexplainedSince: record.unexplainedSince,
    remedy: known,
  });
  return {
    ...record,
    blockers: isClosed(desired) ? next.blockers.map((one) => withClosing(one, now)) : next.blockers,
    state: desired,
    // After an override ends, `since` is reset so that the row is not removed at once.
    since: stays && record.state.kind === desired.kind && override?.step !== 'ends' ? record.since : now,
    closedSince: isClosed(desired) ? (record.closedSince ?? now) : undefined,
    unexplainedSince: desired.kind === 'open' ? undefined : record.unexplainedSince,
    waitingSince: desired.kind === 'waiting' ? (record.waitingSince ?? now) : undefined,
    concern,
    restorations,
    remedy,
    claimed: isClosed(desired) ? true : undefined,
    admittedAt: undefined,
    pending: addPending(record.pending, notices),
    override: override?.next,
  };
}

/** A blocker that holds while its gate is closed. */
function withClosing(blocker: Blocker, now: Instant): Blocker {
  return blocker.inactive === undefined && blocker.closedAt === undefined ? { ...blocker, closedAt: now } : blocker;
}

/** An intent that was saved must be confirmed. Otherwise only a record that has changed is saved. */
function needsSaving({ stored }: Plan<unknown>, confirmed: GateRecord, version: Version): boolean {
  return version !== stored.version || JSON.stringify(confirmed) !== JSON.stringify(stored.value);
}

/**
 * Handles an earlier intent that was carried out but not confirmed, and is now reverted. Its notice is saved with the
 * new intent, so that a crash does not lose it.
 */
function withReverted(record: GateRecord, desired: StableState): GateRecord {
  const { state, closedSince, since } = record;
  const pending = addPending(record.pending, [missedNotice(record)]);
  if (state.kind === 'closing' && !isClosed(desired)) return { ...record, closedSince: closedSince ?? since, pending };
  const isOpening = state.kind === 'opening' && closedSince !== undefined;
  return isOpening && isClosed(desired) ? { ...record, closedSince: undefined, pending } : record;
}
