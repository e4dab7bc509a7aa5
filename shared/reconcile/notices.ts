// Which notices a reconciliation creates, and which of them it sends at once. The tick sends the others
// (`deliver.ts`).
import type { EvaluatedImage, NextBlockers } from '../gate/blockers.ts';
import type { OverrideStep } from '../gate/override.ts';
import type { GateRecord, Notice, OutsideChange, StableState } from '../gate/record.ts';
import { stepRestorations } from '../gate/restorations.ts';
import type { Instant } from '../policy/finding.ts';
import type { Action } from '../report/decision.ts';
import { createNotice, repeatedNotice } from '../report/notice.ts';
import { describeError } from '../runtime/errors.ts';
import { type Concern, findConcern, isDue } from './concern.ts';
import type { OwnedReading } from './owner.ts';
import type { Ports, Version } from './ports.ts';
import type { GateRules } from './rules.ts';
import { isByEvent, type Trigger } from './trigger.ts';

/** What was done to a gate. */
interface Done {
  readonly action: Action;
  readonly desired: StableState;
  readonly reading: OwnedReading<unknown> | undefined;
  readonly override: OverrideStep | undefined;
  readonly rules: GateRules;
  readonly triggers: readonly Trigger[];
  /** The record before the change. */
  readonly record: GateRecord;
  readonly next: NextBlockers;
  readonly evaluated: readonly EvaluatedImage[];
  readonly changedBy: OutsideChange | undefined;
  readonly unexplainedSince: Instant | undefined;
  readonly now: Instant;
}

/** The notices that are due, and what the record keeps so that none is created twice. */
interface Created extends Pick<GateRecord, 'concern' | 'restorations'> {
  readonly notices: readonly Notice[];
}

/** Creates the notices of what was done, and of what people are reminded of. */
export function createNotices(done: Done): Created {
  const { action, desired, reading, override, rules, triggers, record, now } = done;
  const concern = findConcern(desired, reading, rules);
  const due = noticeKindOf(
    action,
    override,
    concern !== undefined && isDue(concern, record.concern, now) ? concern : undefined,
  );
  const isRestoration = due === 'restored' && record.closedSince !== undefined && override?.isNews !== true;
  const { next: restorations, notice: restored } = stepRestorations(record.restorations, isRestoration, now);
  const kind = isRestoration && restored !== 'one' ? undefined : due;
  const repeated = typeof restored === 'object' ? [repeatedNotice(restored, done)] : [];
  const context = { ...done, inUse: reading?.inUse, otherLocks: reading?.otherLocks };
  const created = kind === undefined ? [] : [createNotice(kind, desired, context)];
  const notices = [...repeated, ...created]
    .map((notice) => (rules.rule === undefined ? notice : { ...notice, rule: rules.rule }))
    .map((notice) => (isUrgent(notice, triggers) ? notice : leftToTick(notice)));
  const isSaid = concern !== undefined && isCovered(concern, kind, desired);
  return {
    notices,
    concern: concern && (isSaid ? { cause: concern.cause, notifiedAt: now } : record.concern),
    restorations,
  };
}

/** The kind of the notice that is due. Undefined: none. */
function noticeKindOf(
  action: Action,
  override: OverrideStep | undefined,
  concern: Concern | undefined,
): Notice['kind'] | undefined {
  if (action !== 'nothing' && action !== 'refused') return action;
  return override?.isNews === true ? 'override' : concern?.notice;
}

/** Does a notice of this kind say what the concern is? Each notice about a gate that waits says why. */
function isCovered(concern: Concern, kind: Notice['kind'] | undefined, { kind: state }: StableState): boolean {
  return kind !== undefined && (state === 'waiting' || kind === concern.notice);
}

/**
 * Is a notice sent at once? Only what an event changed in the registry, and what a person ordered for one gate. All
 * else may concern hundreds of gates at the same time.
 */
function isUrgent({ kind, override }: Notice, triggers: readonly Trigger[]): boolean {
  if (override?.isNews === true || triggers.includes('override')) return true;
  return isByEvent(triggers) && kind !== 'waiting' && kind !== 'cleared';
}

function leftToTick(notice: Notice): Notice {
  return { ...notice, leftToTick: true };
}

/**
 * Sends the pending notices, in their order, then removes them from the record. If the tick sends all of them, or if
 * one cannot be sent, they stay pending.
 */
export async function sendAtOnce(
  record: GateRecord,
  version: Version,
  ports: Pick<Ports<unknown>, 'notify' | 'records'>,
): Promise<'conflict' | { readonly notifyError?: string }> {
  if (record.pending.every((notice) => notice.leftToTick === true)) return {};
  try {
    for (const notice of record.pending) await ports.notify(record.gate, notice);
  } catch (error) {
    return { notifyError: describeError(error) };
  }
  return (await ports.records.save({ ...record, pending: [] }, version)) === undefined ? 'conflict' : {};
}
