// The figures of a load as tables: what is flat for each repository, what a million findings take beside the naive
// design, how long the brake takes.
import type { Episode, Load, SweepLoad } from './load.ts';
import { count, ratio, type Table } from './part.ts';
import { dollarsOf, type Prices } from './prices.ts';
import type { Counts } from './world.ts';

const MILLION = 1_000_000;

/** A cloud's words. */
export interface Words {
  /** The calls that change a gate. */
  readonly writes: readonly string[];
  /** What these are called. */
  readonly gateWrites: string;
  readonly prices: Prices;
}

export function tablesOf(load: Load, words: Words): readonly Table[] {
  return [flatTable(load, [...eventRows(load), ...sweepRows(load)]), millionTable(load, words), brakeTable(load)];
}

export function sweepTablesOf(load: SweepLoad): readonly Table[] {
  return [flatTable(load, sweepRows(load)), brakeTable(load)];
}

/** A load, and the smaller one that it is compared with. */
type FlatRow = readonly [name: string, episode: Episode, smaller: Episode | undefined];

function eventRows({ burst, disclosed }: Load): readonly FlatRow[] {
  return [
    ['a burst of events', burst.small, undefined],
    ['a burst of events', burst.large, burst.small],
    ['the same, naive', burst.naive, undefined],
    ['one vulnerability disclosed', disclosed.small, undefined],
    ['one vulnerability disclosed', disclosed.large, disclosed.small],
    ['the same, naive', disclosed.naive, undefined],
  ];
}

function sweepRows({ sweep }: SweepLoad): readonly FlatRow[] {
  return [
    ['the first sweep', sweep.small, undefined],
    ['the first sweep', sweep.large, sweep.small],
    ['the next sweep, with nothing new', sweep.next, undefined],
  ];
}

function flatTable({ memoryMegabytes }: SweepLoad, rows: readonly FlatRow[]): Table {
  return {
    title: `Nothing lost, and flat for each repository: calls, and the peak memory of the function's process, which has ${count(memoryMegabytes)} MB`,
    head: [
      ...['load', 'repositories', 'findings', 'invocations', 'calls', 'for each repository', 'to the smaller load'],
      ...['peak, MB', 'to the smaller load'],
    ],
    rows: rows.map(([name, episode, smaller]) => [
      name,
      count(episode.repositories),
      count(episode.findings),
      count(episode.invocations),
      count(callsOf(episode)),
      callsForEach(episode).toFixed(2),
      smaller === undefined ? '' : ratio(callsForEach(episode), callsForEach(smaller)),
      count(episode.peakMegabytes),
      smaller === undefined ? '' : ratio(episode.peakMegabytes, smaller.peakMegabytes),
    ]),
  };
}

function millionTable({ burst, sweep }: Load, { writes, gateWrites, prices }: Words): Table {
  const columns = [burst.large, burst.naive, sweep.large, sweep.next] as const;
  const names = [...new Set(columns.flatMap(({ billed }) => Object.keys(billed)))];
  const row = (name: string, of: (episode: Episode) => number) => {
    const [ours, naive, ...sweeps] = columns.map((episode) => (of(episode) * MILLION) / episode.findings);
    return [
      name,
      figure(ours),
      figure(naive),
      naive === 0 ? '' : figure((ours ?? 0) / (naive ?? 1)),
      ...sweeps.map(figure),
    ];
  };
  return {
    title: `What a million findings take. The burst of ${count(burst.large.findings)} events and the naive design's, measured in one run, are scaled up; the sweeps are of ${count(sweep.large.findings)}`,
    head: ['', 'burst', 'the same, naive', 'burst : naive', 'the first sweep', 'the next sweep'],
    rows: [
      row('calls of the function', callsOf),
      row(gateWrites, ({ calls }) => sumOf(calls, writes)),
      ...names.map((name) => row(name, ({ billed }) => billed[name] ?? 0)),
      row('US dollars, at list prices', ({ billed }) => dollarsOf(billed, prices)),
      row('seconds here, function and local cloud', ({ seconds }) => seconds),
    ],
  };
}

function brakeTable({ braked }: SweepLoad): Table {
  return {
    title: "Hours until all gates are closed, by the stack's clock; all others waited meanwhile, and that was told",
    head: ['repositories that one vulnerability hits', 'the brake: gates an hour', 'hours'],
    rows: braked.map(({ repositories, brake, hours }) => [count(repositories), count(brake), hours.toFixed(1)]),
  };
}

/** How many calls one repository takes. */
export function callsForEach(episode: Episode): number {
  return callsOf(episode) / episode.repositories;
}

function callsOf({ calls }: Episode): number {
  return sumOf(calls, Object.keys(calls));
}

function sumOf(calls: Counts, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (calls[name] ?? 0), 0);
}

/** Small figures with as many places as they need to say something. */
function figure(value: number | undefined): string {
  if (value === undefined) return '';
  return value === 0 || value >= 100 ? count(value) : value.toPrecision(2);
}
