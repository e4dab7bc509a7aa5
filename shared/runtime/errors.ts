// An error in one line of the log.

/** Its name and its message. What was thrown and is no error is written as text. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
