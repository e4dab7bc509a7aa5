// Fault injection for AWS's services and its event bus.
import { createFaultBox, type FaultBoxOf, type FaultOf, type FaultsOf } from '../faults.ts';
import type { BusEvent } from './bus-event.ts';
import type { Call } from './calls.ts';

export type Fault = FaultOf<Call>;

export type BusFault = (
  | { readonly kind: 'lose' }
  /** The number of times the event is delivered. */
  | { readonly kind: 'duplicate'; readonly copies: number }
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** The event overtakes all waiting messages of the queue, so that a series of events arrives in reverse. */
  | { readonly kind: 'reorder' }
) & {
  readonly where?: (event: BusEvent) => boolean;
  /** The number of events to affect. Default: all. */
  readonly times?: number;
};

export interface Faults extends FaultsOf<Call> {
  addToBus(fault: BusFault): () => void;
}

export interface FaultBox extends Faults, FaultBoxOf<Call> {
  meetOnBus(event: BusEvent): readonly BusFault[];
}

export function createFaults(): FaultBox {
  const ofCalls = createFaultBox<Call>();
  const armedOnBus = new Map<BusFault, { met: number }>();
  return {
    ...ofCalls,
    addToBus(fault) {
      armedOnBus.set(fault, { met: 0 });
      return () => void armedOnBus.delete(fault);
    },
    clear() {
      ofCalls.clear();
      armedOnBus.clear();
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
