// Misbehaviour on demand: what a network and a busy service do, when and as often as a test says.
import type { AnyCall } from './calls.ts';

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
  /**
   * Answered as the same request was answered before, if that is not longer ago than this; as always if it was not.
   */
  | { readonly kind: 'stale'; readonly maxAgeMilliseconds: number }
  /** The calling function's process dies, before or after the work. */
  | { readonly kind: 'crash'; readonly when: 'before' | 'after' };

export type FaultOf<Call extends AnyCall> = FaultKind & {
  readonly service?: Call['service'];
  readonly operation?: string;
  /** Which calls of that service and operation; all by default. */
  readonly where?: (call: Call) => boolean;
  /** Counting matching calls from 1: the first that it meets. Default 1. */
  readonly nth?: number;
  /** How many calls it meets from there on. Default 1. */
  readonly times?: number;
};

export interface FaultsOf<Call extends AnyCall> {
  /** Answers with what takes the fault away. */
  add(fault: FaultOf<Call>): () => void;
  clear(): void;
}

export interface FaultBoxOf<Call extends AnyCall> extends FaultsOf<Call> {
  meet(call: Call): FaultKind | undefined;
  /** Is a fault of this kind armed? */
  mayMeet(kind: FaultKind['kind']): boolean;
}

export function createFaultBox<Call extends AnyCall>(): FaultBoxOf<Call> {
  const armed = new Map<FaultOf<Call>, { met: number }>();
  return {
    add(fault) {
      armed.set(fault, { met: 0 });
      return () => void armed.delete(fault);
    },
    clear: () => armed.clear(),
    mayMeet: (kind) => [...armed.keys()].some((fault) => fault.kind === kind),
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
  };
}
