// Reads the files that options name, and writes a file completely or not at all.
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { sentenceOf, UsageError } from './ending.ts';

/**
 * Reads a text.
 *
 * @param form what to give instead if it cannot be read
 * @param name what the file is called in the error. Default: its path
 * @throws UsageError if it cannot be read
 */
export async function readText(file: string, form: string, name = file): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${name} cannot be read (${sentenceOf(cause)}): give ${form}`, { cause });
  }
}

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
    throw unwritable(file, cause);
  } finally {
    process.removeListener('SIGINT', wait);
  }
}

/**
 * Checks that the file can be written later, before work that would be lost. Leaves it as it is.
 *
 * @throws UsageError if it cannot be written
 */
export function expectWritable(file: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw new Error('it is a folder');
    writeFileSync(temporary, '');
  } catch (cause) {
    throw unwritable(file, cause);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function unwritable(file: string, cause: unknown): UsageError {
  return new UsageError(`${file} cannot be written (${sentenceOf(cause)}): give a file in an existing folder`, {
    cause,
  });
}
