// What a typical month costs: each thing that happens is measured once and multiplied by how often it happens, and the
// stack's resources are counted in the program's graph.
import { type Graph, graphOf } from '../local/graph.ts';
import { MINUTE_MILLISECONDS } from '../shared/runtime/time.ts';
import { CALL_SECONDS } from './call-seconds.ts';
import {
  AWS_STANDING,
  AZURE_STANDING,
  EMPTY_POLLS_A_MONTH,
  HOST_TRANSACTIONS_A_MONTH,
  MONTH_DAYS,
  retentionDaysOf,
  type StandingByType,
  standingOf,
} from './month-resources.ts';
import { count, type Part, type Scale, sum, type Table } from './part.ts';
import { AWS_MONTH_PRICES, AZURE_MONTH_PRICES, dollarsOf, type Prices } from './prices.ts';
import type { Counts, Deploy, Run, World } from './world.ts';
import { deployAws } from './world-aws.ts';
import { AZURE_CONFIG, deployAzure } from './world-azure.ts';

/** Something that happens again and again, as it was measured once. */
interface Happening {
  readonly name: string;
  /** How often a month. */
  readonly times: number;
  readonly invocations: number;
  readonly calls: Counts;
  readonly billed: Counts;
  /** What the scanner's export writes. */
  readonly exportedBytes: number;
}

interface MonthCloud {
  readonly title: string;
  readonly deploy: Deploy;
  readonly config: Readonly<Record<string, unknown>>;
  readonly standing: StandingByType;
  readonly prices: Prices;
  /** The meter of the function's time, and how long a call takes in the real cloud; the local cloud answers at once. */
  readonly time: { readonly meter: string; readonly secondsEachCall: number; readonly leastSeconds: number };
  /** What was neither measured nor counted, in sentences. */
  readonly assumed: readonly string[];
  /** What the platform does besides, derived from what was counted. */
  readonly besides: (month: Month, retentionDays: number) => Counts;
}

/** What was counted in a month. */
interface Month {
  readonly invocations: number;
  readonly billed: Counts;
  readonly recordBytes: number;
  readonly exportedBytes: number;
}

interface MonthSize {
  /** Repositories in which nothing violates, and in which one image does. */
  readonly repositories: readonly [quiet: number, closed: number];
  readonly imagesEach: number;
  readonly findingsEach: number;
}

const SIZES: Readonly<Record<Scale, MonthSize>> = {
  full: { repositories: [90, 10], imagesEach: 10, findingsEach: 10 },
  tiny: { repositories: [2, 1], imagesEach: 2, findingsEach: 2 },
};

const TICKS = MONTH_DAYS * 24 * 12;
const SWEEPS = MONTH_DAYS * 4;
const SNAPSHOTS = MONTH_DAYS / 7;
/** A thousand images are scanned. One in ten violates, and is fixed later. */
const [QUIET_SCANS, CLOSINGS] = [900, 100];

/**
 * Lambda writes INIT_START, START, END and REPORT for each invocation.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
 */
const LAMBDA_LOG_BYTES = 500;
/**
 * What the Functions host adds to each invocation: its request, its own traces, and the columns beside each line. An
 * estimate: the local host writes the function's lines only.
 */
const HOST_LOG_BYTES = 8_000;
/** A tick's message is sent, received and deleted. */
const SQS_REQUESTS_EACH_TICK = 3;
/** A publish to an encrypted topic asks for a data key and opens it again. */
const KMS_REQUESTS_EACH_PUBLISH = 2;
/** Source: https://learn.microsoft.com/azure/azure-monitor/logs/cost-logs#log-data-retention */
const DAYS_KEPT_FREE = 31;
/** A row comes minutes after its event: the message is retried until then. */
const ROWS_ARE_LATE_MINUTES = 3;

export const month = monthOf({
  title: 'A month on AWS',
  deploy: deployAws,
  config: { 'pullgate:mode': 'enforce', 'pullgate:notifyEmails': ['security@example.com'] },
  standing: AWS_STANDING,
  prices: AWS_MONTH_PRICES,
  time: { meter: 'Lambda GB-seconds', secondsEachCall: CALL_SECONDS.aws, leastSeconds: 0 },
  assumed: [
    `Each call takes ${CALL_SECONDS.aws} seconds, and no two run at once.`,
    `Lambda writes ${count(LAMBDA_LOG_BYTES)} bytes of its own to the log for each invocation, and polls the empty queue ${count(EMPTY_POLLS_A_MONTH)} times.`,
  ],
  besides: ({ invocations, billed, recordBytes }, retentionDays) => {
    const platformMegabytes = (invocations * LAMBDA_LOG_BYTES) / 1e6;
    return {
      'SQS requests': SQS_REQUESTS_EACH_TICK * TICKS,
      'log, MB': platformMegabytes,
      'log kept, GB': ((((billed['log, MB'] ?? 0) + platformMegabytes) / 1e3) * retentionDays) / MONTH_DAYS,
      'DynamoDB storage, GB': recordBytes / 1e9,
      'KMS requests': KMS_REQUESTS_EACH_PUBLISH * (billed['SNS publishes'] ?? 0),
    };
  },
});

export const azureMonth = monthOf({
  title: 'A month on Azure',
  deploy: (options) => deployAzure({ ...options, rowsAreLateMinutes: ROWS_ARE_LATE_MINUTES }),
  config: AZURE_CONFIG,
  standing: AZURE_STANDING,
  prices: AZURE_MONTH_PRICES,
  // An instance is billed for a second at least: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#billing
  time: { meter: 'function GB-seconds', secondsEachCall: CALL_SECONDS.azure, leastSeconds: 1 },
  assumed: [
    `Each call takes ${CALL_SECONDS.azure} seconds, and no two run at once.`,
    `Each recommendation names one finding, and its row can be read ${ROWS_ARE_LATE_MINUTES} minutes after its event.`,
    `The Functions host adds ${count(HOST_LOG_BYTES)} bytes to the log for each invocation, and makes ${count(HOST_TRANSACTIONS_A_MONTH)} storage transactions of its own.`,
  ],
  besides: ({ invocations, billed, recordBytes, exportedBytes }, retentionDays) => {
    const hostMegabytes = (invocations * HOST_LOG_BYTES) / 1e6;
    const exportedMegabytes = exportedBytes / 1e6;
    const gigabytes = ((billed['log, MB'] ?? 0) + hostMegabytes + exportedMegabytes) / 1e3;
    return {
      'log, MB': hostMegabytes,
      "Defender's rows, MB": exportedMegabytes,
      'log and rows kept beyond 31 days, GB': (gigabytes * Math.max(0, retentionDays - DAYS_KEPT_FREE)) / MONTH_DAYS,
      'table storage, GB': recordBytes / 1e9,
    };
  },
});

function monthOf(cloud: MonthCloud): Part {
  return {
    title: cloud.title,
    page: 'docs/cost.md',
    async measure(scale) {
      const size = SIZES[scale];
      const world = await cloud.deploy();
      try {
        const snapshotBytes = await settle(world, size);
        const happenings = await happen(world, size, cloud.time);
        const month: Month = {
          invocations: sum(happenings.map(({ times, invocations }) => times * invocations)),
          billed: added(happenings.map(({ times, billed }) => scaled(billed, times))),
          exportedBytes: snapshotBytes * SNAPSHOTS + sum(happenings.map((one) => one.times * one.exportedBytes)),
          recordBytes: world.storedBytes().records,
        };
        const graph = await graphOf(cloud.config);
        return [
          happeningsTable(happenings, size, cloud.assumed),
          costTable(metersOf(month, graph, cloud), cloud.prices),
        ];
      } finally {
        await world.stop();
      }
    },
  };
}

/** Fills the registry and sweeps it, as on the first day, and answers how many bytes an export of everything has. */
async function settle(world: World, { repositories: [quiet, closed], imagesEach, findingsEach }: MonthSize) {
  await world.fill({ first: 0, repositories: quiet, imagesEach, findingsEach, violatingEach: 0 });
  await world.fill({ first: quiet, repositories: closed, imagesEach, findingsEach, violatingEach: 1 });
  await world.work('sweep');
  expectClosed(world, closed);
  // The first tick sends the notices. An index shows a write a moment later.
  await world.pass(MINUTE_MILLISECONDS);
  await world.work('tick');
  await world.pass(MINUTE_MILLISECONDS);
  return world.storedBytes().exported;
}

/** Lets everything happen once that happens again and again. */
async function happen(world: World, size: MonthSize, time: MonthCloud['time']): Promise<readonly Happening[]> {
  const [quiet, closed] = size.repositories;
  const scan = async (first: number, violatingEach: number) => {
    const image = { repositories: 1, imagesEach: 1, findingsEach: size.findingsEach, sendsEvents: true };
    findings = (await world.fill({ ...image, first, violatingEach })).flat(2);
    return world.work();
  };
  let findings: readonly string[] = [];
  const tick = await measure(world, time, () => world.work('tick'));
  const sweep = await measure(world, time, () => world.work('sweep'));
  const quietScan = await measure(world, time, () => scan(quiet + closed, 0));
  expectClosed(world, closed);
  const closing = await measure(world, time, () => scan(quiet + closed + 1, 1));
  expectClosed(world, closed + 1);
  const fix = await measure(world, time, async () => {
    await world.resolve(findings);
    return world.work();
  });
  expectClosed(world, closed);
  return [
    { name: 'a tick', times: TICKS, ...tick },
    { name: 'a sweep', times: SWEEPS, ...sweep },
    { name: 'a scan of an image that does not violate', times: QUIET_SCANS, ...quietScan },
    { name: 'a scan that closes a gate', times: CLOSINGS, ...closing },
    { name: 'a fix that opens it', times: CLOSINGS, ...fix },
  ];
}

/** What happens once, with the time that a real cloud's calls would take, as if no two ran at once. */
async function measure(
  world: World,
  { meter, secondsEachCall, leastSeconds }: MonthCloud['time'],
  what: () => Promise<readonly Run[]>,
): Promise<Omit<Happening, 'name' | 'times'>> {
  const exportedBefore = world.storedBytes().exported;
  world.reset();
  const runs = await what();
  const [calls, billed] = [world.count(), world.billed(runs)];
  const gigabytes = world.memoryMegabytes / 1024;
  const gigabyteSeconds = (billed[meter] ?? 0) + sum(Object.values(calls)) * secondsEachCall * gigabytes;
  return {
    invocations: runs.length,
    calls,
    billed: { ...billed, [meter]: Math.max(leastSeconds * gigabytes, gigabyteSeconds) },
    exportedBytes: world.storedBytes().exported - exportedBefore,
  };
}

/** @throws Error if not that many gates are closed: figures of a stack that does not work would mean nothing */
function expectClosed(world: World, wanted: number): void {
  if (world.closed() !== wanted) throw new Error(`${world.closed()} gates are closed, and ${wanted} should be`);
}

/** Everything that is billed in a month. */
function metersOf(month: Month, graph: Graph, { standing, besides }: MonthCloud): Counts {
  return added([month.billed, besides(month, retentionDaysOf(graph)), ...standingOf(graph, standing)]);
}

function happeningsTable(
  happenings: readonly Happening[],
  { repositories, imagesEach, findingsEach }: MonthSize,
  assumed: readonly string[],
): Table {
  const all = sum(repositories);
  const images = all * imagesEach;
  return {
    title: `What happens: ${count(all)} repositories, ${count(images)} images, ${count(images * findingsEach)} findings`,
    head: ['', 'times a month', 'invocations each', 'calls each', 'invocations a month', 'calls a month'],
    rows: happenings.map(({ name, times, invocations, calls }) => {
      const made = sum(Object.values(calls));
      return [name, count(times), count(invocations), count(made), count(times * invocations), count(times * made)];
    }),
    note: `Assumed, not measured: ${assumed.join(' ')}`,
  };
}

/** The dearest meter first, each with the price of a unit and a link to who says so. */
export function costTable(billed: Counts, prices: Prices): Table {
  const rows = Object.entries(billed)
    .map(([name, units]) => ({ name, units, dollars: dollarsOf({ [name]: units }, prices), price: prices[name] }))
    .toSorted((one, other) => other.dollars - one.dollars);
  const sources = [...new Set(rows.flatMap(({ price }) => price?.source ?? []))];
  return {
    title: 'What it costs, in US dollars at list prices, before free grants',
    head: ['meter', 'units a month', 'price of a unit', 'dollars a month', 'source'],
    rows: [
      ...rows.map(({ name, units, dollars, price }) => [
        name,
        amount(units),
        amount(price?.dollars ?? 0),
        dollars.toFixed(2),
        price?.source === undefined ? '' : String(sources.indexOf(price.source) + 1),
      ]),
      ['in all', '', '', dollarsOf(billed, prices).toFixed(2), ''],
    ],
    note: `Sources of the prices: ${sources.map((source, index) => `[${index + 1}](${source})`).join(', ')}.`,
  };
}

/** Whole numbers from 10 on, and three significant digits below. */
function amount(value: number): string {
  if (value >= 10 || Number.isInteger(value)) return count(value);
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3, useGrouping: false });
}

function scaled(counts: Counts, times: number): Counts {
  return Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, value * times]));
}

/** The sum of all counts, by meter. */
export function added(all: readonly Counts[]): Counts {
  const total: Record<string, number> = {};
  for (const counts of all)
    for (const [name, value] of Object.entries(counts)) total[name] = (total[name] ?? 0) + value;
  return total;
}
