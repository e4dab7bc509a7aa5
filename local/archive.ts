// A deployed archive as a folder: the same files are the same folder, so that Node finds what it has compiled of them
// before.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import { CACHE, hashOf } from './cache.ts';

const COMPILED = 'compiled';

/** An archive as a process gets it. */
export interface Unpacked {
  readonly folder: string;
  /**
   * Variables for the process's environment: it finds there what Node has compiled of the same code before
   * (`keepWhatIsCompiled`).
   */
  readonly compiled: Readonly<Record<string, string>>;
}

/**
 * Unpacks an archive, unless that has been done. Only Node writes into the folder: what it has compiled.
 *
 * @param files file name to text
 */
export function unpack(files: Readonly<Record<string, string>>): Unpacked {
  const folder = join(CACHE, hashOf(files));
  const compiled = join(folder, COMPILED);
  // Seen from there the code is in the same place for every folder, so one archive finds what was compiled for another
  // with the same code.
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

/** What Node compiles. Settings differ from stack to stack, their code does not. */
function codeOf(files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(files).filter(([name]) => /[.][cm]?js$/.test(name)));
}

/**
 * So many messages after its start a process has compiled what it uses all the time: Node compiles a function when it
 * is first called.
 */
const MESSAGES = 24;

/**
 * Keeps what Node compiles in this process for the next one with the same code, and takes the variables of `Unpacked`
 * out of the environment, which is the graph's and the cloud's. At its end would be too late: a process of a function
 * is killed.
 * Source: https://nodejs.org/api/module.html#module-compile-cache
 */
export function keepWhatIsCompiled(): void {
  delete process.env['NODE_COMPILE_CACHE'];
  delete process.env['NODE_COMPILE_CACHE_PORTABLE'];
  let messages = 0;
  process.on('message', () => {
    messages += 1;
    if (messages === MESSAGES) flushCompileCache();
  });
}
