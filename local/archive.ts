// A deployed archive as a folder: the same files are the same folder, so that Node finds what it has compiled of them before.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where tools keep what can be made again. It goes away with the packages. */
const CACHE = fileURLToPath(new URL('../node_modules/.cache/pullgate-local', import.meta.url));

/** Makes a process keep what Node compiles, for the next one. Source: https://nodejs.org/api/module.html#module-compile-cache */
export const COMPILE_CACHE = { NODE_COMPILE_CACHE: join(CACHE, 'compiled') };

/**
 * Unpacks an archive, unless that has been done. Nobody writes into the folder.
 *
 * @param files file name to text
 * @returns the folder
 */
export function unpack(files: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256').update(JSON.stringify(files)).digest('hex');
  const folder = join(CACHE, hash);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const making = mkdtempSync(join(CACHE, 'making-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(making, name)), { recursive: true });
    writeFileSync(join(making, name), text);
  }
  try {
    renameSync(making, folder);
  } catch (error) {
    // Another process was faster.
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
