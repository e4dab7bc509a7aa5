// Writes a file completely or not at all.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { sentenceOf, UsageError } from '../terminal/ending.ts';

/**
 * Writes to a temporary file first, which then replaces the file.
 *
 * @throws UsageError if it cannot be written; the file is then unchanged
 */
export function writeWhole(file: string, text: string): void {
  const beside = `${file}.${process.pid}.tmp`;
  // With a listener, Ctrl-C does not end the process before the file is complete.
  const wait = () => {};
  process.once('SIGINT', wait);
  try {
    writeFileSync(beside, text);
    renameSync(beside, file);
  } catch (cause) {
    rmSync(beside, { force: true });
    throw new UsageError(`${file} cannot be written (${sentenceOf(cause)}): give a file in an existing folder`, {
      cause,
    });
  } finally {
    process.removeListener('SIGINT', wait);
  }
}
