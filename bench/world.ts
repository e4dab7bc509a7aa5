// A stack on a local cloud, with images and findings: what the bench measures on, independent of the cloud.
import { counted } from '../shared/report/sentences.ts';

/** The number of repositories, of images per repository, and of findings per image. */
export interface WorldSize {
  readonly repositories: number;
  readonly imagesEach: number;
  /**
   * The number of a repository's images that violate the policy. The other images' findings are below its threshold.
   * Default: all.
   */
  readonly violatingEach?: number;
  readonly findingsEach: number;
  /** The number of findings per report, if the scanner reports by package (Azure). Default: 1. */
  readonly findingsPerReport?: number;
  /** The number of the first repository, so that a later fill creates new repositories. Default: 0. */
  readonly first?: number;
  /** Whether pushes, findings and scans are events, too. Default: false. */
  readonly sendsEvents?: boolean;
}

/** The ids of reports, by repository, image and number. */
export type Findings = readonly (readonly (readonly string[])[])[];

/** Calls by name. */
export type Counts = Readonly<Record<string, number>>;

/** One invocation of the function. */
export interface Run {
  readonly peakMemoryMegabytes: number | undefined;
  /** Real time. */
  readonly durationMilliseconds: number;
}

/** The state after the work is done. */
export interface Ledger {
  /** The repositories that are closed or have a closed image. */
  readonly closed: ReadonlySet<string>;
  /** The repositories with a notice that they were closed or are waiting. */
  readonly notifiedClosed: ReadonlySet<string>;
  readonly notifiedWaiting: ReadonlySet<string>;
  /** The numbers of messages that are still in the queue and in the dead-letter or poison queue. */
  readonly queued: number;
  readonly dead: number;
}

export interface World {
  /** The function's memory. */
  readonly memoryMegabytes: number;
  /** Fills the registry. All images have the same advisories, like images with a common base. */
  fill(size: WorldSize): Promise<Findings>;
  /** Resolves these findings, with an event for each, and a newer scan of their image. */
  resolve(findings: readonly string[]): Promise<void>;
  /** Sends the events of these findings, in this order. */
  report(findings: readonly string[]): Promise<void>;
  /**
   * Handles all messages. On request, in a new process, so that the peak memory is its own.
   *
   * @param first the first invocation: a tick without a due sweep, or a sweep
   * @throws Error if an invocation failed or a message could not be handled
   */
  work(first?: 'tick' | 'sweep'): Promise<readonly Run[]>;
  /** Advances the clock and runs everything that falls due. */
  pass(milliseconds: number): Promise<readonly Run[]>;
  /**
   * Makes each of the function's calls take this many seconds longer. Undefined if an instance is billed for each
   * invocation, so that it does not matter which calls overlap (AWS).
   */
  readonly slowCalls?: (seconds: number) => void;
  /** Ends the function's process, so that the next peak memory is that of a new process. */
  renew(): Promise<void>;
  /** The cloud's time, in milliseconds since the epoch. */
  now(): number;
  /** The function's calls since the last `reset` or deployment. */
  count(): Counts;
  /** The billed units of these invocations, and of everything else since the last `reset`. */
  billed(runs: readonly Run[]): Counts;
  /** The bytes of the records, and of all rows that the scanner's export has written (0 if nothing is exported). */
  storedBytes(): { readonly records: number; readonly exported: number };
  reset(): void;
  ledger(): Ledger;
  /** The number of closed gates. */
  closed(): number;
  stop(): Promise<void>;
}

export interface DeployOptions {
  /** The brake. Default: the loosest that the config allows. */
  readonly maxClosesPerHour?: number;
  /** Default: 6. */
  readonly sweepHours?: number;
  /**
   * Whether to deploy the naive design in place of the function. It supports neither ticks nor sweeps. Default: false.
   */
  readonly isNaive?: boolean;
}

/** Deploys the stack, and runs the first tick. Its calls are not counted. */
export type Deploy = (options?: DeployOptions) => Promise<World>;

/** The loosest brake that the config allows. */
export const LOOSE = 1_000;

/** Creates the result of `World.fill`. */
export async function findingsOf(
  { repositories, imagesEach, violatingEach = imagesEach, first = 0 }: WorldSize,
  image: (repository: string, tag: string, violates: boolean) => Promise<readonly string[]>,
): Promise<Findings> {
  const all: (readonly string[])[][] = [];
  for (let index = 0; index < repositories; index++) {
    const images: (readonly string[])[] = [];
    for (let number = 0; number < imagesEach; number++) {
      images.push(await image(repositoryNamed(first + index), `v${number}`, number < violatingEach));
    }
    all.push(images);
  }
  return all;
}

export function repositoryNamed(index: number): string {
  return `team/app-${index}`;
}

/** Creates each vulnerability once. Images share them, as in the scanner's database. */
export function sharedBy<T>(make: (number: number, violates: boolean) => T): (number: number, violates: boolean) => T {
  const made = new Map<string, T>();
  return (number, violates) => {
    const key = `${number} ${violates}`;
    const one = made.get(key) ?? make(number, violates);
    made.set(key, one);
    return one;
  };
}

/** The bytes that the function itself logged. */
export function bytesOf(lines: readonly { readonly text: string }[]): number {
  return lines.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0);
}

/** The memory-time of all invocations together, at the function's configured memory. */
export function gigabyteSeconds(runs: readonly Run[], memoryMegabytes: number): number {
  const milliseconds = runs.reduce((sum, { durationMilliseconds }) => sum + durationMilliseconds, 0);
  return (milliseconds / 1000) * (memoryMegabytes / 1024);
}

/** @throws Error if an invocation did not answer, or a message reached the dead-letter or poison queue */
export function checkWorked(
  outcomes: readonly { readonly kind: string }[],
  dead: number,
  lastLine: string | undefined,
) {
  const failed = outcomes.find(({ kind }) => kind !== 'answered');
  if (failed === undefined && dead === 0) return;
  throw new Error(
    `the function failed: ${failed?.kind ?? 'every invocation answered'}, ${counted(dead, 'dead-letter message')}; its last log line is ${lastLine}`,
  );
}
