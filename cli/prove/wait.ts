// Waits for what the scanner or the deployed function does, with progress and a limit.
import type { Instant } from '../../shared/policy/finding.ts';
import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import { sentenceOf } from '../terminal/ending.ts';
import type { Progress } from '../terminal/progress.ts';

export interface Waiting {
  readonly now: () => Instant;
  /** Ends early if the signal is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** A wait reached its limit. */
export class TimedOut extends Error {}

/** The operator ended the run. */
export class Interrupted extends Error {}

const SHORTEST_PAUSE_MILLISECONDS = 10_000;
const LONGEST_PAUSE_MILLISECONDS = 60_000;
/** A long wait needs no exact end: its pauses are this part of the time that has passed. */
const PAUSE_PART = 0.05;

/** One request that fails must not end a wait of hours. */
const MAX_FAILURES_IN_A_ROW = 5;

/**
 * Asks until there is an answer.
 *
 * @param what is waited for: `the scanner to report the image`
 * @throws TimedOut at the limit, Interrupted after Ctrl-C, or what `ask` throws several times in a row
 */
export async function waitFor<T>(
  what: string,
  limitMinutes: number,
  ask: () => Promise<T | undefined>,
  { now, sleep, signal, progress }: Waiting,
): Promise<T> {
  const start = Date.parse(now());
  const limit = limitMinutes * MINUTE_MILLISECONDS;
  const failures: unknown[] = [];
  try {
    for (;;) {
      if (signal.aborted) throw new Interrupted();
      const answer = await askOnce(ask, failures);
      if (answer !== undefined) return answer;
      const waited = Date.parse(now()) - start;
      if (waited >= limit) throw timedOut(`waited ${spanOf(waited / 1000)} for ${what}`, failures);
      progress.show(() => `waiting for ${what}: ${spanOf(waited / 1000)} of at most ${limitMinutes}m`);
      await sleep(Math.min(pauseAfter(waited), limit - waited), signal);
    }
  } finally {
    progress.end();
  }
}

/** Collects the failures since the last request that was answered. */
async function askOnce<T>(ask: () => Promise<T | undefined>, failures: unknown[]): Promise<T | undefined> {
  try {
    const answer = await ask();
    failures.length = 0;
    return answer;
  } catch (error) {
    failures.push(error);
    if (failures.length === MAX_FAILURES_IN_A_ROW) throw error;
    return undefined;
  }
}

function timedOut(waited: string, failures: readonly unknown[]): TimedOut {
  if (failures.length === 0) return new TimedOut(waited);
  const cause = failures.at(-1);
  return new TimedOut(`${waited}, and the last request failed (${sentenceOf(cause)})`, { cause });
}

function pauseAfter(waited: number): number {
  return Math.min(LONGEST_PAUSE_MILLISECONDS, Math.max(SHORTEST_PAUSE_MILLISECONDS, Math.round(waited * PAUSE_PART)));
}

/** `42s`, `3m 20s`, `1h 5m`. */
export function spanOf(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
}
