// The calls of a tick, and of one closing compared with those before the state of a gate became one table.
import { MINUTE_MILLISECONDS } from '../shared/runtime/time.ts';
import { count, type Part, type Scale, sum, type Table } from './part.ts';
import type { Counts, Deploy, World, WorldSize } from './world.ts';
import { deployAws } from './world-aws.ts';
import { deployAzure } from './world-azure.ts';

interface Ticks {
  readonly title: string;
  readonly deploy: Deploy;
  /** All images violate, so that every gate closes. */
  readonly sizes: Readonly<Record<Scale, WorldSize>>;
  /** The kind of gate. */
  readonly gate: 'repository' | 'image';
  /** The call that reads one lock. */
  readonly lockCall: string;
  /** The calls of one closing at `BEFORE`. */
  readonly closingBefore: number;
  /** The calls that look for the fix which a closed repository blocks. The gate of an image blocks none. */
  readonly fixCalls: number;
}

/** The last commit before the state of a gate became one table (docs/adr/0029-the-state-of-a-gate.md). */
const BEFORE = '63f98ce';

const gates = (repositories: number, imagesEach: number): WorldSize => ({ repositories, imagesEach, findingsEach: 1 });

export const ticks = ticksOf({
  title: 'Ticks on AWS',
  deploy: deployAws,
  sizes: { full: gates(1_000, 1), tiny: gates(3, 1) },
  gate: 'repository',
  lockCall: 'ecr:GetRepositoryPolicy',
  closingBefore: 13,
  fixCalls: 1,
});

export const azureTicks = ticksOf({
  title: 'Ticks on Azure',
  deploy: deployAzure,
  sizes: { full: gates(50, 20), tiny: gates(2, 2) },
  gate: 'image',
  lockCall: 'acr:GetManifest',
  closingBefore: 18,
  fixCalls: 0,
});

function ticksOf(what: Ticks): Part {
  return {
    title: what.title,
    async measure(scale) {
      const size = what.sizes[scale];
      const quiet = await onWorld(what, (world) => countTick(world));
      const reading = await onWorld(what, (world) => countReadingTick(world, what, size));
      const closing = await onWorld(what, (world) => countClosing(world, what));
      return [tickTable(what, size, [quiet, reading]), closingTable(what, closing)];
    },
  };
}

async function onWorld<T>({ deploy }: Ticks, measure: (world: World) => Promise<T>): Promise<T> {
  const world = await deploy();
  try {
    return await measure(world);
  } finally {
    await world.stop();
  }
}

async function countTick(world: World): Promise<Counts> {
  // An index shows a write a moment later.
  await world.pass(MINUTE_MILLISECONDS);
  world.reset();
  await world.work('tick');
  return world.count();
}

/** Closes every gate with a sweep. Each tick after it reads all their locks. */
async function countReadingTick(world: World, { lockCall }: Ticks, size: WorldSize): Promise<Counts> {
  await world.fill(size);
  await world.work('sweep');
  const closed = world.closed();
  if (closed !== gatesIn(size))
    throw new Error(`expected the sweep to close ${gatesIn(size)} gates; it closed ${closed}`);
  // The first tick sends the notices and reads the locks. With 1,000 of them, the second one ends the round.
  await countTick(world);
  await countTick(world);
  const counts = await countTick(world);
  const read = counts[lockCall] ?? 0;
  if (read !== closed) throw new Error(`expected the tick to read ${closed} locks; it read ${read}`);
  return counts;
}

async function countClosing(world: World, { closingBefore, fixCalls }: Ticks): Promise<number> {
  const findings = await world.fill(gates(1, 1));
  world.reset();
  await world.report(findings.flat(2));
  await world.work();
  if (world.closed() !== 1) throw new Error(`expected one closed gate, got ${world.closed()}`);
  const calls = sum(Object.values(world.count()));
  const most = closingBefore + fixCalls;
  if (calls > most) throw new Error(`a closing makes ${calls} calls, at most ${most} were expected`);
  return calls;
}

function gatesIn({ repositories, imagesEach }: WorldSize): number {
  return repositories * imagesEach;
}

function tickTable({ gate }: Ticks, size: WorldSize, [quiet, reading]: readonly [Counts, Counts]): Table {
  const names = [...new Set([quiet, reading].flatMap((counts) => Object.keys(counts)))].sort();
  const total = (counts: Counts) => count(sum(Object.values(counts)));
  return {
    title: 'Calls of a tick without a due sweep',
    head: ['', 'no gate is closed', `${count(gatesIn(size))} ${gate} gates are closed`],
    rows: [
      ...names.map((name) => [name, count(quiet[name] ?? 0), count(reading[name] ?? 0)]),
      ['calls in total', total(quiet), total(reading)],
    ],
  };
}

function closingTable({ closingBefore, fixCalls }: Ticks, closing: number): Table {
  return {
    title: 'Calls of the closing of one gate after one event',
    head: ['', 'calls in total'],
    rows: [
      [`before the state of a gate was one table (commit ${BEFORE})`, count(closingBefore)],
      [fixCalls === 0 ? 'now' : 'now, with the call that looks for a fix', count(closing)],
    ],
  };
}
