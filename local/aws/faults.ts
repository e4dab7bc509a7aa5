// Misbehaviour on demand: what a network and a busy service do, when and as often as a test says.
import type { Call } from './calls.ts';
import type { BusEvent } from './events.ts';

export type FaultKind =
  /** Refused with the service's own throttling error. */
  | { readonly kind: 'throttle' }
  /** Refused with status 500. */
  | { readonly kind: 'serverError' }
  /** Refused with this error. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly status: number }
  /** No answer, ever: the client gives up. Nothing is done. */
  | { readonly kind: 'timeout' }
  /** The connection breaks before anything is done. */
  | { readonly kind: 'reset' }
  /** The work is done, and the connection breaks before the answer. */
  | { readonly kind: 'drop' }
  /** The calling function's process dies, before or after the work. */
  | { readonly kind: 'crash'; readonly when: 'before' | 'after' };

export type Fault = FaultKind & {
  readonly service?: Call['service'];
  readonly operation?: string;
  /** Which calls of that service and operation; all by default. */
  readonly where?: (call: Call) => boolean;
  /** Counting matching calls from 1: the first that it meets. Default 1. */
  readonly nth?: number;
  /** How many calls it meets from there on. Default 1. */
  readonly times?: number;
};

export type BusFault = (
  | { readonly kind: 'lose' }
  /** Delivered this many times. */
  | { readonly kind: 'duplicate'; readonly copies: number }
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** Overtakes all that waits in the queue: a series of events arrives backwards. */
  | { readonly kind: 'reorder' }
) & {
  readonly where?: (event: BusEvent) => boolean;
  /** How many events it meets. Default: all. */
  readonly times?: number;
};

export interface Faults {
  /** Answers with what takes the fault away. */
  add(fault: Fault): () => void;
  addToBus(fault: BusFault): () => void;
  clear(): void;
}

export interface FaultBox extends Faults {
  meet(call: Call): FaultKind | undefined;
  meetOnBus(event: BusEvent): readonly BusFault[];
}

export function createFaults(): FaultBox {
  const armed = new Map<Fault, { met: number }>();
  const armedOnBus = new Map<BusFault, { met: number }>();
  return {
    add(fault) {
      armed.set(fault, { met: 0 });
      return () => void armed.delete(fault);
    },
    addToBus(fault) {
      armedOnBus.set(fault, { met: 0 });
      return () => void armedOnBus.delete(fault);
    },
    clear() {
      armed.clear();
      armedOnBus.clear();
    },
    meet(call) {
      for (const [fault, count] of armed) {
        if (fault.service !== undefined && fault.service !== call.service) continue;
        if (fault.operation !== undefined && fault.operation !== call.operation) continue;
        if (fault.where !== undefined && !fault.where(call)) continue;
        count.met += 1;
        const first = fault.nth ?? 1;
        const last = first + (fault.times ?? 1) - 1;
        if (count.met >= last) armed.delete(fault);
        if (count.met >= first) return fault;
      }
      return undefined;
    },
    meetOnBus(event) {
      const met: BusFault[] = [];
      for (const [fault, count] of armedOnBus) {
        if (fault.where !== undefined && !fault.where(event)) continue;
        count.met += 1;
        if (count.met >= (fault.times ?? Number.POSITIVE_INFINITY)) armedOnBus.delete(fault);
        met.push(fault);
      }
      return met;
    },
  };
}
