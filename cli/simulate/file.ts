// Writes a file whole or not at all, whatever happens in between.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { sentenceOf, UsageError } from '../terminal/ending.ts';

/**
 * Writes beside the file first, and then takes its place.
 *
 * @throws UsageError where it cannot be written; the file is then as it was
 */
export function writeWhole(file: string, text: string): void {
  const beside = `${file}.${process.pid}.tmp`;
  // With a listener a Ctrl-C does not end the process in the middle; after this there is nothing left to stop.
  const wait = () => {};
  process.once('SIGINT', wait);
  try {
    writeFileSync(beside, text);
    renameSync(beside, file);
  } catch (cause) {
    rmSync(beside, { force: true });
    throw new UsageError(`${file} cannot be written (${sentenceOf(cause)}): give a file in a folder that is there`, {
      cause,
    });
  } finally {
    process.removeListener('SIGINT', wait);
  }
}
