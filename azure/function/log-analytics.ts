// Queries to the workspace: few at a time, and each answer is complete or an error.
import { isRestError } from '@azure/core-rest-pipeline';
import type { LogsQueryClient, LogsTable } from '@azure/monitor-query';
import { limitedTo } from '../../shared/runtime/concurrency.ts';
import type { Row } from './assessments.ts';

/** Runs a query and returns its complete answer. Never splice the text of an event into a query. */
export type RunQuery = (query: string) => Promise<readonly Row[]>;

/**
 * Log Analytics allows a caller five queries at once. The limit is shared with other instances of the function, and
 * each answer may hold 64 MB.
 */
const QUERIES_AT_ONCE = 2;

/** How far back queries read at most, and how long the service may take. */
interface QueryLimits {
  readonly days: number;
  readonly seconds: number;
  /** After how many seconds a query is given up, even without an answer. Undefined: never. */
  readonly giveUpSeconds?: number;
}

/** The days are more than every window of the findings has. The query itself limits how far back it reads. */
const OF_FINDINGS: QueryLimits = { days: 10, seconds: 60 };

/**
 * The queries of one kind to the workspace.
 *
 * @throws PartialAnswer if the answer is incomplete
 */
export function createRunQuery(client: LogsQueryClient, workspaceId: string, limits = OF_FINDINGS): RunQuery {
  const limited = limitedTo(QUERIES_AT_ONCE);
  const timespan = { duration: `P${limits.days}D` };
  const optionsNow = () => ({
    serverTimeoutInSeconds: limits.seconds,
    ...(limits.giveUpSeconds === undefined ? {} : { abortSignal: AbortSignal.timeout(limits.giveUpSeconds * 1000) }),
  });
  return async (query) => {
    const ask = () => client.queryWorkspace(workspaceId, query, timespan, optionsNow());
    const result = await limited(ask).catch(asPartial);
    if (result.status === 'PartialFailure') {
      throw new PartialAnswer(`Log Analytics returned only part of its answer: ${result.partialError.message}`);
    }
    const [table] = result.tables;
    return table === undefined ? [] : rowsOf(table);
  };
}

/** The rows of a query. Empty if the tables do not exist yet, because the first export creates them. */
export async function rowsOrNone(rows: Promise<readonly Row[]>): Promise<readonly Row[]> {
  try {
    return await rows;
  } catch (error) {
    if (isWithoutTables(error)) return [];
    throw error;
  }
}

/** The answer was incomplete. A narrower query may get a complete one. */
export class PartialAnswer extends Error {
  override readonly name = 'PartialAnswer';
}

/** The answer is too large, or the query takes too long. A narrower query may succeed. */
function asPartial(error: unknown): never {
  if (isRestError(error) && (error.statusCode === 413 || error.statusCode === 504)) {
    throw new PartialAnswer(`Log Analytics could not answer the query at once: ${error.message}`, { cause: error });
  }
  throw error;
}

/**
 * The service names the table only in an inner error of its response.
 * Source: https://learn.microsoft.com/azure/azure-monitor/logs/api/errors
 */
function isWithoutTables(error: unknown): boolean {
  if (!isRestError(error) || error.statusCode !== 400) return false;
  return /failed to resolve table/i.test(`${error.message} ${JSON.stringify(error.details)}`);
}

function rowsOf({ columnDescriptors, rows }: LogsTable): readonly Row[] {
  return rows.map((values) => Object.fromEntries(columnDescriptors.map(({ name }, column) => [name, values[column]])));
}
