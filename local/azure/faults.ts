// Fault injection for Azure's services.
import { createFaultBox, type FaultBoxOf, type FaultOf, type FaultsOf } from '../faults.ts';
import type { Call } from './calls.ts';

export type Fault = FaultOf<Call>;
export type Faults = FaultsOf<Call>;
export type FaultBox = FaultBoxOf<Call>;

export function createFaults(): FaultBox {
  return createFaultBox<Call>();
}
