// The log of what was asked of the local Azure, and the places where a test may step in between.
import { type CallLogOf, type CallsOf, createCallLog } from '../calls.ts';
import type { Principal } from './principals.ts';
import type { ServiceName } from './wire.ts';

/** One request, of an SDK client or of a container client (`oci`). */
export interface Call {
  readonly service: ServiceName;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly principal: Principal;
}

/** Counted as `{ 'acr:UpdateManifest': 2 }`; with a principal's id, its calls only. */
export type Calls = CallsOf<Call>;
export type CallLog = CallLogOf<Call>;

export function createCalls(): CallLog {
  return createCallLog<Call>(({ principal }) => principal.id);
}
