// Fault injection: makes a service or the network misbehave when and as often as a test requests.
import type { AnyCall } from './calls.ts';

export type FaultKind =
  /** The call is rejected with the service's own throttling error. */
  | { readonly kind: 'throttle' }
  /** The call is rejected with status 500. */
  | { readonly kind: 'serverError' }
  /** The call is rejected with this error. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly status: number }
  /** The call never gets an answer, so the client times out. Its work is not done. */
  | { readonly kind: 'timeout' }
  /** The connection breaks before the work is done. */
  | { readonly kind: 'reset' }
  /** The connection breaks after the work is done and before the answer. */
  | { readonly kind: 'drop' }
  /**
   * The call gets the answer that the same request got earlier, if that is not older than this; otherwise the usual
   * answer.
   */
  | { readonly kind: 'stale'; readonly maxAgeMilliseconds: number }
  /** The process of the calling function dies, before or after the work. */
  | { readonly kind: 'crash'; readonly when: 'before' | 'after' };

export type FaultOf<Call extends AnyCall> = FaultKind & {
  readonly service?: Call['service'];
  readonly operation?: string;
  /** The service and operation of the calls to affect; all by default. */
  readonly where?: (call: Call) => boolean;
  /** The first matching call to affect, counted from 1. Default: 1. */
  readonly nth?: number;
  /** The number of calls to affect from there on. Default: 1. */
  readonly times?: number;
};

export interface FaultsOf<Call extends AnyCall> {
  /** Injects a fault. Returns a function that removes it. */
  add(fault: FaultOf<Call>): () => void;
  clear(): void;
}

export interface FaultBoxOf<Call extends AnyCall> extends FaultsOf<Call> {
  meet(call: Call): FaultKind | undefined;
  /** Whether a fault of this kind is active. */
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
