// The interface of a local Azure service to the server: its hosts, how it parses requests, and how it writes answers
// and errors.
import type { Call } from './calls.ts';
import type { Failure } from './failure.ts';
import type { Principal } from './principals.ts';
import type { Need } from './roles.ts';
import type { ServiceName, WireAnswer, WireRequest } from './wire.ts';

/** A parsed request: its operation, the permissions that it needs, and its work. */
export interface Step {
  /** `oci` for requests of container clients; otherwise the service's own name. */
  readonly service?: ServiceName;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The permissions that the caller needs, all of them. Empty if a login is enough. */
  readonly needs: readonly Need[];
  readonly run: (call: Call) => WireAnswer | Promise<WireAnswer>;
}

export interface Service {
  readonly name: ServiceName;
  /**
   * Parses a request.
   *
   * @throws Failure if the service does not support it
   */
  read(request: WireRequest): Step | Promise<Step>;
  /**
   * The caller.
   *
   * @throws Failure with status 401 if the caller is unknown
   */
  authenticate(request: WireRequest, step: Step): Principal | Promise<Principal>;
  /** The answer to a caller without a permission. Default: status 403 with the code `AuthorizationFailed`. */
  readonly denied?: (message: string, request: WireRequest, step: Step) => Failure;
  /** Writes an error in the service's own format. */
  refuse(failure: Failure, request: WireRequest): WireAnswer;
}
