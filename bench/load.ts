// Loads a stack with a burst of events, one vulnerability in many repositories, and a sweep over everything, and
// measures the naive design for comparison.
import { MAX_GATES } from '../shared/reconcile/deliver.ts';
import { counted } from '../shared/report/sentences.ts';
import { HOUR_MILLISECONDS, MINUTE_MILLISECONDS } from '../shared/runtime/time.ts';
import type { Scale } from './part.ts';
import { type Counts, type Deploy, type Ledger, LOOSE, type Run, repositoryNamed, type World } from './world.ts';

/** The size of a load. Each repository has one image, and all of its findings violate the policy. */
export interface LoadSize {
  /** The burst: the number of repositories, small and large. Every finding comes as an event, image by image. */
  readonly burst: readonly [small: number, large: number];
  readonly findingsEach: number;
  /** The number of an image's findings per report in the sweep. */
  readonly findingsPerReport: number;
  /** A newly disclosed vulnerability: the number of affected repositories, small and large. */
  readonly disclosed: readonly [small: number, large: number];
  /** The brake with which the large one is repeated. */
  readonly brake: number;
  /** The number of repositories of a sweep, small and large. */
  readonly sweep: readonly [small: number, large: number];
}

/** The measurements of one load. */
export interface Episode {
  readonly repositories: number;
  readonly findings: number;
  readonly invocations: number;
  /** The function's calls, by name. */
  readonly calls: Counts;
  readonly billed: Counts;
  /** The time until the queue was empty, for function and local cloud together. */
  readonly seconds: number;
  readonly peakMegabytes: number;
}

/** The hours until all gates are closed if the brake is `maxClosesPerHour`. */
export interface Braked {
  readonly repositories: number;
  readonly brake: number;
  readonly hours: number;
}

export interface SweepLoad {
  readonly memoryMegabytes: number;
  /** The small sweep, the large one, and the next large one without changes. */
  readonly sweep: { readonly small: Episode; readonly large: Episode; readonly next: Episode };
  readonly braked: readonly Braked[];
}

export interface Load extends SweepLoad {
  readonly burst: { readonly small: Episode; readonly large: Episode; readonly naive: Episode };
  readonly disclosed: { readonly small: Episode; readonly large: Episode; readonly naive: Episode };
  /** The large burst again, if each call of the function takes a while. Undefined if that does not matter. */
  readonly slow: { readonly ours: Episode; readonly naive: Episode } | undefined;
}

/** Long enough that no sweep happens while gates wait for the brake. */
const SWEEP_HOURS = 24;

/**
 * Sends a load.
 *
 * @param secondsEachCall how long each call takes in the real cloud
 * @throws Error if something is lost: a gate that is neither closed nor waiting, a message, or the notice of a state
 *   change
 */
export async function load(deploy: Deploy, size: LoadSize, secondsEachCall: number): Promise<Load> {
  const { burst, disclosed } = await events(deploy, size, false);
  const naive = await events(deploy, size, true);
  const slow = await slowBurst(deploy, size, { isNaive: false, secondsEachCall });
  const slowNaive = await slowBurst(deploy, size, { isNaive: true, secondsEachCall });
  const swept = await sweepLoad(deploy, size);
  return {
    ...swept,
    slow: slow === undefined || slowNaive === undefined ? undefined : { ours: slow, naive: slowNaive },
    burst: { ...burst, naive: naive.burst.large },
    disclosed: { ...disclosed, naive: naive.disclosed.large },
    braked: [
      // All gates were closed once their events had been handled; otherwise, there would have been an error.
      { repositories: size.disclosed[1], brake: LOOSE, hours: 0 },
      await braked(deploy, size),
      ...swept.braked,
    ],
  };
}

/** Only the sweeps of a load. @throws Error as `load` does */
export async function sweepLoad(deploy: Deploy, size: LoadSize): Promise<SweepLoad> {
  const [smallSweep, largeSweep] = size.sweep;
  const small = await sweep(deploy, size, smallSweep);
  const large = await sweep(deploy, size, largeSweep);
  return {
    memoryMegabytes: large.memoryMegabytes,
    sweep: { small: small.first, large: large.first, next: large.next },
    braked: [{ repositories: largeSweep, brake: LOOSE, hours: large.hours }],
  };
}

type Pair = { readonly small: Episode; readonly large: Episode };

/** The burst and the disclosed vulnerability, both in both sizes. The naive design gets only the large ones. */
async function events(deploy: Deploy, size: LoadSize, isNaive: boolean): Promise<{ burst: Pair; disclosed: Pair }> {
  const world = await deploy({ sweepHours: SWEEP_HOURS, isNaive });
  let first = 0;
  const one = async (repositories: number, findingsEach: number): Promise<Episode> => {
    const reports = (await world.fill({ first, repositories, imagesEach: 1, findingsEach })).flat(2);
    await world.renew();
    world.reset();
    await world.report(reports);
    const episode = await measure(world, { repositories, findings: reports.length }, () => world.work());
    checkNothingLost(world.ledger(), names(first, repositories), isNaive ? 'naive' : 'closed');
    first += repositories;
    return episode;
  };
  const pair = async ([small, large]: readonly [number, number], findingsEach: number): Promise<Pair> => {
    const one0 = isNaive ? undefined : await one(small, findingsEach);
    const other = await one(large, findingsEach);
    return { small: one0 ?? other, large: other };
  };
  try {
    return { burst: await pair(size.burst, size.findingsEach), disclosed: await pair(size.disclosed, 1) };
  } finally {
    await world.stop();
  }
}

/** The large burst with slow calls: which of them overlap decides for how long an instance is billed. */
async function slowBurst(
  deploy: Deploy,
  { burst: [, repositories], findingsEach }: LoadSize,
  { isNaive, secondsEachCall }: { readonly isNaive: boolean; readonly secondsEachCall: number },
): Promise<Episode | undefined> {
  const world = await deploy({ sweepHours: SWEEP_HOURS, isNaive });
  try {
    if (world.slowCalls === undefined) return undefined;
    const reports = (await world.fill({ repositories, imagesEach: 1, findingsEach })).flat(2);
    world.slowCalls(secondsEachCall);
    world.reset();
    await world.report(reports);
    const episode = await measure(world, { repositories, findings: reports.length }, () => world.work());
    checkNothingLost(world.ledger(), names(0, repositories), isNaive ? 'naive' : 'closed');
    return episode;
  } finally {
    await world.stop();
  }
}

/** The hours until all gates are closed with the tight brake. */
async function braked(deploy: Deploy, { disclosed: [, repositories], brake }: LoadSize): Promise<Braked> {
  const world = await deploy({ maxClosesPerHour: brake, sweepHours: SWEEP_HOURS });
  try {
    await world.report((await world.fill({ repositories, imagesEach: 1, findingsEach: 1 })).flat(2));
    await world.work();
    return { repositories, brake, hours: await hoursUntilClosed(world, repositories) };
  } finally {
    await world.stop();
  }
}

/** A sweep over repositories without events, the hours until the brake has admitted all of them, and one more sweep. */
async function sweep(deploy: Deploy, size: LoadSize, repositories: number) {
  const { findingsEach, findingsPerReport } = size;
  const world = await deploy({ sweepHours: SWEEP_HOURS });
  try {
    await world.fill({ repositories, imagesEach: 1, findingsEach, findingsPerReport });
    const what = { repositories, findings: repositories * findingsEach };
    world.reset();
    const first = await measure(world, what, () => world.work('sweep'));
    const hours = await hoursUntilClosed(world, repositories);
    world.reset();
    const next = await measure(world, what, () => world.work('sweep'));
    checkNothingLost(world.ledger(), names(0, repositories), 'closed');
    return { memoryMegabytes: world.memoryMegabytes, first, hours, next };
  } finally {
    await world.stop();
  }
}

/** Runs the work and measures it. Includes the calls since the last `reset`. */
async function measure(
  world: World,
  what: Pick<Episode, 'repositories' | 'findings'>,
  work: () => Promise<readonly Run[]>,
): Promise<Episode> {
  const startedAt = performance.now();
  const runs = await work();
  return {
    ...what,
    invocations: runs.length,
    calls: world.count(),
    billed: world.billed(runs),
    seconds: (performance.now() - startedAt) / 1000,
    peakMegabytes: Math.max(...runs.map(({ peakMemoryMegabytes }) => peakMemoryMegabytes ?? 0)),
  };
}

/**
 * The hours until every gate is closed. A tick comes every five minutes, and the first ones deliver the notices.
 *
 * @throws Error if a gate that is still open has no notice then, or if gates are still open after an hour per gate
 */
async function hoursUntilClosed(world: World, repositories: number): Promise<number> {
  const startedAt = world.now();
  const gates = names(0, repositories);
  const noticeTicks = Math.ceil(repositories / MAX_GATES);
  for (let tick = 0; world.ledger().closed.size < repositories; tick++) {
    if (tick > 12 * (repositories + 1)) throw new Error(`only ${world.closed()} of ${repositories} gates closed`);
    if (tick === noticeTicks) checkNothingLost(world.ledger(), gates, 'closed or waiting');
    await world.pass(5 * MINUTE_MILLISECONDS);
  }
  const hours = (world.now() - startedAt) / HOUR_MILLISECONDS;
  for (let tick = 0; tick < noticeTicks; tick++) await world.pass(5 * MINUTE_MILLISECONDS);
  checkNothingLost(world.ledger(), gates, 'closed');
  return hours;
}

function names(first: number, repositories: number): readonly string[] {
  return Array.from({ length: repositories }, (_, index) => repositoryNamed(first + index));
}

/** The expected state of each gate. The naive design sends no notices. */
export type Expected = 'closed' | 'closed or waiting' | 'naive';

/** The lost gates, notices and messages; empty if nothing is lost. */
export function lost(ledger: Ledger, gates: readonly string[], expected: Expected): readonly string[] {
  const { closed, notifiedClosed, notifiedWaiting, queued, dead } = ledger;
  const open = gates.filter((gate) => !closed.has(gate));
  const unnotified = expected === 'naive' ? [] : gates.filter((gate) => closed.has(gate) && !notifiedClosed.has(gate));
  const silent = open.filter((gate) => expected !== 'closed or waiting' || !notifiedWaiting.has(gate));
  const problems: readonly (readonly [number, noun: string, rest: string])[] = [
    [silent.length, 'open gate', `: ${silent.slice(0, 3).join(', ')}`],
    [unnotified.length, 'gate', ` closed without a notice: ${unnotified.slice(0, 3).join(', ')}`],
    [queued, 'message', ' still in the queue'],
    [dead, 'dead-letter message', ''],
  ];
  return problems.flatMap(([count, noun, rest]) => (count === 0 ? [] : `${counted(count, noun)}${rest}`));
}

function checkNothingLost(ledger: Ledger, gates: readonly string[], expected: Expected): void {
  const problems = lost(ledger, gates, expected);
  if (problems.length > 0)
    throw new Error(`something was lost among ${counted(gates.length, 'gate')}: ${problems.join('; ')}`);
}

/** With a hundred findings each, ten thousand repositories have a million. */
export const MILLION_SWEEP: LoadSize['sweep'] = [1_000, 10_000];

/** The same code measures both sizes. */
export const LOAD_SIZES: Readonly<Record<'aws' | 'azure', Readonly<Record<Scale, LoadSize>>>> = {
  aws: {
    full: {
      burst: [10, 100],
      findingsEach: 100,
      findingsPerReport: 1,
      disclosed: [40, 400],
      brake: 25,
      sweep: [100, 1_000],
    },
    tiny: { burst: [5, 20], findingsEach: 20, findingsPerReport: 1, disclosed: [5, 20], brake: 8, sweep: [10, 40] },
  },
  azure: {
    full: {
      burst: [10, 100],
      findingsEach: 100,
      findingsPerReport: 10,
      disclosed: [40, 400],
      brake: 25,
      sweep: [100, 1_000],
    },
    tiny: { burst: [3, 12], findingsEach: 20, findingsPerReport: 5, disclosed: [3, 12], brake: 5, sweep: [6, 24] },
  },
};
