// The workspace's queries: few at a time, and complete or an error.
import { isRestError } from '@azure/core-rest-pipeline';
import type { LogsQueryClient, LogsTable } from '@azure/monitor-query';
import { limitedTo } from '../../shared/runtime/concurrency.ts';
import type { Row } from './assessments.ts';

/** Runs a query to its complete answer. Never splice the text of an event into one. */
export type RunQuery = (query: string) => Promise<readonly Row[]>;

/**
 * Log Analytics lets one caller run five at once. Other instances of the function are callers too, and an answer may
 * hold 64 MB.
 */
const QUERIES_AT_ONCE = 2;
const SERVER_TIMEOUT_SECONDS = 60;
/** An ISO 8601 duration that is longer than every window: the query itself says how far back. */
const TIMESPAN = { duration: 'P10D' };

/** @throws PartialAnswer if the answer would not be complete */
export function createRunQuery(client: LogsQueryClient, workspaceId: string): RunQuery {
  const limited = limitedTo(QUERIES_AT_ONCE);
  const options = { serverTimeoutInSeconds: SERVER_TIMEOUT_SECONDS };
  return async (query) => {
    const result = await limited(() => client.queryWorkspace(workspaceId, query, TIMESPAN, options)).catch(asPartial);
    if (result.status === 'PartialFailure') {
      throw new PartialAnswer(`Log Analytics gave a part of its answer only: ${result.partialError.message}`);
    }
    const [table] = result.tables;
    return table === undefined ? [] : rowsOf(table);
  };
}

/** The rows of a query; none if the tables do not exist yet: the first export creates them. */
export async function rowsOrNone(rows: Promise<readonly Row[]>): Promise<readonly Row[]> {
  try {
    return await rows;
  } catch (error) {
    if (isWithoutTables(error)) return [];
    throw error;
  }
}

/** The answer was not complete; a narrower question may have one that is. */
export class PartialAnswer extends Error {
  override readonly name = 'PartialAnswer';
}

/** Too much to answer, or too long to think about: a narrower question may do. */
function asPartial(error: unknown): never {
  if (isRestError(error) && (error.statusCode === 413 || error.statusCode === 504)) {
    throw new PartialAnswer(`Log Analytics cannot answer in one go: ${error.message}`, { cause: error });
  }
  throw error;
}

/**
 * The service names the table in an inner error of its answer only.
 * Source: https://learn.microsoft.com/azure/azure-monitor/logs/api/errors
 */
function isWithoutTables(error: unknown): boolean {
  if (!isRestError(error) || error.statusCode !== 400) return false;
  return /failed to resolve table/i.test(`${error.message} ${JSON.stringify(error.details)}`);
}

function rowsOf({ columnDescriptors, rows }: LogsTable): readonly Row[] {
  return rows.map((values) => Object.fromEntries(columnDescriptors.map(({ name }, column) => [name, values[column]])));
}
