// Overrides: a person orders one gate to stay open or closed for at most a day, regardless of the policy.
import type { Instant } from '../policy/finding.ts';
import { HOUR_MILLISECONDS, MINUTE_MILLISECONDS } from '../runtime/time.ts';

/** A person's order for one gate, with an end time. */
export interface Override {
  /** The state that the gate is kept in. */
  readonly kind: 'open' | 'closed';
  /** When the order was given. */
  readonly at: Instant;
  /** The first moment at which it is not in force; at most `MAX_OVERRIDE_HOURS` after `at`. */
  readonly until: Instant;
  readonly reason: string;
  readonly approvedBy: string;
  /** The person who gave the order. */
  readonly by: string;
  /** The person who ended it early, if anyone did. */
  readonly endedBy?: string | undefined;
  /** The override that was in force when this one replaced it. */
  readonly replaces?: Pick<Override, 'kind' | 'until' | 'by'> | undefined;
}

/** The fields of an order that a person gives. */
export type NewOverride = Pick<Override, 'kind' | 'at' | 'until' | 'reason' | 'approvedBy' | 'by'>;

/** An override in a record, with its delivery status. */
export interface RecordedOverride {
  readonly order: Override;
  readonly delivery: OverrideDelivery;
}

/** Whether notices, the log and the registry reflect the override yet. */
export interface OverrideDelivery {
  /** The last notice that was created: none, that it began, or that it ended. */
  readonly notified: 'nothing' | 'begin' | 'end';
  /** The function has processed and logged it. Commands do not write to the function's log. */
  readonly logged: boolean;
  /** The registry refused the change that it, or its end, requires. Sweeps try again; ticks do not. */
  readonly refused?: true | undefined;
}

/** The longest duration of an override. */
export const MAX_OVERRIDE_HOURS = 24;
const MAX_OVERRIDE_MILLISECONDS = MAX_OVERRIDE_HOURS * HOUR_MILLISECONDS;
/** How far the clock of the person's machine may be ahead of the function's clock. */
const CLOCKS_DIFFER_MILLISECONDS = 10 * MINUTE_MILLISECONDS;

/** The step of an override in a reconciliation. */
export interface OverrideStep {
  /**
   * `begins`: it has no notice yet, or the function processes it for the first time. `ends`: it is no longer in force.
   */
  readonly step: 'begins' | 'runs' | 'ends';
  readonly order: Override;
  /** The last notice that was created before this reconciliation. */
  readonly notified: OverrideDelivery['notified'];
  /** A notice of this step is due. */
  readonly isNews: boolean;
  /** The override in the record after this reconciliation. Undefined: none. */
  readonly next: RecordedOverride | undefined;
}

/** Creates the recorded override for an order. It replaces an override that is in force. */
export function recordOverride(given: NewOverride, before: RecordedOverride | undefined): RecordedOverride {
  const delivery: OverrideDelivery = { notified: 'nothing', logged: false };
  if (before === undefined || !isInForce(before, given.at)) return { order: given, delivery };
  // An override whose beginning had no notice needs none for its end.
  if (before.delivery.notified === 'nothing') return { order: { ...given, replaces: before.order.replaces }, delivery };
  const { kind, until, by } = before.order;
  return { order: { ...given, replaces: { kind, until, by } }, delivery };
}

/** Ends an override early. */
export function endEarly({ order, delivery }: RecordedOverride, by: string, now: Instant): RecordedOverride {
  return { order: { ...order, until: now, endedBy: by }, delivery: { ...delivery, refused: undefined } };
}

/** Is the override in force now? One that lasts longer than a day was not written by the command and does not count. */
export function isInForce({ order, delivery }: RecordedOverride, now: Instant): boolean {
  // An early end takes effect at once, regardless of clock differences.
  if (delivery.notified === 'end' || order.endedBy !== undefined) return false;
  const left = Date.parse(order.until) - Date.parse(now);
  return left > 0 && left <= MAX_OVERRIDE_MILLISECONDS + CLOCKS_DIFFER_MILLISECONDS;
}

/**
 * Determines the step of an override in a reconciliation.
 *
 * @param reconciler `byFunction`: the function reconciles, not a command; `givesUp`: the gate is being released, so an
 *   override that keeps it closed ends
 */
export function stepOverride(
  given: RecordedOverride | undefined,
  now: Instant,
  reconciler: { readonly byFunction: boolean; readonly givesUp: boolean },
): OverrideStep | undefined {
  if (given === undefined) return undefined;
  const override = byOurClock(given, now);
  const { order, delivery } = override;
  const { notified } = delivery;
  if (!isInForce(override, now) || (reconciler.givesUp && order.kind === 'closed')) {
    const ended: RecordedOverride = { order, delivery: { notified: 'end', logged: delivery.logged } };
    const next = reconciler.byFunction ? undefined : ended;
    return { step: 'ends', order, notified, isNews: notified !== 'end', next };
  }
  const logged = delivery.logged || reconciler.byFunction;
  const isNews = notified === 'nothing';
  const step = isNews || logged !== delivery.logged ? 'begins' : 'runs';
  return { step, order, notified, isNews, next: { order, delivery: { notified: 'begin', logged } } };
}

/**
 * Corrects an override from a clock that is ahead: it lasts as long as was approved, starting when the function first
 * processes it.
 */
function byOurClock(override: RecordedOverride, now: Instant): RecordedOverride {
  const { order, delivery } = override;
  const ahead = Date.parse(order.at) - Date.parse(now);
  if (delivery.logged || order.endedBy !== undefined || ahead <= 0) return override;
  const until = new Date(Date.parse(order.until) - ahead).toISOString();
  return { order: { ...order, at: now, until }, delivery };
}

/** A time before all others, for any clock. */
const AT_ONCE: Instant = new Date(0).toISOString();

/**
 * When a tick must reconcile the gate of an override: at once if the function has not processed it, otherwise at its
 * end. Undefined: the next sweep is soon enough.
 */
export function overrideDue(override: RecordedOverride | undefined): Instant | undefined {
  if (override === undefined || override.delivery.refused === true) return undefined;
  const { logged, notified } = override.delivery;
  return logged && notified === 'begin' ? override.order.until : AT_ONCE;
}
