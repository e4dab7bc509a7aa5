// From the next blockers to a settled gate: intent, registry, confirmation, notification, in this order, so that the next observation can finish each of them.

import type { NextBlockers } from '../gate/blockers.ts';
import { type BrakeState, letThrough, NO_CLOSINGS } from '../gate/brake.ts';
import { isExploited } from '../gate/image-evaluation.ts';
import type { Override, OverrideStep } from '../gate/override.ts';
import {
  activeBlockers,
  type GateRecord,
  type GateState,
  gateKey,
  isForgettable,
  type Notice,
  type WaitingFor,
} from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import type { Action, Decision } from '../report/decision.ts';
import { missedNotice } from '../report/notice.ts';
import type { Ports, Reading, Row, Version, Versioned } from './ports.ts';
import type { Rules } from './rules.ts';

/** Where a gate should be: what the registry should do, and what the record should say. */
interface DesiredState {
  readonly gate: 'open' | 'closed';
  readonly state: Exclude<GateState, { kind: 'closing' | 'opening' }>;
}

const OPEN: DesiredState = { gate: 'open', state: { kind: 'open' } };
const CLOSED: DesiredState = { gate: 'closed', state: { kind: 'closed' } };
const waiting = (reason: WaitingFor): DesiredState => ({ gate: 'open', state: { kind: 'waiting', for: reason } });

export interface ApplyInput<Snapshot> {
  /** The record as it was loaded, with version 0 where there was none. */
  readonly stored: Versioned<GateRecord>;
  readonly next: NextBlockers;
  /** Undefined where there is no repository, or nothing to do with it. */
  readonly reading: Reading<Snapshot> | undefined;
  readonly now: Instant;
  /** What a person ordered for the gate, and where that is. */
  readonly override: OverrideStep | undefined;
  /** Makes the notice of a state change. */
  readonly noticeOf: (kind: Notice['kind'], state: GateState) => Notice;
  /** Looks once more: does anything hold the gate now? */
  readonly somethingHolds: () => Promise<boolean>;
}

/** What came of it; `conflict` where somebody else changed the record or the gate first. */
export type Applied = Pick<Decision, 'to' | 'action' | 'problem' | 'change' | 'notifyError'> | 'conflict';

export async function apply<Snapshot>(
  settling: ApplyInput<Snapshot>,
  rules: Rules,
  ports: Ports<Snapshot>,
): Promise<Applied> {
  const { stored, next, reading, now, override } = settling;
  const desired = await desiredState(settling, rules, ports);
  // By hand, or with the repository, everything is accounted for that the record had no room for.
  const isReleased = rules.mode === 'pause' || rules.mode === 'release';
  const omittedBlockers = isReleased || reading === undefined ? 0 : next.omitted;
  const isRight = reading === undefined || isAsWanted(reading, desired);
  const before = isRight ? stored.value : withTakenBack(stored.value, desired);
  const record: GateRecord = { ...before, blockers: next.blockers, omittedBlockers };
  let { version } = stored;
  let change: Decision['change'];

  const intent: GateState = { kind: desired.gate === 'closed' ? 'closing' : 'opening' };
  const opens = desired.state.kind === 'open' && stored.value.state.kind !== 'open';
  // An intent to open forgets no blocker: only the confirmation does.
  const blockers = desired.state.kind === 'open' ? stored.value.blockers : next.blockers;
  // Where somebody's intent to open is there already, another one would only keep two workers from ever getting past each other.
  if (!isRight || (opens && stored.value.state.kind !== 'opening')) {
    // Who writes has found the closing to be ours, or makes it so.
    const claimed = !isRight || record.claimed;
    const saved = await ports.records.save({ ...record, blockers, state: intent, since: now, claimed }, version);
    if (saved === undefined) return 'conflict';
    version = saved;
  }
  // A worker that saw the danger and found nothing to write has left no trace. From the intent on, every worker has something to write.
  if (opens && (await settling.somethingHolds())) return 'conflict';
  if (reading !== undefined && !isRight) {
    const written = await ports.registry.write(record.gate, reading, desired.gate);
    if (written.kind === 'overtaken') return 'conflict';
    if (written.kind === 'refused') {
      const isClosing = desired.gate === 'closed';
      if (isClosing) await giveBack(ports.brake, gateKey(record.gate));
      // Nothing was closed: if something is from now on, that is somebody else's. Another worker that was faster knows better.
      const claimed = isClosing ? undefined : true;
      const override: Override | undefined = record.override && { ...record.override, refused: true };
      if (isClosing || override !== undefined)
        await ports.records.save({ ...record, blockers, state: intent, since: now, claimed, override }, version);
      return { to: intent, action: 'refused', problem: written.problem };
    }
    change = { before: written.before, after: written.after };
  }

  const action = doneBy(before, desired.state, next, change !== undefined);
  const confirmed = confirm(record, desired, action, settling);
  if (isForgettable(confirmed, now)) {
    const isGone = stored.version === 0 || (await ports.records.remove(record.gate, version));
    return isGone ? { to: desired.state, action, change } : 'conflict';
  }
  const isStep = override !== undefined && override.step !== 'runs';
  const isMoved = action !== 'nothing' || record.state.kind !== desired.state.kind;
  if (version !== stored.version || next.changed || isMoved || isStep) {
    const saved = await ports.records.save(confirmed, version);
    if (saved === undefined) return 'conflict';
    version = saved;
  }
  const delivery = await deliver(confirmed, version, ports);
  if (delivery === 'conflict') return delivery;
  return { to: desired.state, action, change, ...(delivery === 'delivered' ? {} : delivery) };
}

/** Somebody else's closing is as good as none of ours: it stays. */
function isAsWanted({ ours }: Reading<unknown>, { gate }: DesiredState): boolean {
  return gate === 'closed' ? ours === 'current' : ours === 'absent' || ours === 'unmarked';
}

async function desiredState<Snapshot>(
  { stored, next, reading, now, override }: ApplyInput<Snapshot>,
  rules: Rules,
  { brake, inTurn = (work) => work() }: Ports<Snapshot>,
): Promise<DesiredState> {
  const { gate } = stored.value;
  const ordered = override === undefined || override.step === 'ends' ? undefined : override.order.kind;
  const isOverriddenClosed = ordered === 'closed' && rules.includes(gate.repository);
  const isBlocked = next.active.length > 0 || next.omitted > 0;
  if (reading === undefined || !(isBlocked || isOverriddenClosed)) return OPEN;
  if (rules.mode !== 'enforce') return waiting(rules.mode);
  if (reading.ours === 'unmarked') return waiting('lockedByOthers');
  if (ordered === 'open') return waiting('override');
  const isClosed = reading.ours !== 'absent' || stored.value.state.kind === 'closed';
  if (isClosed) return CLOSED;
  if (reading.servesLambda && !rules.closeLambdaRepositories) return waiting('lambda');
  // The brake is for what the policy closes of itself: not for what a person orders, nor for what a person had opened until now.
  const wasOverriddenOpen = override?.step === 'ends' && override.order.kind === 'open';
  if (isOverriddenClosed || wasOverriddenOpen || isExploited(next.active)) return CLOSED;
  const ask = () => askBrake(brake, gateKey(gate), now, rules.maxClosesPerHour);
  return (await inTurn(ask)) ? CLOSED : waiting('brake');
}

/** Each time one worker is through. Where forty processes race, which is as many as there are on either cloud, few need as many tries. */
const BRAKE_TRIES = 100;

/** Other workers ask at the same time: the row goes to whoever is first, and the others ask again. */
async function askBrake(row: Row<BrakeState>, gate: string, now: Instant, maxClosesPerHour: number): Promise<boolean> {
  for (let tries = 0; tries < BRAKE_TRIES; tries++) {
    const { value = NO_CLOSINGS, version } = await row.load();
    const through = letThrough(value, gate, now, maxClosesPerHour);
    if (through === undefined) return false;
    if (through === value || (await row.save(through, version)) !== undefined) return true;
  }
  throw new Error(`${gate}: other workers asked the brake first, ${BRAKE_TRIES} times; the message comes back`);
}

/** A closing that the registry refused does not use up the hour of others. Where another worker is faster, it does: the next hour comes. */
async function giveBack(row: Row<BrakeState>, gate: string): Promise<void> {
  const { value = NO_CLOSINGS, version } = await row.load();
  const closings = value.closings.filter((closing) => closing.gate !== gate);
  if (closings.length < value.closings.length) await row.save({ closings }, version);
}

/** What a step from one state to another is called. An `opening` that was given up, or that met an open gate, changed nothing that people know of. */
function doneBy(before: GateRecord, to: DesiredState['state'], next: NextBlockers, wrote: boolean): Action {
  const { state: from, closedSince } = before;
  const wasClosed = from.kind === 'closed' || (from.kind === 'opening' && closedSince !== undefined);
  switch (to.kind) {
    case 'closed':
      if (!wasClosed || (wrote && from.kind === 'opening')) return 'closed';
      return wrote ? 'restored' : 'nothing';
    case 'waiting':
      if (wrote || wasClosed) return 'opened';
      // What a person keeps open may get worse meanwhile: that is worth a word.
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

function confirm(
  record: GateRecord,
  { state }: DesiredState,
  action: Action,
  { now, override, noticeOf }: ApplyInput<unknown>,
): GateRecord {
  const stays = action === 'nothing' || action === 'restored';
  const kind = action === 'nothing' && override?.isNews === true ? 'override' : action;
  const pending =
    kind === 'nothing' || kind === 'refused' ? record.pending : [...record.pending, noticeOf(kind, state)];
  return {
    ...record,
    state,
    // From the end of an order on, a record is young again: its row must not go away at once.
    since: stays && record.state.kind === state.kind && override?.step !== 'ends' ? record.since : now,
    closedSince: state.kind === 'closed' ? (record.closedSince ?? now) : undefined,
    claimed: state.kind === 'closed' ? true : undefined,
    pending,
    override: override?.next,
  };
}

/**
 * The record where its intent was done, not confirmed, and is taken back now: the registry has been there, and people have to hear of it. From the next
 * intent on nothing else would know, since whoever has that one may die before its confirmation, too.
 */
function withTakenBack(record: GateRecord, desired: DesiredState): GateRecord {
  const { state, closedSince, since } = record;
  const pending = [...record.pending, missedNotice(record)];
  if (state.kind === 'closing' && desired.gate === 'open')
    return { ...record, closedSince: closedSince ?? since, pending };
  const isOpening = state.kind === 'opening' && closedSince !== undefined;
  return isOpening && desired.gate === 'closed' ? { ...record, closedSince: undefined, pending } : record;
}

/**
 * Tells what was not told yet, and only then forgets that it was not. What cannot be told stays in the record: the gate is settled all the same.
 */
async function deliver(record: GateRecord, version: Version, ports: Ports<unknown>): Promise<Delivery> {
  if (record.pending.length === 0) return 'delivered';
  try {
    for (const notice of record.pending) await ports.notify(record.gate, notice);
  } catch (error) {
    return { notifyError: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
  return (await ports.records.save({ ...record, pending: [] }, version)) === undefined ? 'conflict' : 'delivered';
}

/** `conflict`: another worker changed the record meanwhile. */
type Delivery = 'delivered' | 'conflict' | { readonly notifyError: string };
