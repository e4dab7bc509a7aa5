// Which calls of AWS the deployed function makes for how many events, and for the same events once more.
import type { LocalAws } from '../local/aws/cloud.ts';
import { count, type Part, type Scale, type Table } from './part.ts';
import { deployStack, fillRegistry, isClosed, runAll, type World, type WorldSize } from './world.ts';

interface Scenario extends WorldSize {
  readonly name: string;
  readonly events: number;
  /** Do the events come image by image, or those of all images in turn? */
  readonly order: 'byImage' | 'inTurn';
}

const oneImage = (events: number, findingsEach: number): Scenario => ({
  name: `${many(events, 'event')}, ${many(findingsEach, 'finding')}`,
  repositories: 1,
  imagesEach: 1,
  findingsEach,
  events,
  order: 'byImage',
});
const manyImages = (repositories: number, imagesEach: number, order: Scenario['order']): Scenario => ({
  name: `${many(repositories * imagesEach, 'image')}, ${order === 'byImage' ? 'image by image' : 'in turn'}`,
  repositories,
  imagesEach,
  findingsEach: EVENTS_EACH,
  events: EVENTS_EACH * repositories * imagesEach,
  order,
});
/** Findings of each of many images, and events of each. */
const EVENTS_EACH = 10;

const SCENARIOS: Readonly<Record<Scale, readonly Scenario[]>> = {
  full: [
    oneImage(1, 1),
    oneImage(100, 100),
    oneImage(10_000, 100),
    oneImage(10_000, 10_000),
    manyImages(100, 10, 'byImage'),
    manyImages(100, 10, 'inTurn'),
  ],
  tiny: [oneImage(1, 1), oneImage(20, 10), manyImages(2, 2, 'inTurn')],
};

type Counts = Readonly<Record<string, number>>;

export const calls: Part = {
  title: 'Calls of AWS',
  async measure(scale) {
    const scenarios = SCENARIOS[scale];
    const first: Counts[] = [];
    const again: Counts[] = [];
    for (const scenario of scenarios) {
      const cloud = await deployStack();
      const events = eventsOf(scenario, await fillRegistry(cloud, scenario));
      first.push(await countCalls(cloud, events));
      again.push(await countCalls(cloud, events));
      const closed = Array.from({ length: scenario.repositories }, (_, place) => isClosed(cloud, place));
      await cloud.stop();
      if (closed.includes(false)) throw new Error(`${scenario.name}: not every repository was closed`);
    }
    return [
      tableOf('Finding events of images that were not known yet', scenarios, first),
      tableOf('The same events once more', scenarios, again),
    ];
  },
};

/** The findings that are reported, one event each; from the start again where there are more events than findings. */
function eventsOf({ events, order }: Scenario, world: World): readonly string[] {
  const images = world.flat();
  const arns =
    order === 'byImage'
      ? images.flat()
      : (images[0] ?? []).flatMap((_, advisory) => images.map((arns) => arns[advisory]));
  return Array.from({ length: events }, (_, number) => arns[number % arns.length] ?? '');
}

async function countCalls(cloud: LocalAws, findingArns: readonly string[]): Promise<Counts> {
  cloud.calls.reset();
  for (const arn of findingArns) await cloud.bus.put(cloud.inspector.eventOf(arn));
  const invocations = await runAll(cloud);
  return { invocations: invocations.length, ...cloud.calls.count() };
}

function tableOf(title: string, scenarios: readonly Scenario[], counts: readonly Counts[]): Table {
  const names = [...new Set(counts.flatMap((one) => Object.keys(one)))].filter((name) => name !== 'invocations').sort();
  const inAll = ({ invocations: _, ...byName }: Counts) => Object.values(byName).reduce((sum, calls) => sum + calls, 0);
  return {
    title,
    head: ['events', ...scenarios.map(({ name }) => name)],
    rows: [
      ...['invocations', ...names].map((name) => [name, ...counts.map((one) => count(one[name] ?? 0))]),
      ['calls in all', ...counts.map((one) => count(inAll(one)))],
    ],
  };
}

function many(number: number, what: string): string {
  return `${count(number)} ${what}${number === 1 ? '' : 's'}`;
}
