// Describes errors: for a log line, and of a row that cannot be read.

/** The name and message of an error. Other thrown values are converted to text. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/**
 * Decodes a row of the table.
 *
 * @param name the key of the row and its table, for a person who has to find it
 * @throws Error that names the row
 */
export function decodeRow<T>(name: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new Error(`the row ${name} cannot be read (${describeError(cause)})`, { cause });
  }
}
