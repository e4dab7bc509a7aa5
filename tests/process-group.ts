// A program of the project as a terminal runs it: in a process group of its own, of which nothing may be left.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CACHE } from '../local/cache.ts';

/**
 * For the environment of a program of the project: tests start some hundred, and each would compile the same code
 * again.
 */
export const COMPILED = { NODE_COMPILE_CACHE: join(CACHE, 'programs') };

const PROJECT = join(import.meta.dirname, '..');
const POLL_MILLISECONDS = 20;
/** npm neither asks the registry for a newer npm nor writes a log file. */
const QUIET_NPM = { npm_config_update_notifier: 'false', npm_config_logs_max: '0' };

export interface Started {
  readonly child: ChildProcess;
  /** What it has written so far. */
  readonly said: () => string;
  /** How it ended. */
  readonly ended: Promise<number | null>;
}

/** Starts a program, a path in the project, with nothing in its environment but the path, and what is given. */
export function startProgramOf(
  path: string,
  words: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Started {
  return start([process.execPath, join(PROJECT, path), ...words], environment);
}

/** Starts `npm start -- ...words`: npm itself is the child. */
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
 * Waits until the program has written this. The only limit is the test's own timeout.
 *
 * @throws Error if it ends without it
 */
export async function waitForOutput({ child, said }: Started, text: string): Promise<void> {
  while (!said().includes(text)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the program ended without writing ${JSON.stringify(text)}; it wrote: ${said()}`);
    await setTimeout(POLL_MILLISECONDS);
  }
}

/** Presses Ctrl-C: every process of the group gets the signal. */
export function interrupt({ child }: Started): void {
  process.kill(-(child.pid ?? 0), 'SIGINT');
}

/** Kills every process of the group that still runs. */
export function killGroup({ child }: Started): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // None is left.
  }
}

/** Waits until no process of the group runs. The only limit is the test's own timeout. */
export async function expectNoneLeft({ child }: Started): Promise<void> {
  while (isRunning(child.pid ?? 0)) await setTimeout(POLL_MILLISECONDS);
}

/** Does a process of this group run? One that has ended but was not waited for does not. */
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
