// The log of what was asked of the local AWS, and the places where a test may step in between.
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
