// The log of the calls to the local AWS, and hooks that let a test act before or after a call.
import { type CallLogOf, type CallsOf, createCallLog } from '../calls.ts';
import type { Principal } from './principals.ts';
import type { Service } from './protocol.ts';

/** One request: of an SDK client (`ecr`, `inspector2`, ...) or of a container client (`oci`). */
export interface Call {
  readonly service: Service | 'oci';
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly principal: Principal;
  readonly accessKeyId: string;
}

export type Calls = CallsOf<Call>;
export type CallLog = CallLogOf<Call>;

export function createCalls(): CallLog {
  return createCallLog<Call>(({ principal }) => principal.arn);
}
