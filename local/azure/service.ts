// What a service of the local Azure is to the server: its hosts, how it reads a request, and how it writes an answer and an error.
import type { Call } from './calls.ts';
import type { Failure } from './failure.ts';
import type { Principal } from './principals.ts';
import type { Need } from './roles.ts';

/** The names under which calls are counted, as in `acr:UpdateManifest`. */
export type ServiceName = 'acr' | 'oci' | 'arm' | 'logs' | 'queue' | 'table' | 'mail';

export interface WireRequest {
  readonly method: string;
  /** The production host name that was asked, in lower case. */
  readonly host: string;
  /** Of the whole request: `https://HOST/PATH?QUERY`. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

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
   * @throws Failure where it is none of the service's
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

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): WireAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  };
}

/** A header's value; of one that was sent twice, the first. */
export function header({ headers }: WireRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The body as JSON, where it is an object. */
export function jsonBody({ body }: WireRequest): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
