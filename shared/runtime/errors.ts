// Describes an error for a log line.

/** The name and message of an error. Other thrown values are converted to text. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
