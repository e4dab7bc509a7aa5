// The calls that the deployed function makes for a number of events, and for the same events again.
import { counted } from '../shared/report/sentences.ts';
import { count, type Part, type Scale, type Table } from './part.ts';
import type { Counts, Deploy, Findings, World, WorldSize } from './world.ts';
import { deployAws } from './world-aws.ts';
import { deployAzure } from './world-azure.ts';

interface Scenario extends WorldSize {
  readonly name: string;
  readonly events: number;
  /** Whether the events come image by image or with all images interleaved. */
  readonly order: 'byImage' | 'inTurn';
  /** Whether each event is handled before the next one comes. Default: all come at once. */
  readonly oneByOne?: boolean;
  /** The number of gates that they close. */
  readonly closes: number;
  /** Default: the cloud's own. */
  readonly deploy?: Deploy;
}

/** The findings and the events of each image in a scenario with many images. */
const EVENTS_EACH = 10;

const oneImage = (events: number, findingsEach: number): Scenario => ({
  name: `${counted(events, 'event')}, ${counted(findingsEach, 'finding')}`,
  repositories: 1,
  imagesEach: 1,
  findingsEach,
  events,
  order: 'byImage',
  closes: 1,
});
const manyImages = (repositories: number, imagesEach: number, order: Scenario['order'], closes: number): Scenario => ({
  name: `${counted(repositories * imagesEach, 'image')}, ${order === 'byImage' ? 'image by image' : 'interleaved'}`,
  repositories,
  imagesEach,
  findingsEach: EVENTS_EACH,
  events: EVENTS_EACH * repositories * imagesEach,
  order,
  closes,
});

type Scenarios = Readonly<Record<Scale, readonly Scenario[]>>;

/** A gate is a repository. */
const ON_AWS: Scenarios = {
  full: [
    oneImage(1, 1),
    oneImage(100, 100),
    oneImage(10_000, 100),
    oneImage(10_000, 10_000),
    manyImages(100, 10, 'byImage', 100),
    manyImages(100, 10, 'inTurn', 100),
  ],
  tiny: [oneImage(1, 1), oneImage(20, 10), manyImages(2, 2, 'inTurn', 2)],
};

/** A gate is an image. */
const ON_AZURE: Scenarios = {
  full: [
    { ...oneImage(1, 1), name: '1 event' },
    {
      ...oneImage(1, 1),
      name: '1 event, its row 3 minutes late',
      deploy: () => deployAzure({ rowsAreLateMinutes: 3 }),
    },
    { ...oneImage(40, 40), name: '40 events at once' },
    { ...oneImage(40, 40), name: '40 events one by one', oneByOne: true },
    manyImages(10, 10, 'byImage', 100),
    manyImages(10, 10, 'inTurn', 100),
  ],
  tiny: [
    { ...oneImage(1, 1), name: '1 event' },
    { ...oneImage(6, 6), name: '6 events at once' },
    { ...oneImage(2, 2), name: '2 events one by one', oneByOne: true },
  ],
};

export const calls = callsOf('Calls on AWS', 'Finding events', deployAws, ON_AWS);
export const azureCalls = callsOf('Calls on Azure', 'Assessment events', deployAzure, ON_AZURE);

function callsOf(title: string, events: string, deploy: Deploy, scenarios: Scenarios): Part {
  return {
    title,
    async measure(scale) {
      const first: Counts[] = [];
      const again: Counts[] = [];
      for (const scenario of scenarios[scale]) {
        const world = await (scenario.deploy ?? deploy)();
        try {
          const reported = eventsOf(scenario, await world.fill(scenario));
          first.push(await countCalls(world, reported, scenario));
          again.push(await countCalls(world, reported, scenario));
          if (world.closed() !== scenario.closes)
            throw new Error(`${scenario.name}: expected ${scenario.closes} closed gates, got ${world.closed()}`);
        } finally {
          await world.stop();
        }
      }
      return [
        tableOf(`${events} for new images`, scenarios[scale], first),
        tableOf('The same events again', scenarios[scale], again),
      ];
    },
  };
}

/** The reported findings, one event each. If there are more events than findings, they start again from the first. */
function eventsOf({ events, order }: Scenario, findings: Findings): readonly string[] {
  const images = findings.flat();
  const ids =
    order === 'byImage'
      ? images.flat()
      : (images[0] ?? []).flatMap((_, advisory) => images.map((own) => own[advisory]));
  return Array.from({ length: events }, (_, number) => ids[number % ids.length] ?? '');
}

async function countCalls(world: World, findings: readonly string[], { oneByOne = false }: Scenario): Promise<Counts> {
  world.reset();
  let invocations = 0;
  for (const together of oneByOne ? findings.map((one) => [one]) : [findings]) {
    await world.report(together);
    invocations += (await world.work()).length;
  }
  return { invocations, ...world.count() };
}

function tableOf(title: string, scenarios: readonly Scenario[], counts: readonly Counts[]): Table {
  const names = [...new Set(counts.flatMap((one) => Object.keys(one)))].filter((name) => name !== 'invocations').sort();
  const inAll = ({ invocations: _, ...byName }: Counts) => Object.values(byName).reduce((sum, calls) => sum + calls, 0);
  return {
    title,
    head: ['events', ...scenarios.map(({ name }) => name)],
    rows: [
      ...['invocations', ...names].map((name) => [name, ...counts.map((one) => count(one[name] ?? 0))]),
      ['calls in total', ...counts.map((one) => count(inAll(one)))],
    ],
  };
}
