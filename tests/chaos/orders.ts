// What keeps gates open or closed in a run although the policy requires something else: pauses, overrides, and rows
// that are lost or cannot be read. Times are in milliseconds since the epoch.
import type { Order } from './truth.ts';

interface Span {
  readonly from: number;
  readonly until: number;
}

export interface OrderInForce extends Span {
  readonly order: Order;
}

export interface Orders {
  /** @param unreadable the gate whose row cannot be read until `repaired` */
  pause(from: number, until: number, unreadable: string | undefined): void;
  repaired(gate: string, at: number): void;
  override(gate: string, order: Order, from: number, until: number): void;
  /** The gate's record is lost. */
  lose(gate: string, at: number): void;
  /** The gate disappears. If it comes back, its record may still have an override. */
  forget(gate: string): void;
  /** The pause that is in force. */
  pauseAt(at: number): Span | undefined;
  isPaused(at: number): boolean;
  overrideOf(gate: string, at: number): OrderInForce | undefined;
  /** The gate's state is unknown: its row cannot be read, or it may have an override that was not given to it. */
  isUncertain(gate: string, at: number): boolean;
  /** When something last kept the gate open, including now. Undefined: nothing has. */
  keptOpenUntil(gate: string, at: number): number | undefined;
  /** A person once kept the gate closed, or its record was lost. */
  wasOrdered(gate: string): boolean;
  /** When the last order ends. */
  end(): number;
}

export function createOrders(): Orders {
  const overrides = new Map<string, OrderInForce>();
  /** How long the state of a gate is uncertain. */
  const uncertain = new Map<string, Span>();
  const keptClosed = new Set<string>();
  const lost = new Map<string, number>();
  let pause: Span = { from: 0, until: 0 };
  let end = 0;
  const isIn = ({ from, until }: Span, at: number) => from <= at && at < until;
  const overrideOf = (gate: string, at: number) => {
    const found = overrides.get(gate);
    return found !== undefined && isIn(found, at) ? found : undefined;
  };
  return {
    pause(from, until, unreadable) {
      // A pause with a new end is the same pause.
      pause = { from: isIn(pause, from) ? pause.from : from, until };
      end = Math.max(end, until);
      // A pause ends the overrides that keep gates closed, unless their row cannot be read.
      for (const [gate, { order }] of overrides) if (order === 'closed' && gate !== unreadable) overrides.delete(gate);
      if (unreadable !== undefined) uncertain.set(unreadable, { from, until: Number.POSITIVE_INFINITY });
    },
    repaired(gate, at) {
      const left = overrides.get(gate)?.until ?? at;
      uncertain.set(gate, { from: at, until: Math.max(at, left) });
    },
    override(gate, order, from, until) {
      overrides.set(gate, { order, from, until });
      if (order === 'closed') keptClosed.add(gate);
      end = Math.max(end, until);
    },
    lose(gate, at) {
      overrides.delete(gate);
      uncertain.delete(gate);
      lost.set(gate, at);
    },
    forget(gate) {
      const found = overrides.get(gate);
      overrides.delete(gate);
      if (found !== undefined) uncertain.set(gate, found);
    },
    pauseAt: (at) => (isIn(pause, at) ? pause : undefined),
    isPaused: (at) => isIn(pause, at),
    overrideOf,
    isUncertain(gate, at) {
      const found = uncertain.get(gate);
      return found !== undefined && isIn(found, at);
    },
    keptOpenUntil(gate, at) {
      const spans = [pause, overrides.get(gate), uncertain.get(gate)].filter((span) => span !== undefined);
      const ends = spans.filter(({ until }) => until > 0).map(({ until }) => Math.min(until, at));
      const times = [...ends, ...(lost.has(gate) ? [lost.get(gate) ?? 0] : [])];
      return times.length === 0 ? undefined : Math.max(...times);
    },
    wasOrdered: (gate) => lost.has(gate) || keptClosed.has(gate),
    end: () => end,
  };
}
