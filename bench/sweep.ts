// What a sweep takes: the peak memory of the function, its calls for each gate, and how its time grows with the number of images.
import { count, type Part, ratio, type Scale, type Table } from './part.ts';
import type { Counts, Deploy, Run, World, WorldSize } from './world.ts';
import { deployAws } from './world-aws.ts';
import { deployAzure } from './world-azure.ts';

interface Sweep {
  readonly title: string;
  readonly deploy: Deploy;
  /** What is swept: where there are several, the time of each is compared with the one before. */
  readonly sizes: Readonly<Record<Scale, readonly [WorldSize, ...WorldSize[]]>>;
  /** What a gate is, in words. */
  readonly gate: 'repository' | 'image';
  readonly brake: number;
  /** What is swept, and how much of it closes. */
  readonly describe: (size: WorldSize) => string;
  /** A call that is made once for each repository that is observed. */
  readonly observationCall: string;
}

/** What one world's sweeps took. */
interface Measured {
  readonly size: WorldSize;
  readonly memoryMegabytes: number;
  readonly tick: Sample;
  readonly first: Sample;
  readonly next: Sample;
}
interface Sample {
  readonly runs: readonly Run[];
  readonly counts: Counts;
  readonly seconds: number;
}

const AWS_BRAKE = 25;
const onAws = (repositories: number): WorldSize => ({ repositories, imagesEach: 1, findingsEach: 1 });
export const sweep = sweepOf({
  title: 'Sweep',
  deploy: deployAws,
  sizes: { full: [onAws(10_000)], tiny: [onAws(20)] },
  gate: 'repository',
  brake: AWS_BRAKE,
  describe: ({ repositories }) =>
    `${count(repositories)} repositories with one violating image each; the brake lets ${AWS_BRAKE} close`,
  observationCall: 'ecr:DescribeImages',
});

const onAzure = (repositories: number, imagesEach: number): WorldSize => ({
  repositories,
  imagesEach,
  violatingEach: 1,
  findingsEach: 1,
});
export const azureSweep = sweepOf({
  title: 'Sweep on Azure',
  deploy: deployAzure,
  sizes: { full: [onAzure(50, 20), onAzure(500, 20)], tiny: [onAzure(2, 2), onAzure(4, 2)] },
  gate: 'image',
  brake: 1_000,
  describe: ({ repositories, imagesEach }) =>
    `${count(repositories * imagesEach)} images in ${count(repositories)} repositories, one of each violating; the brake lets all ${count(repositories)} close`,
  observationCall: 'acr:ListManifests',
});

function sweepOf(what: Sweep): Part {
  return {
    title: what.title,
    async measure(scale) {
      const all: Measured[] = [];
      for (const size of what.sizes[scale]) all.push(await measureOne(what, size));
      const largest = all.at(-1);
      if (largest === undefined) throw new Error('a sweep needs something to sweep');
      return [
        memoryTable(what, largest),
        callsTable(what, largest),
        ...(all.length === 1 ? [] : [timeTable(what, all)]),
      ];
    },
  };
}

async function measureOne({ deploy, brake, observationCall }: Sweep, size: WorldSize): Promise<Measured> {
  const world = await deploy({ maxClosesPerHour: brake });
  try {
    await world.fill(size);
    const sample = async (kind: 'tick' | 'sweep'): Promise<Sample> => {
      world.reset();
      const startedAt = performance.now();
      const runs = await world.work(kind);
      const seconds = (performance.now() - startedAt) / 1000;
      const counts = world.count();
      const observations = counts[observationCall] ?? 0;
      if (kind === 'sweep' && observations < size.repositories)
        throw new Error(`the sweep looked at ${observations} of ${size.repositories} repositories`);
      return { runs, counts, seconds };
    };
    const tick = await sample('tick');
    const first = await sample('sweep');
    checkClosed(world, Math.min(brake, size.repositories * (size.violatingEach ?? size.imagesEach)));
    return { size, memoryMegabytes: world.memoryMegabytes, tick, first, next: await sample('sweep') };
  } finally {
    await world.stop();
  }
}

function checkClosed(world: World, wanted: number): void {
  if (world.closed() !== wanted) throw new Error(`the sweep closed ${world.closed()} gates, not ${wanted}`);
}

function memoryTable({ gate }: Sweep, { size, memoryMegabytes, tick, first, next }: Measured): Table {
  return {
    title: `Peak memory of the function's process, in megabytes; the function has ${memoryMegabytes}`,
    head: ['', 'the first invocation, which lists', 'all invocations', 'how many'],
    rows: [
      memoryRow('a tick when no sweep is due', tick.runs),
      memoryRow(`the first sweep over ${gatesOf(gate, size)}`, first.runs),
      memoryRow('the next sweep, with nothing new', next.runs),
    ],
  };
}

function memoryRow(name: string, runs: readonly Run[]): readonly string[] {
  const peaks = runs.map(({ peakMemoryMegabytes }) => peakMemoryMegabytes ?? Number.NaN);
  return [name, count(peaks[0] ?? Number.NaN), count(Math.max(...peaks)), count(peaks.length)];
}

function callsTable({ gate, describe }: Sweep, { size, first, next }: Measured): Table {
  const names = [...new Set([...Object.keys(first.counts), ...Object.keys(next.counts)])].sort();
  const perGate = (calls: number) => (calls / gates(gate, size)).toFixed(4);
  return {
    title: `Calls of a sweep over ${describe(size)}`,
    head: ['', 'the first sweep', `for each ${gate}`, 'the next sweep', `for each ${gate}`],
    rows: names.map((name) => [
      name,
      ...[first, next].flatMap(({ counts }) => [count(counts[name] ?? 0), perGate(counts[name] ?? 0)]),
    ]),
  };
}

function timeTable({ gate }: Sweep, all: readonly Measured[]): Table {
  const cells = (sample: 'first' | 'next', place: number) => {
    const time = all[place]?.[sample].seconds ?? Number.NaN;
    const before = all[place - 1]?.[sample].seconds;
    return [before === undefined ? '' : ratio(time, before), time.toFixed(1)];
  };
  const columns = (sweep: string) => [`${sweep}: time to row above`, 'seconds here'];
  return {
    title: 'Time until every look is done, the local cloud included',
    head: ['', ...columns('the first sweep'), ...columns('the next sweep')],
    rows: all.map(({ size }, place) => [gatesOf(gate, size), ...cells('first', place), ...cells('next', place)]),
  };
}

function gates(gate: Sweep['gate'], { repositories, imagesEach }: WorldSize): number {
  return gate === 'image' ? repositories * imagesEach : repositories;
}

/** `10,000 images` */
function gatesOf(gate: Sweep['gate'], size: WorldSize): string {
  return `${count(gates(gate, size))} ${gate === 'image' ? 'images' : 'repositories'}`;
}
