// Unpacks a deployed archive into a folder. Identical files share one folder, so that Node reuses what it compiled
// earlier.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import { CACHE, hashOf } from './cache.ts';

const COMPILED = 'compiled';

/** An unpacked archive. */
export interface Unpacked {
  readonly folder: string;
  /**
   * Environment variables for the process, so that Node reuses the compile cache of the same code
   * (`keepCompileCache`).
   */
  readonly compiled: Readonly<Record<string, string>>;
}

/**
 * Unpacks an archive, unless it is already unpacked. Only Node writes into the folder, for its compile cache.
 *
 * @param files file name to text
 */
export function unpack(files: Readonly<Record<string, string>>): Unpacked {
  const folder = join(CACHE, hashOf(files));
  const compiled = join(folder, COMPILED);
  // Node stores paths relative to a portable cache. They are the same in every folder, so archives with the same code
  // share one.
  const variables = { NODE_COMPILE_CACHE: compiled, NODE_COMPILE_CACHE_PORTABLE: '1' };
  if (existsSync(folder)) return { folder, compiled: variables };
  const shared = join(CACHE, COMPILED, hashOf(codeOf(files)));
  mkdirSync(shared, { recursive: true });
  const making = mkdtempSync(join(CACHE, 'making-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(making, name)), { recursive: true });
    writeFileSync(join(making, name), text);
  }
  symlinkSync(shared, join(making, COMPILED), 'junction');
  try {
    renameSync(making, folder);
  } catch (error) {
    // Another process was faster.
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return { folder, compiled: variables };
}

/** The files that Node compiles. Settings differ from stack to stack, but the code does not. */
function codeOf(files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(files).filter(([name]) => /[.][cm]?js$/.test(name)));
}

/**
 * After this many messages, a process has compiled what it uses all the time: Node compiles a function on its first
 * call.
 */
const MESSAGES = 24;

/**
 * Writes the compile cache of this process for the next one with the same code, and removes the variables of `Unpacked`
 * from the environment, which belongs to the graph and the cloud. Writing it at the end of the process would be too
 * late: a function's process is killed.
 * Source: https://nodejs.org/api/module.html#module-compile-cache
 */
export function keepCompileCache(): void {
  delete process.env['NODE_COMPILE_CACHE'];
  delete process.env['NODE_COMPILE_CACHE_PORTABLE'];
  let messages = 0;
  process.on('message', () => {
    messages += 1;
    if (messages === MESSAGES) flushCompileCache();
  });
}
