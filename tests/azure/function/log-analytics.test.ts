// Queries to the workspace with the SDK's own client on the wire: complete answers, few at a time, and the errors that
// call for a narrower query.
import { RestError } from '@azure/core-rest-pipeline';
import { LogsQueryClient } from '@azure/monitor-query';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRunQuery, PartialAnswer, type RunQuery, rowsOrNone } from '../../../azure/function/log-analytics.ts';
import type { RunningWorkspace } from '../../../local/azure/workspace.ts';
import type { FaultKind } from '../../../local/faults.ts';
import { type Stage, startStage } from '../../local/azure/stage.ts';
import { ASSESSMENT_ID, AT, individualTableRow } from './samples.ts';
import { serveWorkspace, WORKSPACE_ID } from './scanner.ts';

const GROUP = '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg';
const QUERY =
  'SecurityRecommendation | project TimeGenerated, RecommendationId, Details = RecommendationAdditionalData.CvesDetails';

const MINUTE = 60_000;

let stage: Stage;
let workspace: RunningWorkspace;
let run: RunQuery;
beforeAll(async () => {
  stage = await startStage();
  workspace = serveWorkspace(stage, GROUP);
  const reader = stage.addPrincipal({ role: 'Log Analytics Reader', scope: GROUP });
  run = createRunQuery(new LogsQueryClient(reader, stage.options), WORKSPACE_ID);
});
afterAll(() => stage.wire.stop());
beforeEach(() => {
  stage.faults.clear();
  stage.calls.reset();
  workspace.forgetRows();
  Object.assign(workspace, { maxAnswerRows: 500_000, maxAnswerBytes: 64_000_000 });
  for (const minute of [0, 1])
    workspace.ingest('SecurityRecommendation', individualTableRow({ TimeGenerated: AT + minute * MINUTE }));
});

/** Runs everything that does not wait for an answer. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const errorOf = (rows: Promise<unknown>): Promise<unknown> =>
  rows.then(
    () => 'no error',
    (error: unknown) => error,
  );
const failing = (fault: FaultKind) => {
  stage.faults.add({ ...fault, service: 'logs' });
  return errorOf(run(QUERY));
};

describe('a query', () => {
  it('returns each row by column name, with the types of the SDK', async () => {
    const rowAt = (time: number) => ({
      TimeGenerated: new Date(time),
      RecommendationId: ASSESSMENT_ID,
      Details: [expect.any(Object)],
    });
    expect(await run(QUERY)).toEqual([rowAt(AT), rowAt(AT + MINUTE)]);
  });

  it('returns no rows if nothing matches', async () => {
    expect(await run(`${QUERY} | where RecommendationId == "none"`)).toEqual([]);
  });

  it('returns no rows if the answer has no table', async () => {
    const client = { queryWorkspace: async () => ({ status: 'Success', tables: [] }) } as unknown as LogsQueryClient;
    expect(await createRunQuery(client, WORKSPACE_ID)(QUERY)).toEqual([]);
  });

  it('can read the rows of ten days, and limits the window itself', async () => {
    workspace.ingest('SecurityRecommendation', individualTableRow({ TimeGenerated: AT - 9.5 * 86_400_000 }));
    workspace.ingest('SecurityRecommendation', individualTableRow({ TimeGenerated: AT - 11 * 86_400_000 }));
    expect(await run(QUERY)).toHaveLength(3);
  });

  it('is one of at most two at a time, and a failed one makes room for the next', async () => {
    const asked: string[] = [];
    const ends: PromiseWithResolvers<unknown>[] = [];
    const client: Pick<LogsQueryClient, 'queryWorkspace'> = {
      queryWorkspace(_workspaceId, query) {
        asked.push(query);
        const end = Promise.withResolvers<unknown>();
        ends.push(end);
        return end.promise as never;
      },
    };
    const limited = createRunQuery(client as LogsQueryClient, WORKSPACE_ID);
    const answers = ['a', 'b', 'c', 'd'].map((query) => limited(query));
    const outcomes = Promise.allSettled(answers);
    await turn();
    expect(asked).toEqual(['a', 'b']);
    ends[0]?.reject(new Error('no'));
    await turn();
    expect(asked).toEqual(['a', 'b', 'c']);
    ends[1]?.resolve({ status: 'Success', tables: [] });
    await turn();
    expect(asked).toEqual(['a', 'b', 'c', 'd']);
    for (const { resolve } of ends) resolve({ status: 'Success', tables: [] });
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  });
});

describe('an incomplete answer', () => {
  it.each<[string, Partial<RunningWorkspace>, number]>([
    ['the service fails partially', {}, 1],
    ['there are too many rows for it', { maxAnswerRows: 1 }, 0],
    ['there are too many bytes for it', { maxAnswerBytes: 10 }, 0],
  ])('is a PartialAnswer if %s', async (_why, limits, partialFailures) => {
    Object.assign(workspace, limits);
    workspace.failPartially(partialFailures);
    const error = await errorOf(run(QUERY));
    expect(error).toBeInstanceOf(PartialAnswer);
    expect(String(error)).toMatch(
      /^PartialAnswer: Log Analytics returned only part of its answer: There were some errors /,
    );
  });

  it.each<[string, FaultKind]>([
    ['too large (413)', { kind: 'error', code: 'ResponsePayloadTooLarge', message: 'too large', status: 413 }],
    ['too slow (504)', { kind: 'error', code: 'GatewayTimeout', message: 'too slow', status: 504 }],
  ])('is a PartialAnswer if it is %s, because a narrower query may succeed', async (_why, fault) => {
    const error = await failing(fault);
    expect(error).toBeInstanceOf(PartialAnswer);
    expect(String(error)).toContain('PartialAnswer: Log Analytics could not answer the query at once: ');
    expect(error).toMatchObject({ cause: { statusCode: fault.kind === 'error' ? fault.status : 0 } });
  });

  it.each<[string, FaultKind, object]>([
    ['throttled (429)', { kind: 'throttle' }, { statusCode: 429 }],
    [
      'refused (403)',
      { kind: 'error', code: 'InsufficientAccessError', message: 'no', status: 403 },
      { statusCode: 403 },
    ],
    ['a server error (500)', { kind: 'serverError' }, { statusCode: 500 }],
    ['a broken connection', { kind: 'reset' }, { code: 'ECONNRESET' }],
  ])('is not a PartialAnswer if it is %s, because the same query may succeed later', async (_why, fault, fields) => {
    const error = await failing(fault);
    expect(error).not.toBeInstanceOf(PartialAnswer);
    expect(error).toMatchObject({ name: 'RestError', ...fields });
  });
});

describe('tables that do not exist yet', () => {
  const NO_TABLE = "'union' operator: Failed to resolve table expression named 'SecurityRecommendation'";
  const failWith = (message: string, status: number) =>
    stage.faults.add({ kind: 'error', code: 'BadArgumentError', message, status, service: 'logs' });

  it('have no rows, because the first export creates them', async () => {
    failWith(NO_TABLE, 400);
    expect(await rowsOrNone(run(QUERY))).toEqual([]);
    expect(await rowsOrNone(run(QUERY))).toHaveLength(2);
  });

  it('are also recognized by an inner error', async () => {
    const innererror = { code: 'SemanticError', innererror: { code: 'SEM0100', message: NO_TABLE } };
    const error = Object.assign(new RestError('The request had some invalid properties', { statusCode: 400 }), {
      details: { error: { code: 'BadArgumentError', innererror } },
    });
    expect(await rowsOrNone(Promise.reject(error))).toEqual([]);
  });

  it.each([
    ['an invalid query', "'project' operator: unexpected end", 400],
    ['the same message with another status', NO_TABLE, 403],
  ])('are not the cause of %s', async (_what, message, status) => {
    failWith(message, status);
    await expect(rowsOrNone(run(QUERY))).rejects.toMatchObject({ statusCode: status });
  });

  it('are not the cause of an error without a status', async () => {
    await expect(rowsOrNone(Promise.reject(new Error(NO_TABLE)))).rejects.toThrow(NO_TABLE);
  });
});
