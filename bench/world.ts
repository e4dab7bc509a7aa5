// A stack on a local cloud, and images with findings for it: what the calls and the sweep are measured on, whichever
// cloud it is.

/** How many repositories with how many images, and how many findings each image has. */
export interface WorldSize {
  readonly repositories: number;
  readonly imagesEach: number;
  /**
   * How many of a repository's images violate the policy; the findings of the others are below its threshold. Default:
   * all.
   */
  readonly violatingEach?: number;
  readonly findingsEach: number;
  /** How many of them one report names, where the scanner reports by package (Azure). Default: 1. */
  readonly findingsPerReport?: number;
  /** The number of the first repository, so that what is filled later gets repositories of its own. Default: 0. */
  readonly first?: number;
  /** Whether pushes, findings and scans are events, too. Default: false. */
  readonly sendsEvents?: boolean;
}

/** The ids of reports by repository, image and number. */
export type Findings = readonly (readonly (readonly string[])[])[];

/** Calls by name. */
export type Counts = Readonly<Record<string, number>>;

/** One invocation of the function. */
export interface Run {
  readonly peakMemoryMegabytes: number | undefined;
  /** Wall clock. */
  readonly durationMilliseconds: number;
}

/** What there is when the work is done. */
export interface Ledger {
  /** The repositories that are closed, or have an image that is. */
  readonly closed: ReadonlySet<string>;
  /** The repositories that had a notice of their closing, or that they wait. */
  readonly notifiedClosed: ReadonlySet<string>;
  readonly notifiedWaiting: ReadonlySet<string>;
  /** Messages that are still in the queue, and that were given up. */
  readonly queued: number;
  readonly dead: number;
}

export interface World {
  /** Of the function. */
  readonly memoryMegabytes: number;
  /** Fills the registry. All images have the same advisories, as images of one base do. */
  fill(size: WorldSize): Promise<Findings>;
  /** Resolves these findings, with an event for each, and a scan of their image that is newer. */
  resolve(findings: readonly string[]): Promise<void>;
  /** Sends the event of each of these findings, in this order. */
  report(findings: readonly string[]): Promise<void>;
  /**
   * Hands over all messages, in a new process if that is asked for, whose peak is its own.
   *
   * @param first what comes before them: a tick when no sweep is due, or a sweep
   * @throws Error if an invocation failed, or a message could not be handled
   */
  work(first?: 'tick' | 'sweep'): Promise<readonly Run[]>;
  /** Lets time pass, with everything that falls due. */
  pass(milliseconds: number): Promise<readonly Run[]>;
  /** Ends the function's process: the next peak is a new one's. */
  renew(): Promise<void>;
  /** The cloud's time, in milliseconds since the epoch. */
  now(): number;
  /** The function's calls since the last `reset`, and since the deployment. */
  count(): Counts;
  /** What of these invocations is billed, and of what else happened since the last `reset`. */
  billed(runs: readonly Run[]): Counts;
  /** The bytes of the records, and of all rows that the scanner's export has written (0 if nothing is exported). */
  storedBytes(): { readonly records: number; readonly exported: number };
  reset(): void;
  ledger(): Ledger;
  /** How many gates are closed. */
  closed(): number;
  stop(): Promise<void>;
}

export interface DeployOptions {
  /** The brake. Default: as loose as the config allows. */
  readonly maxClosesPerHour?: number;
  /** Default: 6. */
  readonly sweepHours?: number;
  /** The naive design in the place of the function, which knows neither ticks nor sweeps. Default: false. */
  readonly isNaive?: boolean;
}

/** Deploys the stack; the first tick is done, and no call is counted yet. */
export type Deploy = (options?: DeployOptions) => Promise<World>;

/** The loosest brake that the config allows. */
export const LOOSE = 1_000;

/** Makes what `World.fill` answers with. */
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

/** Makes each vulnerability once: images share them, as they do in the scanner's database. */
export function sharedBy<T>(make: (number: number, violates: boolean) => T): (number: number, violates: boolean) => T {
  const made = new Map<string, T>();
  return (number, violates) => {
    const key = `${number} ${violates}`;
    const one = made.get(key) ?? make(number, violates);
    made.set(key, one);
    return one;
  };
}

/** The bytes of the function's own log lines. */
export function bytesOf(lines: readonly { readonly text: string }[]): number {
  return lines.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0);
}

/** What all invocations took together, at the function's memory. */
export function gigabyteSeconds(runs: readonly Run[], memoryMegabytes: number): number {
  const milliseconds = runs.reduce((sum, { durationMilliseconds }) => sum + durationMilliseconds, 0);
  return (milliseconds / 1000) * (memoryMegabytes / 1024);
}

/** @throws Error if an invocation did not answer, or a message was given up */
export function checkWorked(
  outcomes: readonly { readonly kind: string }[],
  dead: number,
  lastLine: string | undefined,
) {
  const failed = outcomes.find(({ kind }) => kind !== 'answered');
  if (failed === undefined && dead === 0) return;
  throw new Error(
    `the function did not do its work: ${failed?.kind ?? 'every invocation answered'}, ${dead} messages given up; the end of its log is ${lastLine}`,
  );
}
