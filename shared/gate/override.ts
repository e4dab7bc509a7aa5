// What a person orders for one gate by hand: that it is kept open, or closed, for a while, whatever the policy says, and never for longer than a day.
import type { Instant } from '../policy/finding.ts';

export interface Override {
  /** What the gate is kept. */
  readonly kind: 'open' | 'closed';
  /** When it was given. */
  readonly at: Instant;
  /** The first moment at which it does not count any more; at most `MAX_HAND_HOURS` away. */
  readonly until: Instant;
  readonly reason: string;
  readonly approvedBy: string;
  /** Who gave it. */
  readonly by: string;
  /** Which of its two ends people have been told of so far. */
  readonly told: 'nothing' | 'begin' | 'end';
  /** The function has seen it, and its log says so: whoever gave it has a log of their own at best. */
  readonly logged: boolean;
  /** The registry would not do what it asks for, or what its end asks for: sweeps try again, ticks do not. */
  readonly refused?: true | undefined;
  /** Who ended it before its time. */
  readonly endedBy?: string | undefined;
  /** The order in whose place it came, while that one still counted. */
  readonly replaces?: Pick<Override, 'kind' | 'until' | 'by'> | undefined;
}

/** What a person says of an order; the rest follows. */
export type OverrideOrder = Pick<Override, 'kind' | 'at' | 'until' | 'reason' | 'approvedBy' | 'by'>;

/** The longest that a gate is kept by hand. */
export const MAX_OVERRIDE_HOURS = 24;
const MAX_OVERRIDE_MILLISECONDS = MAX_OVERRIDE_HOURS * 3_600_000;
/** The clock of whoever gives an order may be so much ahead of the function's. */
const CLOCKS_DIFFER_MILLISECONDS = 10 * 60_000;

/** Where an order is at an observation. */
export interface OverrideStep {
  /** `begins`: people have not been told yet, or the function has not seen it yet. `ends`: it does not count any more. */
  readonly step: 'begins' | 'runs' | 'ends';
  readonly order: Override;
  /** People are to be told of it now. */
  readonly isNews: boolean;
  /** What the record keeps of it, once the observation is done. */
  readonly next: Override | undefined;
}

/** The order that is recorded for a wish. One that still counts gives way to it. */
export function orderFrom(wish: OverrideOrder, before: Override | undefined): Override {
  const order: Override = { ...wish, told: 'nothing', logged: false };
  if (before === undefined || !isInForce(before, wish.at)) return order;
  // Of one that nobody has heard of, nobody needs to hear that it is over.
  if (before.told === 'nothing') return { ...order, replaces: before.replaces };
  const { kind, until, by } = before;
  return { ...order, replaces: { kind, until, by } };
}

/** The order as it is once somebody ends it before its time. */
export function endedEarly(order: Override, by: string, now: Instant): Override {
  return { ...order, until: now, endedBy: by, refused: undefined };
}

/** Does it count now? One that would count for longer than a day was not written by the command. */
export function isInForce({ told, until, endedBy }: Override, now: Instant): boolean {
  const left = Date.parse(until) - Date.parse(now);
  // Whoever ended it early meant now, by whatever clock.
  return (
    told !== 'end' &&
    endedBy === undefined &&
    left > 0 &&
    left <= MAX_OVERRIDE_MILLISECONDS + CLOCKS_DIFFER_MILLISECONDS
  );
}

/**
 * What an observation makes of an order.
 *
 * @param look `byFunction`: the function looks, and not a command; `givesUp`: the gate is being released, so that nothing keeps it closed
 */
export function stepOf(
  given: Override | undefined,
  now: Instant,
  reconciler: { readonly byFunction: boolean; readonly givesUp: boolean },
): OverrideStep | undefined {
  if (given === undefined) return undefined;
  const order = byOurClock(given, now);
  if (!isInForce(order, now) || (reconciler.givesUp && order.kind === 'closed')) {
    const next: Override | undefined = reconciler.byFunction
      ? undefined
      : { ...order, told: 'end', refused: undefined };
    return { step: 'ends', order, isNews: order.told !== 'end', next };
  }
  const logged = order.logged || reconciler.byFunction;
  const isNews = order.told === 'nothing';
  const step = isNews || logged !== order.logged ? 'begins' : 'runs';
  return { step, order, isNews, next: { ...order, told: 'begin', logged, refused: undefined } };
}

/** An order of whose clock is ahead lasts as long as was approved, from the function's first observation on: not until that clock's end. */
function byOurClock(order: Override, now: Instant): Override {
  const ahead = Date.parse(order.at) - Date.parse(now);
  if (order.logged || order.endedBy !== undefined || ahead <= 0) return order;
  return { ...order, at: now, until: new Date(Date.parse(order.until) - ahead).toISOString() };
}

/** Before any time: who has never looked looks now, whoever's clock is right. */
const AT_ONCE: Instant = new Date(0).toISOString();

/** When the tick has to look at its gate: at once, until the function has seen to it, and then at its end. Undefined: the sweep is soon enough. */
export function overrideDue(order: Override | undefined): Instant | undefined {
  if (order === undefined || order.refused === true) return undefined;
  return order.logged && order.told === 'begin' ? order.until : AT_ONCE;
}
