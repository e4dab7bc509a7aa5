// A request and an answer on the wire, independent of any service.

/** The names under which calls are counted, as in `acr:UpdateManifest`. */
export type ServiceName = 'acr' | 'oci' | 'arm' | 'graph' | 'logs' | 'queue' | 'table' | 'mail';

export interface WireRequest {
  readonly method: string;
  /** The requested production host name, in lower case. */
  readonly host: string;
  /** The full URL: `https://HOST/PATH?QUERY`. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** The ARM id of the subnet that the request comes from. Undefined if it comes from the Internet. */
  readonly subnetId: string | undefined;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): WireAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  };
}

/** A header's value; if the header occurs twice, the first value. */
export function header({ headers }: WireRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The body as JSON if it is an object. */
export function jsonBody({ body }: WireRequest): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
