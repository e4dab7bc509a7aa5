// What a service of the local Azure is to the server: its hosts, how it reads a request, and how it writes an answer
// and an error.
import type { Call } from './calls.ts';
import type { Failure } from './failure.ts';
import type { Principal } from './principals.ts';
import type { Need } from './roles.ts';
import type { ServiceName, WireAnswer, WireRequest } from './wire.ts';

/** A request that has been understood: what it is called, what it needs, and its work. */
export interface Step {
  /** `oci` for what container clients ask of a registry; by default the service's own name. */
  readonly service?: ServiceName;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** What the caller must be allowed, all of it; nothing for what needs a login only. */
  readonly needs: readonly Need[];
  readonly run: (call: Call) => WireAnswer | Promise<WireAnswer>;
}

export interface Service {
  readonly name: ServiceName;
  /**
   * Reads a request.
   *
   * @throws Failure if it is none of the service's
   */
  read(request: WireRequest): Step | Promise<Step>;
  /**
   * The caller.
   *
   * @throws Failure with status 401 if the caller is not known
   */
  authenticate(request: WireRequest, step: Step): Principal | Promise<Principal>;
  /** Answers a caller that lacks a right; by default status 403 with the code `AuthorizationFailed`. */
  readonly denied?: (message: string, request: WireRequest, step: Step) => Failure;
  /** Writes an error in the service's own shape. */
  refuse(failure: Failure, request: WireRequest): WireAnswer;
}
