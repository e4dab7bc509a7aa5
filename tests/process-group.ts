// Runs a program of the project like a terminal does: in its own process group, which must be empty in the end.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CACHE } from '../local/cache.ts';

/** A compile cache for the programs: the tests start about a hundred, and each would compile the same code again. */
export const COMPILED = { NODE_COMPILE_CACHE: join(CACHE, 'programs') };

const PROJECT = join(import.meta.dirname, '..');
const POLL_MILLISECONDS = 20;
/** Keeps npm from checking for a newer npm and from writing a log file. */
const QUIET_NPM = { npm_config_update_notifier: 'false', npm_config_logs_max: '0' };

export interface Started {
  readonly child: ChildProcess;
  /** The output so far. */
  readonly said: () => string;
  /** How it ended. */
  readonly ended: Promise<number | null>;
}

/** Starts a program of the project. Its environment has only PATH and the given variables. */
export function startProgramOf(
  path: string,
  words: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Started {
  return start([process.execPath, join(PROJECT, path), ...words], environment);
}

/** Starts `npm start -- ...words`, with npm as the child process. */
export function startNpm(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Started {
  return start(['npm', 'start', '--', ...words], { ...QUIET_NPM, ...environment });
}

function start([file = '', ...words]: readonly string[], environment: Readonly<Record<string, string>>): Started {
  const child = spawn(file, words, {
    cwd: PROJECT,
    detached: true,
    env: { PATH: process.env['PATH'], ...COMPILED, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (text += part));
  return { child, said: () => text, ended: once(child, 'close').then(([code]) => code) };
}

/**
 * Waits until the program has written this text. The only limit is the test's timeout.
 *
 * @throws Error if the program ends without writing it
 */
export async function waitForOutput({ child, said }: Started, text: string): Promise<void> {
  while (!said().includes(text)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the program ended without writing ${JSON.stringify(text)}; it wrote: ${said()}`);
    await setTimeout(POLL_MILLISECONDS);
  }
}

/** Presses Ctrl-C: sends the signal to every process of the group. */
export function interrupt({ child }: Started): void {
  process.kill(-(child.pid ?? 0), 'SIGINT');
}

/** Kills every process of the group that still runs. */
export function killGroup({ child }: Started): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // No process is left.
  }
}

/** Waits until no process of the group runs. The only limit is the test's timeout. */
export async function expectNoneLeft({ child }: Started): Promise<void> {
  while (isRunning(child.pid ?? 0)) await setTimeout(POLL_MILLISECONDS);
}

/** Is a process of this group running? A zombie process does not count. */
export function isRunning(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch {
    return false;
  }
  return process.platform !== 'linux' || commandsIn(group).length > 0;
}

/** The command lines of a group's running processes. Linux only. */
export function commandsIn(group: number): readonly string[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const [, state, processGroup] = /^\d+ \(.*\) (\S) \d+ (\d+)/s.exec(readProcess(name, 'stat')) ?? [];
    if (processGroup !== String(group) || state === 'Z') return [];
    return [readProcess(name, 'cmdline').replaceAll('\0', ' ').trim()];
  });
}

function readProcess(id: string, file: 'stat' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${id}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
