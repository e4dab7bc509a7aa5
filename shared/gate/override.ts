// Overrides: a person's order that one gate is kept open, or closed, for at most a day, whatever the policy says.
import type { Instant } from '../policy/finding.ts';
import { HOUR_MILLISECONDS, MINUTE_MILLISECONDS } from '../runtime/time.ts';

/** A person's order for one gate, with an end. */
export interface Override {
  /** What the gate is kept. */
  readonly kind: 'open' | 'closed';
  /** When it was given. */
  readonly at: Instant;
  /** The first moment at which it is no longer in force; at most `MAX_OVERRIDE_HOURS` after `at`. */
  readonly until: Instant;
  readonly reason: string;
  readonly approvedBy: string;
  /** Who gave it. */
  readonly by: string;
  /** Who ended it before its time. */
  readonly endedBy?: string | undefined;
  /** The override that it replaced while that one was in force. */
  readonly replaces?: Pick<Override, 'kind' | 'until' | 'by'> | undefined;
}

/** What a person orders; the rest follows. */
export type NewOverride = Pick<Override, 'kind' | 'at' | 'until' | 'reason' | 'approvedBy' | 'by'>;

/** An override in a record, with what has become of it. */
export interface RecordedOverride {
  readonly order: Override;
  readonly delivery: OverrideDelivery;
}

/** How far an override has got on its way to people, to the log and to the registry. */
export interface OverrideDelivery {
  /** Which of its two ends a notice has been made of. */
  readonly notified: 'nothing' | 'begin' | 'end';
  /** The function has seen it, and its log says so: a command has no log of its own. */
  readonly logged: boolean;
  /** The registry refused what it, or its end, asks for: sweeps try again, ticks do not. */
  readonly refused?: true | undefined;
}

/** The longest that an override is in force. */
export const MAX_OVERRIDE_HOURS = 24;
const MAX_OVERRIDE_MILLISECONDS = MAX_OVERRIDE_HOURS * HOUR_MILLISECONDS;
/** How far the clock of the person who gives an order may be ahead of the function's. */
const CLOCKS_DIFFER_MILLISECONDS = 10 * MINUTE_MILLISECONDS;

/** Where an override is at a reconciliation. */
export interface OverrideStep {
  /**
   * `begins`: there was no notice yet, or the function sees it for the first time. `ends`: it is no longer in force.
   */
  readonly step: 'begins' | 'runs' | 'ends';
  readonly order: Override;
  /** Which of its two ends a notice was made of before. */
  readonly notified: OverrideDelivery['notified'];
  /** A notice of this step is due. */
  readonly isNews: boolean;
  /** What the record keeps of it afterwards. */
  readonly next: RecordedOverride | undefined;
}

/** The override that is recorded for an order. It replaces one that is in force. */
export function recordOverride(given: NewOverride, before: RecordedOverride | undefined): RecordedOverride {
  const delivery: OverrideDelivery = { notified: 'nothing', logged: false };
  if (before === undefined || !isInForce(before, given.at)) return { order: given, delivery };
  // The end of an override needs no notice if its beginning had none.
  if (before.delivery.notified === 'nothing') return { order: { ...given, replaces: before.order.replaces }, delivery };
  const { kind, until, by } = before.order;
  return { order: { ...given, replaces: { kind, until, by } }, delivery };
}

/** The override after a person ended it before its time. */
export function endEarly({ order, delivery }: RecordedOverride, by: string, now: Instant): RecordedOverride {
  return { order: { ...order, until: now, endedBy: by }, delivery: { ...delivery, refused: undefined } };
}

/** Is it in force now? One that would last for longer than a day was not written by the command. */
export function isInForce({ order, delivery }: RecordedOverride, now: Instant): boolean {
  // A person who ended it early meant now, by any clock.
  if (delivery.notified === 'end' || order.endedBy !== undefined) return false;
  const left = Date.parse(order.until) - Date.parse(now);
  return left > 0 && left <= MAX_OVERRIDE_MILLISECONDS + CLOCKS_DIFFER_MILLISECONDS;
}

/**
 * What a reconciliation makes of an override.
 *
 * @param reconciler `byFunction`: the function reconciles, and not a command; `givesUp`: the gate is being released, so
 *   that nothing keeps it closed
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
 * If the person's clock is ahead, the override lasts as long as was approved, from the function's first observation on.
 */
function byOurClock(override: RecordedOverride, now: Instant): RecordedOverride {
  const { order, delivery } = override;
  const ahead = Date.parse(order.at) - Date.parse(now);
  if (delivery.logged || order.endedBy !== undefined || ahead <= 0) return override;
  const until = new Date(Date.parse(order.until) - ahead).toISOString();
  return { order: { ...order, at: now, until }, delivery };
}

/** Before any time, whichever clock is right. */
const AT_ONCE: Instant = new Date(0).toISOString();

/**
 * When the tick has to reconcile its gate: at once until the function has seen it, then at its end. Undefined: the
 * sweep is soon enough.
 */
export function overrideDue(override: RecordedOverride | undefined): Instant | undefined {
  if (override === undefined || override.delivery.refused === true) return undefined;
  const { logged, notified } = override.delivery;
  return logged && notified === 'begin' ? override.order.until : AT_ONCE;
}
