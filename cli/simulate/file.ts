// Writes a file completely or not at all.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { sentenceOf, UsageError } from '../terminal/ending.ts';

/**
 * Writes to a temporary file, which then replaces the file.
 *
 * @throws UsageError if the file cannot be written; it is then unchanged
 */
export function writeWhole(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  // With this listener, Ctrl-C does not end the process before the file is complete.
  const wait = () => {};
  process.once('SIGINT', wait);
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, file);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new UsageError(`${file} cannot be written (${sentenceOf(cause)}): give a file in an existing folder`, {
      cause,
    });
  } finally {
    process.removeListener('SIGINT', wait);
  }
}
