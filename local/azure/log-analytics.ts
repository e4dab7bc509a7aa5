// The Query API of Log Analytics on api.loganalytics.io, as the SDK's LogsQueryClient calls it.
// Source: https://learn.microsoft.com/en-us/azure/azure-monitor/logs/api/overview
import type { Clock } from '../clock.ts';
import { type Failure, failure } from './failure.ts';
import type { Table } from './kql-operators.ts';
import { checkQuery } from './kql-syntax.ts';
import type { Principals } from './principals.ts';
import type { Service, Step } from './service.ts';
import { header, json, jsonBody, type WireAnswer, type WireRequest } from './wire.ts';
import type { RunningWorkspace, TimeRange } from './workspace.ts';

export const LOGS_HOST = 'api.loganalytics.io';
const AUDIENCES = ['https://api.loganalytics.io', 'https://api.loganalytics.azure.com'];

/** A workspace that accepts queries. */
export interface NamedWorkspace {
  /** The GUID that identifies it in queries. */
  readonly customerId: string;
  /** Its ARM id, the scope of its role assignments. */
  readonly id: string;
  readonly world: RunningWorkspace;
}

interface Parts {
  readonly clock: Clock;
  readonly principals: Principals;
  readonly workspaces: () => readonly NamedWorkspace[];
}

/**
 * The default and maximum time of a query.
 * Source: https://learn.microsoft.com/en-us/azure/azure-monitor/logs/api/timeouts
 */
const MAX_WAIT_SECONDS = 600;

export function createLogAnalytics({ clock, principals, workspaces }: Parts): Service {
  function read(request: WireRequest): Step {
    const [, customerId] = /^\/v1\/workspaces\/([^/]+)\/query$/.exec(request.url.pathname) ?? [];
    if (customerId === undefined || request.method !== 'POST')
      throw failure(
        404,
        'PathNotFoundError',
        `The requested path does not exist: ${request.method} ${request.url.pathname}`,
      );
    const workspace = workspaces().find((one) => one.customerId.toLowerCase() === customerId.toLowerCase());
    if (workspace === undefined) throw failure(404, 'PathNotFoundError', `The workspace ${customerId} does not exist`);
    const { query, timespan, workspaces: others } = jsonBody(request) ?? {};
    if (typeof query !== 'string') throw failure(400, 'BadArgumentError', 'the body needs a query');
    if (others !== undefined) throw new Error('the local workspace does not support queries over several workspaces');
    return {
      operation: 'Query',
      input: { customerId, query, timespan },
      needs: [{ action: 'Microsoft.OperationalInsights/workspaces/query/read', data: false, scope: workspace.id }],
      run: () => answer(workspace, query, timespan, header(request, 'prefer')),
    };
  }

  function answer({ world }: NamedWorkspace, query: string, timespan: unknown, prefer: string | undefined): WireAnswer {
    checkPrefer(prefer);
    const wrong = checkQuery(query).map(({ message, at }) => `${message} (${at})`);
    if (wrong.length > 0) throw failure(400, 'BadArgumentError', `A semantic error occurred: ${wrong.join('; ')}`);
    const result = world.run(query, timespan === undefined ? undefined : rangeOf(timespan, clock.now().getTime()));
    const rows = rowsOf(result);
    const partly = world.takePartialFailure();
    const kept = partly ? rows.slice(0, Math.floor(rows.length / 2)) : within(rows, world);
    const columns = result.columns.map(({ name, type }) => ({ name, type }));
    const tables = [{ name: 'PrimaryResult', columns, rows: kept }];
    if (kept.length === rows.length && !partly) return json(200, { tables });
    const why = partly
      ? 'Query execution lacks memory resources to complete (80DA0007): an injected fault of the local cloud'
      : `The results of this query exceed the set limit of ${world.maxAnswerBytes} bytes or ${world.maxAnswerRows} rows, so not all records were returned (E_QUERY_RESULT_SET_TOO_LARGE).`;
    return json(200, { tables, error: partialError(why) });
  }

  return {
    name: 'logs',
    read,
    authenticate: (request) => principals.authenticate(request, AUDIENCES),
    denied: () =>
      failure(
        403,
        'InsufficientAccessError',
        'The provided credentials have insufficient access to perform the requested operation',
      ),
    refuse: ({ status, code, message, headers }: Failure) => json(status, { error: { message, code } }, headers),
  };
}

/** Source: https://learn.microsoft.com/en-us/azure/azure-monitor/logs/api/errors */
function partialError(message: string): object {
  const innererror = { code: '-2133196797', message, severity: 2, severityName: 'Error' };
  const details = [
    { code: 'EngineError', message: 'Something went wrong processing your query on the server.', innererror },
  ];
  return { code: 'PartialError', message: 'There were some errors when processing your query.', details };
}

function checkPrefer(prefer: string | undefined): void {
  for (const part of prefer?.split(',') ?? []) {
    const [, seconds] = /^wait=(\d+)$/.exec(part.trim()) ?? [];
    if (seconds === undefined) throw new Error(`the local workspace supports only Prefer: wait=SECONDS; got ${part}`);
    if (Number(seconds) > MAX_WAIT_SECONDS)
      throw failure(400, 'BadArgumentError', `a query may take at most ${MAX_WAIT_SECONDS} seconds; got ${seconds}`);
  }
}

/** A time range: an ISO 8601 duration up to now, or an interval of a time and a duration, or of two times. */
function rangeOf(timespan: unknown, now: number): TimeRange {
  const [one, other, ...more] = String(timespan).split('/');
  if (one === undefined || more.length > 0) throw badTimespan(timespan);
  // No end: while the clock stands still, each new row of an assessment is dated a millisecond after the last.
  if (other === undefined) return { from: now - durationOf(one, timespan), to: Number.POSITIVE_INFINITY };
  if (one.startsWith('P'))
    return { from: timeOf(other, timespan) - durationOf(one, timespan), to: timeOf(other, timespan) };
  const from = timeOf(one, timespan);
  return { from, to: other.startsWith('P') ? from + durationOf(other, timespan) : timeOf(other, timespan) };
}

function durationOf(text: string, timespan: unknown): number {
  const [matched, days = '0', hours = '0', minutes = '0', seconds = '0'] =
    /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text) ?? [];
  if (matched === undefined) throw badTimespan(timespan);
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

function timeOf(text: string, timespan: unknown): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw badTimespan(timespan);
  return time;
}

function badTimespan(timespan: unknown): Failure {
  return failure(400, 'BadArgumentError', `invalid timespan ${JSON.stringify(timespan)}; use one such as PT24H`);
}

/** A cell in the API's format: times in ISO 8601, dynamic as text. */
function rowsOf({ columns, rows }: Table): readonly (readonly unknown[])[] {
  return rows.map((row) =>
    columns.map(({ name, type }) => {
      const value = row[name];
      if (value === undefined) throw new Error(`the answer lacks the column ${name}`);
      if (value === null) return null;
      if (type === 'datetime') return new Date(Number(value)).toISOString();
      if (type === 'dynamic') return typeof value === 'string' ? value : JSON.stringify(value);
      if (['string', 'bool', 'long', 'int', 'real'].includes(type)) return value;
      throw new Error(`the local workspace does not know how the API writes a ${type}`);
    }),
  );
}

function within(rows: readonly (readonly unknown[])[], { maxAnswerBytes, maxAnswerRows }: RunningWorkspace) {
  let bytes = 0;
  let count = 0;
  for (const row of rows) {
    bytes += Buffer.byteLength(JSON.stringify(row));
    if (bytes > maxAnswerBytes || count >= maxAnswerRows) break;
    count += 1;
  }
  return rows.slice(0, count);
}
