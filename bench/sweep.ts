// The function's calls for a sweep, by name and per gate.
import { count, type Part, type Scale, type Table } from './part.ts';
import type { Counts, Deploy, World, WorldSize } from './world.ts';
import { deployAws } from './world-aws.ts';
import { deployAzure } from './world-azure.ts';

interface Sweep {
  readonly title: string;
  readonly deploy: Deploy;
  readonly sizes: Readonly<Record<Scale, WorldSize>>;
  /** The kind of gate. */
  readonly gate: 'repository' | 'image';
  readonly brake: number;
  /** Describes what is swept, and how many gates close. */
  readonly describe: (size: WorldSize) => string;
  /** The call that is made once per observed repository. */
  readonly observationCall: string;
}

/** The calls of the first sweep and of the next one. */
interface Measured {
  readonly first: Counts;
  readonly next: Counts;
}

const AWS_BRAKE = 25;
const onAws = (repositories: number): WorldSize => ({ repositories, imagesEach: 1, findingsEach: 1 });
export const sweep = sweepOf({
  title: 'Sweep',
  deploy: deployAws,
  sizes: { full: onAws(10_000), tiny: onAws(20) },
  gate: 'repository',
  brake: AWS_BRAKE,
  describe: ({ repositories }) =>
    `${count(repositories)} repositories with one violating image each; the brake allows ${AWS_BRAKE} closings`,
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
  sizes: { full: onAzure(500, 20), tiny: onAzure(4, 2) },
  gate: 'image',
  brake: 1_000,
  describe: ({ repositories, imagesEach }) =>
    `${count(repositories * imagesEach)} images in ${count(repositories)} repositories, with one violating image each; the brake allows all ${count(repositories)} closings`,
  observationCall: 'acr:ListManifests',
});

function sweepOf(what: Sweep): Part {
  return {
    title: what.title,
    async measure(scale) {
      const size = what.sizes[scale];
      return [callsTable(what, size, await measureSweeps(what, size))];
    },
  };
}

async function measureSweeps({ deploy, brake, observationCall }: Sweep, size: WorldSize): Promise<Measured> {
  const world = await deploy({ maxClosesPerHour: brake });
  try {
    await world.fill(size);
    const sweepOnce = async (): Promise<Counts> => {
      world.reset();
      await world.work('sweep');
      const counts = world.count();
      const observations = counts[observationCall] ?? 0;
      if (observations < size.repositories)
        throw new Error(`the sweep observed ${observations} of ${size.repositories} repositories`);
      return counts;
    };
    const first = await sweepOnce();
    checkClosed(world, Math.min(brake, size.repositories * (size.violatingEach ?? size.imagesEach)));
    return { first, next: await sweepOnce() };
  } finally {
    await world.stop();
  }
}

function checkClosed(world: World, wanted: number): void {
  if (world.closed() !== wanted)
    throw new Error(`expected the sweep to close ${wanted} gates; it closed ${world.closed()}`);
}

function callsTable({ gate, describe }: Sweep, size: WorldSize, { first, next }: Measured): Table {
  const names = [...new Set([...Object.keys(first), ...Object.keys(next)])].sort();
  const perGate = (calls: number) => (calls / gates(gate, size)).toFixed(4);
  return {
    title: `Calls of a sweep over ${describe(size)}`,
    head: ['', 'the first sweep', `per ${gate}`, 'the next sweep', `per ${gate}`],
    rows: names.map((name) => [
      name,
      ...[first, next].flatMap((counts) => [count(counts[name] ?? 0), perGate(counts[name] ?? 0)]),
    ]),
  };
}

function gates(gate: Sweep['gate'], { repositories, imagesEach }: WorldSize): number {
  return gate === 'image' ? repositories * imagesEach : repositories;
}
