// A program of the project as a terminal runs it: in a process group of its own, of which nothing may be left.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { CACHE } from '../local/cache.ts';

/** For the environment of a program of the project: tests start some hundred, and each would compile the same code again. */
export const COMPILED = { NODE_COMPILE_CACHE: join(CACHE, 'programs') };

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
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', path), ...words], {
    detached: true,
    env: { PATH: process.env['PATH'], ...COMPILED, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (text += part));
  return { child, said: () => text, ended: once(child, 'close').then(([code]) => code) };
}

/** Presses Ctrl-C: every process of the group hears of it. */
export function interrupt({ child }: Started): void {
  process.kill(-(child.pid ?? 0), 'SIGINT');
}

export async function expectNoneLeft({ child }: Started): Promise<void> {
  await vi.waitFor(() => expect(isRunning(child.pid ?? 0)).toBe(false), { timeout: 5_000 });
}

/** Is a process of this group still running? One that has ended, and that nobody has asked for its exit code, is not. */
export function isRunning(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((name) => {
    const [, state, processGroup] = /^\d+ \(.*\) (\S) \d+ (\d+)/s.exec(/^\d+$/.test(name) ? statOf(name) : '') ?? [];
    return processGroup === String(group) && state !== 'Z';
  });
}

function statOf(id: string): string {
  try {
    return readFileSync(`/proc/${id}/stat`, 'utf8');
  } catch {
    return '';
  }
}
