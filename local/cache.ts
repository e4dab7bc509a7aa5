// What can be made again, kept in files for the next process. It goes away with the packages.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CACHE = fileURLToPath(new URL('../node_modules/.cache/pullgate-local', import.meta.url));

/** Stands for what it was made from: the same is the same, anything else is not. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/**
 * Makes a value, unless another process has.
 *
 * @param kind a word for what is kept
 * @param from all that the value depends on
 * @param make gives plain JSON
 */
export function kept<T>(kind: string, from: unknown, make: () => T): T {
  const folder = join(CACHE, kind);
  const file = join(folder, `${hashOf(from)}.json`);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as T;
  const made = make();
  mkdirSync(folder, { recursive: true });
  // Whoever reads it meanwhile finds all of it, or nothing.
  const making = `${file}.${process.pid}`;
  writeFileSync(making, JSON.stringify(made));
  renameSync(making, file);
  return made;
}
