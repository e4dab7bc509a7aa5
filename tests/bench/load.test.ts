// A small load on both clouds through the bench's own code: nothing is lost, and the calls and memory per repository
// stay flat. No test asserts a time.
import { afterAll, describe, expect, it } from 'vitest';
import { type Expected, LOAD_SIZES, type Load, load, lost } from '../../bench/load.ts';
import { LOADS } from '../../bench/load-parts.ts';
import { callsForEach, gigabyteSecondsOf, tablesOf } from '../../bench/load-tables.ts';
import { AWS_PRICES, dollarsOf } from '../../bench/prices.ts';
import { tablesAsText } from '../../bench/report.ts';
import type { Ledger } from '../../bench/world.ts';

/**
 * The maximum ratio of the calls per repository for four times the repositories. The listing, a page and a retry are
 * not always shared equally.
 */
const CALLS_FACTOR = 1.4;
/**
 * The maximum ratio of the memory. A process that kept everything would use four times as much on top of Node's own.
 */
const MEMORY_FACTOR = 1.6;

const reports: string[] = [];
afterAll(() => void process.stdout.write(`${reports.join('\n\n')}\n`));

describe.each(['aws', 'azure'] as const)('a load on %s', (cloud) => {
  const size = LOAD_SIZES[cloud].tiny;
  const { deploy, title } = LOADS[cloud];
  let figures: Load;

  // Throws if a gate, a message or a notice is lost.
  it('loses nothing', { timeout: 300_000 }, async () => {
    figures = await load(deploy, size, LOADS[cloud].time.secondsEachCall);
    reports.push(`${title}\n\n${tablesAsText(tablesOf(figures, LOADS[cloud]))}`);
    expect(figures.braked.map(({ repositories, brake }) => [repositories, brake])).toEqual([
      [size.disclosed[1], 1_000],
      [size.disclosed[1], size.brake],
      [size.sweep[1], 1_000],
    ]);
  });

  it('closes as many gates per hour as the brake allows, until all are closed', () => {
    const [loose, tight] = figures.braked;
    expect(loose?.hours).toBe(0);
    expect(Math.floor(tight?.hours ?? 0)).toBe(Math.ceil(size.disclosed[1] / size.brake) - 1);
  });

  it.each(['burst', 'disclosed', 'sweep'] as const)(
    'makes as many calls per repository in a larger load: %s',
    (name) => {
      const { small, large } = figures[name];
      expect(large.repositories).toBe(4 * small.repositories);
      expect(callsForEach(large) / callsForEach(small)).toBeLessThan(CALLS_FACTOR);
    },
  );

  it.each(['burst', 'disclosed', 'sweep'] as const)('uses as much memory in a larger load: %s', (name) => {
    const { small, large } = figures[name];
    expect(small.peakMegabytes).toBeGreaterThan(0);
    expect(large.peakMegabytes / small.peakMegabytes).toBeLessThan(MEMORY_FACTOR);
  });

  it('writes each gate once, while the naive design writes it for each finding', () => {
    const writes = ({ calls }: Load['burst']['large']) =>
      LOADS[cloud].writes.reduce((sum, name) => sum + (calls[name] ?? 0), 0);
    const { large, naive } = figures.burst;
    expect([writes(large), writes(naive), naive.invocations]).toEqual([
      large.repositories,
      naive.findings,
      naive.findings,
    ]);
    expect(writes(figures.sweep.next)).toBe(0);
  });

  it('makes fewer calls for a burst than the naive design', () => {
    const { large, naive } = figures.burst;
    expect(callsForEach(large)).toBeLessThan(callsForEach(naive));
  });

  it('measures the same burst with slow calls if an instance is billed for all invocations at once', () => {
    const { slow, burst } = figures;
    expect(slow?.ours.calls['logs:Query']).toBe(cloud === 'azure' ? burst.large.repositories : undefined);
    expect(slow?.naive.invocations).toBe(cloud === 'azure' ? burst.naive.findings : undefined);
  });

  it('asks the scanner at most three times for two images of a burst', () => {
    const { calls, repositories } = figures.burst.large;
    const asked = calls[cloud === 'aws' ? 'inspector2:ListFindings' : 'logs:Query'] ?? 0;
    expect(asked).toBeGreaterThanOrEqual(repositories);
    expect(asked / repositories).toBeLessThanOrEqual(1.5);
  });

  it('has a price for each unit that its meters count', () => {
    const { prices } = LOADS[cloud];
    const { large, naive } = figures.burst;
    for (const { billed } of [large, naive, figures.sweep.large, figures.sweep.next]) {
      expect(Object.keys(billed).toSorted()).toEqual(Object.keys(prices).toSorted());
      expect(dollarsOf(billed, prices)).toBeGreaterThan(0);
    }
    for (const { dollars, source } of Object.values(prices)) expect(dollars > 0).toBe(source !== undefined);
  });

  it('has a figure in every column', () => {
    for (const { head, rows } of tablesOf(figures, LOADS[cloud])) {
      expect(rows.filter((row) => row.length !== head.length)).toEqual([]);
      expect(rows.flat().filter((cell) => /NaN|Infinity|undefined/.test(cell))).toEqual([]);
    }
  });
});

describe('the cost', () => {
  it('is the sum of the metered units at their prices', () => {
    const billed = { 'Lambda requests': 2_000_000, 'log, MB': 1_000 };
    expect(dollarsOf(billed, AWS_PRICES)).toBeCloseTo(0.4 + 0.5);
  });

  it('has the measured time, and that of each call in the real cloud', () => {
    const episode = {
      ...{ repositories: 1, findings: 1, invocations: 1, seconds: 1, peakMegabytes: 1 },
      calls: { 'acr:GetManifest': 3, 'table:Get': 2 },
      billed: { 'function GB-seconds': 4 },
    };
    const time = { meter: 'function GB-seconds', secondsEachCall: 0.1 };
    expect(gigabyteSecondsOf(episode, time, 2)).toBeCloseTo(5);
  });

  it('is an error if a unit has no price', () => {
    expect(() => dollarsOf({ rockets: 1 }, AWS_PRICES)).toThrow(
      '"rockets" is metered but has no price in bench/prices.ts',
    );
  });
});

describe('a loss', () => {
  const CLOSED: Ledger = {
    closed: new Set(['a']),
    notifiedClosed: new Set(['a']),
    notifiedWaiting: new Set(['b']),
    queued: 0,
    dead: 0,
  };
  it.each<[name: string, change: Partial<Ledger>, wanted: Expected, problems: readonly string[]]>([
    ['no loss if a gate may wait', {}, 'closed or waiting', []],
    ['a gate that never closes', {}, 'closed', ['1 open gate: b']],
    ['a gate that waits without a notice', { notifiedWaiting: new Set() }, 'closed or waiting', ['1 open gate: b']],
    [
      'a gate that was closed without a notice',
      { notifiedClosed: new Set() },
      'closed or waiting',
      ['1 gate closed without a notice: a'],
    ],
    ['a gate that the naive design left open', { notifiedClosed: new Set() }, 'naive', ['1 open gate: b']],
    ['a message in the queue', { queued: 2 }, 'closed or waiting', ['2 messages still in the queue']],
    ['a dead-letter message', { dead: 1 }, 'closed or waiting', ['1 dead-letter message']],
  ])('is detected: %s', (_name, change, wanted, problems) => {
    expect(lost({ ...CLOSED, ...change }, ['a', 'b'], wanted)).toEqual(problems);
  });
});
