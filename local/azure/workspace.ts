// A Log Analytics workspace: rows become visible some minutes after their event, and queries read them.

import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Clock } from '../clock.ts';
import { runQuery, type Source } from './kql.ts';
import type { Table } from './kql-operators.ts';
import { type Row, rowOf, TABLE_NAMES, TABLES, type TableName } from './tables.ts';

/** The workspace as a test or a story changes it. */
export interface Workspace {
  /** The delay until queries see a row after its event, in milliseconds. Default: three minutes. */
  ingestionDelayMilliseconds: number;
  /** The maximum size of an answer in bytes. A larger answer is truncated and says so. Default: 64 MB. */
  maxAnswerBytes: number;
  /**
   * The maximum number of rows in an answer. Default: 500,000.
   * Source: https://learn.microsoft.com/en-us/azure/azure-monitor/fundamentals/service-limits
   */
  maxAnswerRows: number;
  /** Makes the next queries answer with half of their rows and an error. */
  failPartially(times?: number): void;
  /** The rows that are visible to queries now. */
  rows(table: TableName): readonly Row[];
  /** The number of rows that are not visible yet. */
  readonly pending: number;
  /** Removes rows, as retention does, or as if they had never arrived: all of them, or those that a test selects. */
  forgetRows(where?: (row: Row, table: TableName) => boolean): void;
  /** Runs a query without authorization. */
  query(text: string): Table;
}

export interface RunningWorkspace extends Workspace {
  /** Adds a row, which queries see after the delay. */
  ingest(table: TableName, row: Row): void;
  /** Runs a query on the rows of a time range, in milliseconds since the epoch. */
  run(text: string, range: TimeRange | undefined): Table;
  /** Whether a test wants this query to fail in part. */
  takePartialFailure(): boolean;
}

export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

export function createWorkspace(clock: Clock): RunningWorkspace {
  const stored = Object.fromEntries(TABLE_NAMES.map((name) => [name, []])) as unknown as Record<TableName, Row[]>;
  let waiting: { readonly table: TableName; readonly row: Row; readonly at: number }[] = [];
  let partialFailures = 0;

  function ingestDue(): void {
    const now = clock.now().getTime();
    const due = waiting.filter(({ at }) => at <= now);
    if (due.length === 0) return;
    waiting = waiting.filter(({ at }) => at > now);
    for (const { table, row } of due.sort((one, other) => one.at - other.at)) stored[table].push(row);
  }

  function sourceOf(range: TimeRange | undefined): Source {
    const isInRange = ({ TimeGenerated: time }: Row) =>
      range === undefined || (typeof time === 'number' && time >= range.from && time <= range.to);
    return {
      columns: (table) => Object.entries(TABLES[table]).map(([name, type]) => ({ name, type })),
      rows: (table) => stored[table].filter(isInRange),
    };
  }

  return {
    ingestionDelayMilliseconds: 3 * MINUTE_MILLISECONDS,
    maxAnswerBytes: 64_000_000,
    maxAnswerRows: 500_000,
    failPartially(times = 1) {
      partialFailures += times;
    },
    takePartialFailure() {
      if (partialFailures === 0) return false;
      partialFailures -= 1;
      return true;
    },
    rows(table) {
      ingestDue();
      return [...stored[table]];
    },
    get pending() {
      ingestDue();
      return waiting.length;
    },
    forgetRows(where = () => true) {
      ingestDue();
      for (const table of TABLE_NAMES) stored[table] = stored[table].filter((row) => !where(row, table));
      waiting = waiting.filter(({ row, table }) => !where(row, table));
    },
    ingest(table, row) {
      waiting.push({ table, row: rowOf(table, row), at: clock.now().getTime() + this.ingestionDelayMilliseconds });
    },
    run(text, range) {
      ingestDue();
      return runQuery(text, sourceOf(range), clock.now());
    },
    query(text) {
      return this.run(text, undefined);
    },
  };
}
