// The log of the calls to the local Azure, and hooks that let a test act before or after a call.
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

/** The number of calls, as `{ 'acr:UpdateManifest': 2 }`. With a principal's id: only the calls by that principal. */
export type Calls = CallsOf<Call>;
export type CallLog = CallLogOf<Call>;

export function createCalls(): CallLog {
  return createCallLog<Call>(({ principal }) => principal.id);
}
