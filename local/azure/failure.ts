// An error answer of an Azure service, as a value that an operation throws. The service writes it in its own format.

export interface Failure extends Error {
  /** The service's error code, such as `ResourceNotFound`. */
  readonly code: string;
  /** HTTP status. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Further details in a registry's error. */
  readonly detail?: unknown;
}

export function failure(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Failure {
  return Object.assign(new Error(message), { code, status, headers });
}

export function isFailure(error: unknown): error is Failure {
  return error instanceof Error && 'code' in error && 'status' in error && 'headers' in error;
}
