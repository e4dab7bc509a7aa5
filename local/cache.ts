// What can be made again, kept in files for the next process. It goes away with the packages.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CACHE = fileURLToPath(new URL('../node_modules/.cache/pullgate-local', import.meta.url));

/** Stands for what it was made from: the same is the same, anything else is not. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/**
 * What an earlier process has kept; undefined if none has.
 *
 * @param kind a word for what is kept
 * @param from all that it was made from
 */
export function recall<T>(kind: string, from: unknown): T | undefined {
  const file = fileOf(kind, from);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

/** Keeps what is JSON for `recall`. */
export function keep(kind: string, from: unknown, value: object): void {
  const file = fileOf(kind, from);
  mkdirSync(dirname(file), { recursive: true });
  // A concurrent reader finds all of it, or nothing.
  const making = `${file}.${process.pid}`;
  writeFileSync(making, JSON.stringify(value));
  renameSync(making, file);
}

function fileOf(kind: string, from: unknown): string {
  return join(CACHE, kind, `${hashOf(from)}.json`);
}
