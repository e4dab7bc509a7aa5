// The tables of a load: the calls and memory per repository, the cost of a million findings compared with the naive
// design, and the hours that the brake takes.
import type { Episode, Load, SweepLoad } from './load.ts';
import { count, ratio, type Table } from './part.ts';
import { dollarsOf, type Prices } from './prices.ts';
import type { Counts } from './world.ts';

const MILLION = 1_000_000;

/** The terms of a cloud. */
export interface Words {
  /** The calls that change a gate. */
  readonly writes: readonly string[];
  /** The label of these calls. */
  readonly gateWrites: string;
  readonly prices: Prices;
  /** The meter of the function's time, and how long a call takes in the real cloud. */
  readonly time: { readonly meter: string; readonly secondsEachCall: number };
}

export function tablesOf(load: Load, words: Words): readonly Table[] {
  return [flatTable(load, [...eventRows(load), ...sweepRows(load)]), millionTable(load, words), brakeTable(load)];
}

export function sweepTablesOf(load: SweepLoad): readonly Table[] {
  return [flatTable(load, sweepRows(load)), brakeTable(load)];
}

/** A load, and the smaller one to compare it with. */
type FlatRow = readonly [name: string, episode: Episode, smaller: Episode | undefined];

function eventRows({ burst, disclosed }: Load): readonly FlatRow[] {
  return [
    ['a burst of events', burst.small, undefined],
    ['a burst of events', burst.large, burst.small],
    ['the same, naive design', burst.naive, undefined],
    ['a newly disclosed vulnerability', disclosed.small, undefined],
    ['a newly disclosed vulnerability', disclosed.large, disclosed.small],
    ['the same, naive design', disclosed.naive, undefined],
  ];
}

function sweepRows({ sweep }: SweepLoad): readonly FlatRow[] {
  return [
    ['the first sweep', sweep.small, undefined],
    ['the first sweep', sweep.large, sweep.small],
    ['the next sweep, without changes', sweep.next, undefined],
  ];
}

function flatTable({ memoryMegabytes }: SweepLoad, rows: readonly FlatRow[]): Table {
  return {
    title: `Nothing is lost, and the calls per repository and the peak memory of the function's process stay flat. The process has ${count(memoryMegabytes)} MB`,
    head: [
      ...['load', 'repositories', 'findings', 'invocations', 'calls', 'per repository', 'ratio to the smaller load'],
      ...['peak, MB', 'ratio to the smaller load'],
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

function millionTable({ burst, slow, sweep, memoryMegabytes }: Load, words: Words): Table {
  const { writes, gateWrites, prices, time } = words;
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
    title: `The cost of a million findings, scaled up from ${count(burst.large.findings)} events (burst and naive design, measured in one run) and ${count(sweep.large.findings)} findings (sweeps)`,
    head: ['', 'burst', 'the same, naive design', 'burst : naive', 'the first sweep', 'the next sweep'],
    rows: [
      row('calls of the function', callsOf),
      row(gateWrites, ({ calls }) => sumOf(calls, writes)),
      ...names.map((name) => row(name, ({ billed }) => billed[name] ?? 0)),
      ...(slow === undefined
        ? []
        : [slowRow(`GB-seconds if each call takes ${time.secondsEachCall} seconds, measured`, slow, time.meter)]),
      row(`GB-seconds if each call takes ${time.secondsEachCall} seconds more, one after the other`, (episode) =>
        gigabyteSecondsOf(episode, time, memoryMegabytes / 1024),
      ),
      row('US dollars, at list prices', ({ billed }) => dollarsOf(billed, prices)),
      row('seconds on this machine, function and local cloud', ({ seconds }) => seconds),
    ],
  };
}

function slowRow(name: string, { ours, naive }: NonNullable<Load['slow']>, meter: string): readonly string[] {
  const [one, other] = [ours, naive].map(({ billed, findings }) => ((billed[meter] ?? 0) * MILLION) / findings);
  return [name, figure(one), figure(other), figure((one ?? 0) / (other ?? 1)), '', ''];
}

/** The measured time, and that of the calls in the real cloud, as in the month. */
export function gigabyteSecondsOf(episode: Episode, { meter, secondsEachCall }: Words['time'], gigabytes: number) {
  return (episode.billed[meter] ?? 0) + callsOf(episode) * secondsEachCall * gigabytes;
}

function brakeTable({ braked }: SweepLoad): Table {
  return {
    title: "Hours until all gates are closed, on the stack's clock. Each waiting gate was reported",
    head: ['repositories with the vulnerability', 'brake, gates per hour', 'hours'],
    rows: braked.map(({ repositories, brake, hours }) => [count(repositories), count(brake), hours.toFixed(1)]),
  };
}

/** The number of calls per repository. */
export function callsForEach(episode: Episode): number {
  return callsOf(episode) / episode.repositories;
}

function callsOf({ calls }: Episode): number {
  return sumOf(calls, Object.keys(calls));
}

function sumOf(calls: Counts, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (calls[name] ?? 0), 0);
}

/** Formats small figures with enough digits to be meaningful. */
function figure(value: number | undefined): string {
  if (value === undefined) return '';
  return value === 0 || value >= 100 ? count(value) : value.toPrecision(2);
}
