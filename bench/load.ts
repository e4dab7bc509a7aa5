// What a load does to a stack: a burst of events, one vulnerability in many repositories, a sweep over everything;
// beside the naive design.
import { HOUR_MILLISECONDS, MINUTE_MILLISECONDS } from '../shared/runtime/time.ts';
import type { Scale } from './part.ts';
import { type Counts, type Deploy, type Ledger, LOOSE, type Run, repositoryNamed, type World } from './world.ts';

/** How much is sent. Each repository has one image, all of whose findings violate. */
export interface LoadSize {
  /** The burst: repositories, of which every finding comes as an event, image by image. Small and large. */
  readonly burst: readonly [small: number, large: number];
  readonly findingsEach: number;
  /** How many of an image's findings one report names in the sweep. */
  readonly findingsPerReport: number;
  /** A newly disclosed vulnerability: the repositories that it hits. Small and large. */
  readonly disclosed: readonly [small: number, large: number];
  /** The brake under which the large one is repeated. */
  readonly brake: number;
  /** The repositories of a sweep. Small and large. */
  readonly sweep: readonly [small: number, large: number];
}

/** What one load took. */
export interface Episode {
  readonly repositories: number;
  readonly findings: number;
  readonly invocations: number;
  /** The function's calls, by name. */
  readonly calls: Counts;
  readonly billed: Counts;
  /** Until the queue was empty, function and local cloud together. */
  readonly seconds: number;
  readonly peakMegabytes: number;
}

/** What it takes until all gates are closed if the brake lets `maxClosesPerHour` through. */
export interface Braked {
  readonly repositories: number;
  readonly brake: number;
  readonly hours: number;
}

export interface SweepLoad {
  readonly memoryMegabytes: number;
  /** The small sweep, the large one, and the next large one, which finds everything as it is. */
  readonly sweep: { readonly small: Episode; readonly large: Episode; readonly next: Episode };
  readonly braked: readonly Braked[];
}

export interface Load extends SweepLoad {
  readonly burst: { readonly small: Episode; readonly large: Episode; readonly naive: Episode };
  readonly disclosed: { readonly small: Episode; readonly large: Episode; readonly naive: Episode };
}

/** No sweep falls into the hours in which gates wait for the brake. */
const SWEEP_HOURS = 24;

/**
 * Sends a load.
 *
 * @throws Error if something is lost: a gate that is neither closed nor waiting, a message, or the notice of a state
 *   change
 */
export async function load(deploy: Deploy, size: LoadSize): Promise<Load> {
  const { burst, disclosed } = await events(deploy, size, false);
  const naive = await events(deploy, size, true);
  const swept = await sweepLoad(deploy, size);
  return {
    ...swept,
    burst: { ...burst, naive: naive.burst.large },
    disclosed: { ...disclosed, naive: naive.disclosed.large },
    braked: [
      // All were closed when their events had been handled: else there had been an error.
      { repositories: size.disclosed[1], brake: LOOSE, hours: 0 },
      await braked(deploy, size),
      ...swept.braked,
    ],
  };
}

/** The sweeps of a load alone. @throws Error as `load` does */
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

/** The burst and the disclosed vulnerability, each at both sizes; the naive design gets the large ones only. */
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

/** How long until all are closed under the tight brake. */
async function braked(deploy: Deploy, { disclosed: [, repositories], brake }: LoadSize): Promise<Braked> {
  const world = await deploy({ maxClosesPerHour: brake, sweepHours: SWEEP_HOURS });
  try {
    await world.report((await world.fill({ repositories, imagesEach: 1, findingsEach: 1 })).flat(2));
    await world.work();
    checkNothingLost(world.ledger(), names(0, repositories), 'closed or waiting');
    return { repositories, brake, hours: await hoursUntilClosed(world, repositories) };
  } finally {
    await world.stop();
  }
}

/**
 * A sweep over repositories that had no event, the hours until the brake has admitted all of them, and one more
 * sweep.
 */
async function sweep(deploy: Deploy, size: LoadSize, repositories: number) {
  const { findingsEach, findingsPerReport } = size;
  const world = await deploy({ sweepHours: SWEEP_HOURS });
  try {
    await world.fill({ repositories, imagesEach: 1, findingsEach, findingsPerReport });
    const what = { repositories, findings: repositories * findingsEach };
    world.reset();
    const first = await measure(world, what, () => world.work('sweep'));
    checkNothingLost(world.ledger(), names(0, repositories), 'closed or waiting');
    const hours = await hoursUntilClosed(world, repositories);
    world.reset();
    const next = await measure(world, what, () => world.work('sweep'));
    checkNothingLost(world.ledger(), names(0, repositories), 'closed');
    return { memoryMegabytes: world.memoryMegabytes, first, hours, next };
  } finally {
    await world.stop();
  }
}

/** What the work takes, and what has been counted since the last `reset`. */
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
 * The hours until every gate is closed; a tick comes every five minutes.
 *
 * @throws Error if some are open even after an hour per gate
 */
async function hoursUntilClosed(world: World, repositories: number): Promise<number> {
  const startedAt = world.now();
  for (let tick = 0; world.ledger().closed.size < repositories; tick++) {
    if (tick > 12 * (repositories + 1)) throw new Error(`of ${repositories} gates only ${world.closed()} ever closed`);
    await world.pass(5 * MINUTE_MILLISECONDS);
  }
  checkNothingLost(world.ledger(), names(0, repositories), 'closed');
  return (world.now() - startedAt) / HOUR_MILLISECONDS;
}

function names(first: number, repositories: number): readonly string[] {
  return Array.from({ length: repositories }, (_, index) => repositoryNamed(first + index));
}

/** What is expected of each gate. The naive design sends no notice. */
export type Expected = 'closed' | 'closed or waiting' | 'naive';

/** What is lost; empty if nothing is. */
export function lost(ledger: Ledger, gates: readonly string[], expected: Expected): readonly string[] {
  const { closed, notifiedClosed, notifiedWaiting, queued, dead } = ledger;
  const open = gates.filter((gate) => !closed.has(gate));
  const unnotified = expected === 'naive' ? [] : gates.filter((gate) => closed.has(gate) && !notifiedClosed.has(gate));
  const silent = open.filter((gate) => expected !== 'closed or waiting' || !notifiedWaiting.has(gate));
  const problems: readonly (readonly [number, string])[] = [
    [silent.length, `gates are open: ${silent.slice(0, 3).join(', ')}`],
    [unnotified.length, `gates were closed and no notice was sent: ${unnotified.slice(0, 3).join(', ')}`],
    [queued, 'messages are still in the queue'],
    [dead, 'messages were given up'],
  ];
  return problems.flatMap(([count, what]) => (count === 0 ? [] : `${count} ${what}`));
}

function checkNothingLost(ledger: Ledger, gates: readonly string[], expected: Expected): void {
  const problems = lost(ledger, gates, expected);
  if (problems.length > 0) throw new Error(`of ${gates.length} gates something is lost: ${problems.join('; ')}`);
}

/** A hundred findings each are a million. */
export const MILLION_SWEEP: LoadSize['sweep'] = [1_000, 10_000];

/** The same code at both scales. */
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
    tiny: { burst: [3, 12], findingsEach: 10, findingsPerReport: 5, disclosed: [3, 12], brake: 5, sweep: [6, 24] },
  },
};
