// Many runs, some at a time, on one cloud or both.
import type { Program } from './cloud.ts';
import { type CloudName, type RunResult, run } from './run.ts';

export interface Many extends Program {
  readonly clouds: readonly CloudName[];
  /** They run in this order. */
  readonly seeds: readonly number[];
  /** The number of runs at a time. They spend more time waiting for functions than computing. */
  readonly atOnce: number;
  /** Stops once this many seeds have led to such a complaint. Default: runs all seeds. */
  readonly until?: { readonly sign: RegExp; readonly seeds: number };
  /** Is called with each result as its run ends. */
  readonly heard?: (result: RunResult) => void;
}

export interface Total {
  readonly seeds: number;
  readonly events: number;
  readonly calls: number;
  readonly crashes: number;
  readonly minutes: number;
  readonly failed: readonly RunResult[];
}

/** Consecutive seeds. */
export function seedsFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** The runs that led to a complaint like this. */
export function runsWith(results: readonly RunResult[], sign: RegExp): readonly RunResult[] {
  return results.filter(({ complaints }) => complaints.some((complaint) => sign.test(complaint)));
}

export async function runMany({ clouds, seeds, atOnce, until, heard, ...options }: Many): Promise<Total> {
  const startedAt = performance.now();
  const total = { seeds: 0, events: 0, calls: 0, crashes: 0 };
  const failed: RunResult[] = [];
  const queue = [...seeds];
  const isFound = () => until !== undefined && runsWith(failed, until.sign).length >= until.seeds;
  const work = async (): Promise<void> => {
    for (let seed = queue.shift(); seed !== undefined && !isFound(); seed = queue.shift()) {
      for (const cloud of clouds) {
        const result = await run(cloud, seed, options);
        total.events += result.events;
        total.calls += result.calls;
        total.crashes += result.crashes;
        if (result.complaints.length > 0) failed.push(result);
        heard?.(result);
      }
      total.seeds += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { ...total, failed, minutes: (performance.now() - startedAt) / 60_000 };
}

/** The complaints of a run, and the command that repeats it. */
export function describeFailure({ cloud, seed, complaints }: RunResult): string {
  const lines = complaints.map((complaint) => `  ${complaint}`);
  return [`seed ${seed} on ${cloud}:`, ...lines, `  again: npm run chaos -- --seed ${seed} --cloud ${cloud}`].join(
    '\n',
  );
}

/** The figures of many runs, in one line. */
export function describeTotal({ seeds, events, calls, crashes, minutes, failed }: Total): string {
  const rate = (seeds / minutes).toFixed(1);
  return `${seeds} seeds, ${events} events, ${calls} calls, ${crashes} kills; ${failed.length} failed; ${rate} seeds a minute`;
}
