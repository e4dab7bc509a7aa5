// Caches derived data in files for later processes, in a folder that is deleted with the packages.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CACHE = fileURLToPath(new URL('../node_modules/.cache/pullgate-local', import.meta.url));

/** A key for the input: equal inputs have equal keys, different inputs have different keys. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/**
 * Returns the value that an earlier process cached, or undefined.
 *
 * @param kind a name for the kind of value
 * @param from everything that the value was derived from
 */
export function recall<T>(kind: string, from: unknown): T | undefined {
  const file = fileOf(kind, from);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

/** Caches a JSON value for `recall`. */
export function keep(kind: string, from: unknown, value: object): void {
  const file = fileOf(kind, from);
  mkdirSync(dirname(file), { recursive: true });
  // The rename is atomic: a concurrent reader finds the whole file or none.
  const making = `${file}.${process.pid}`;
  writeFileSync(making, JSON.stringify(value));
  renameSync(making, file);
}

function fileOf(kind: string, from: unknown): string {
  return join(CACHE, kind, `${hashOf(from)}.json`);
}
