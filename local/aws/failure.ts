// An error answer of an AWS service, as a value that an operation throws.

export interface Failure extends Error {
  /** The service's error code, such as `RepositoryNotFoundException`. */
  readonly code: string;
  /** HTTP status. */
  readonly status: number;
}

export function failure(code: string, message: string, status = 400): Failure {
  return Object.assign(new Error(message), { code, status });
}

export function isFailure(error: unknown): error is Failure {
  return error instanceof Error && 'code' in error && 'status' in error && typeof error.status === 'number';
}
