// One invocation of the function in this process, on the local cloud: how it groups messages, in which order it works,
// and what happens when time runs out.
import type { SQSRecord } from 'aws-lambda';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHandler } from '../../../aws/function/invocation.ts';
import { type LocalAws, startAws } from '../../../local/aws/cloud.ts';
import { allowing } from '../../../local/aws/principals.ts';
import { type Graph, graphOf } from '../../../local/graph.ts';
import type { LogLine } from '../../../shared/report/log-line.ts';
import { clientsOf, settingsOf } from '../../worker.ts';

let graph: Graph;
let cloud: LocalAws;
let log: LogLine[] = [];
let handle: ReturnType<typeof createHandler>;

beforeAll(async () => {
  graph = await graphOf({ 'pullgate:mode': 'enforce' });
});
beforeEach(async () => {
  cloud = await startAws(graph);
  const credentials = cloud.principals.add('arn:aws:iam::123456789012:role/worker', [allowing('*')]);
  const lines: LogLine[] = [];
  log = lines;
  handle = createHandler({
    settings: settingsOf(graph),
    clients: clientsOf(cloud, credentials),
    now: () => cloud.clock.now().toISOString(),
    log: (line) => void lines.push(line),
  });
  return () => cloud.stop();
});

/** Messages received from the queue, in the form in which Lambda passes them. */
function receive(...bodies: readonly object[]): readonly SQSRecord[] {
  for (const body of bodies) cloud.queue.send(JSON.stringify(body));
  return cloud.queue.receive(bodies.length).map(({ id, body, receiptHandle, receiveCount }) => ({
    messageId: id,
    body,
    receiptHandle,
    attributes: {
      ApproximateReceiveCount: String(receiveCount),
      SentTimestamp: '0',
      SenderId: 'test',
      ApproximateFirstReceiveTimestamp: '0',
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: cloud.queue.arn,
    awsRegion: 'eu-west-1',
  }));
}

async function vulnerable(...repositories: readonly string[]): Promise<void> {
  for (const repository of repositories) {
    cloud.ecr.createRepository(repository);
    const digest = await cloud.ecr.pushImage(repository, { tag: 'v1' });
    const advisory = { vulnerability: 'CVE-2026-1001', severity: 'CRITICAL' };
    await cloud.inspector.report({ repository, digest }, advisory, { event: false });
  }
  cloud.queue.purge();
}

const request = (repository: string) => ({ pullgate: 'reconcile', repository, trigger: 'sweep' });
const tick = { pullgate: 'tick' };
const sweep = { pullgate: 'sweep' };
const isClosed = (repository: string) => cloud.ecr.repository(repository).policyText !== undefined;
const kinds = () => log.map(({ kind }) => kind);
const DENIED = { kind: 'error', code: 'AccessDeniedException', message: 'no', status: 400 } as const;
const PLENTY = { getRemainingTimeInMillis: () => 300_000 };
/** The time that an invocation reserves for its end. */
const RESERVE_MILLISECONDS = 10_000;

/** The remaining times, one for each gate in the order in which they begin. */
const remaining = (...milliseconds: readonly [number, ...number[]]) => {
  const times = [...milliseconds];
  return { getRemainingTimeInMillis: () => (times.length > 1 ? times.shift() : times[0]) ?? 0 };
};

describe('when time runs out', () => {
  it('stops a gate that would outlast the invocation, retries only its messages and finishes the others', async () => {
    await vulnerable('team/first', 'team/held', 'team/last');
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    cloud.calls.before(async ({ operation, input }) => {
      if (operation === 'GetRepositoryPolicy' && input['repositoryName'] === 'team/held') await held;
    });
    const records = receive(request('team/held'), request('team/first'), request('team/held'), request('team/last'));
    const answer = await handle({ Records: [...records] }, remaining(RESERVE_MILLISECONDS + 1, 300_000));

    const returning = records.filter(({ body }) => body.includes('team/held')).map(({ messageId }) => messageId);
    expect(returning).toHaveLength(2);
    expect(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(returning);
    expect(['team/first', 'team/held', 'team/last'].map(isClosed)).toEqual([true, false, true]);
    expect(log.filter(({ kind }) => kind === 'failed')).toEqual([
      { kind: 'failed', error: 'Error: no time left in this invocation for team/held', messages: 2 },
    ]);

    // The call that was still running behaves like a slow worker and may finish.
    letGo();
    await vi.waitFor(() => expect(kinds().filter((kind) => kind === 'decision')).toHaveLength(3), { timeout: 300_000 });
    expect(isClosed('team/held')).toBe(true);
  });

  it('starts no gate if no time is left, and retries every message', async () => {
    await vulnerable('team/first', 'team/last');
    const records = receive(request('team/first'), request('team/last'));
    cloud.calls.reset();
    const answer = await handle({ Records: [...records] }, remaining(RESERVE_MILLISECONDS));
    expect(answer.batchItemFailures).toEqual(records.map(({ messageId }) => ({ itemIdentifier: messageId })));
    expect(cloud.calls.count()).toEqual({ 'dynamodb:GetItem': 1, 'sqs:ChangeMessageVisibility': 2 });
    expect(['team/first', 'team/last'].map(isClosed)).toEqual([false, false]);
  });
});

it('logs a notice that cannot be sent as a failure, retries no message, and the next tick sends it', async () => {
  await vulnerable('team/app');
  cloud.faults.add({ ...DENIED, code: 'AuthorizationError', status: 403, service: 'sns', operation: 'Publish' });
  const records = receive({ ...request('team/app'), trigger: 'finding' }, request('team/clean'));
  const answer = await handle({ Records: [...records] }, PLENTY);
  expect(answer.batchItemFailures).toEqual([]);
  expect(isClosed('team/app')).toBe(true);
  expect(log.filter(({ kind }) => kind === 'failed')).toEqual([
    {
      kind: 'failed',
      repository: 'team/app',
      error: expect.stringMatching(/^a notice could not be sent: AuthorizationErrorException: no$/),
      messages: 1,
    },
  ]);
  expect(cloud.notices).toEqual([]);
  cloud.clock.advance(120_000);
  await handle({ Records: [...receive({ pullgate: 'tick' })] }, PLENTY);
  expect(cloud.notices.map(({ subject }) => subject)).toEqual(['[pullgate] closed: team/app']);
  expect(log.filter(({ kind }) => kind === 'notified')).toEqual([{ kind: 'notified', gates: 1 }]);
});

it('logs an invalid message that cannot be moved to the dead-letter queue as a failure, and retries it', async () => {
  cloud.faults.add({ ...DENIED, service: 'sqs', operation: 'SendMessage' });
  const records = receive({ pullgate: 'unheard of' });
  const messageId = records[0]?.messageId;
  const answer = await handle({ Records: [...records] }, PLENTY);
  expect(answer.batchItemFailures).toEqual([{ itemIdentifier: messageId }]);
  expect(log).toEqual([
    { kind: 'refused', messageId, problem: expect.stringContaining('expected tick, sweep or reconcile') },
    { kind: 'failed', messageId, error: 'AccessDeniedException: no', messages: 1 },
  ]);
});

describe('ticks and sweeps', () => {
  it('run once per batch, before the gates', async () => {
    await vulnerable('team/app');
    const answer = await handle({ Records: [...receive(request('team/app'), tick, sweep, tick, tick, sweep)] }, PLENTY);
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(kinds()).toEqual(['sweep', 'unscanned', 'scanner', 'tick', 'decision']);
    expect(cloud.calls.count()['inspector2:ListFindingAggregations']).toBe(1);
  });

  it('a tick runs its other steps if one fails, and its messages are retried', async () => {
    cloud.faults.add({ ...DENIED, service: 'dynamodb', operation: 'Scan' });
    const records = receive(tick, tick);
    const answer = await handle({ Records: [...records] }, PLENTY);
    expect(answer.batchItemFailures).toEqual(records.map(({ messageId }) => ({ itemIdentifier: messageId })));
    expect(log).toEqual([
      { kind: 'scanner', healthy: true, why: undefined },
      {
        kind: 'tick',
        waiting: 0,
        admitted: 0,
        closedThisHour: 0,
        closedThisDay: 0,
        leftThisDay: 100,
        locksRead: 0,
        locksMissing: 0,
        oldestLockReadMinutes: 0,
      },
      { kind: 'failed', error: 'AccessDeniedException: no', messages: 2 },
    ]);
  });

  it('that fail do not prevent the reconciliation of the gates in their batch', async () => {
    await vulnerable('team/app');
    cloud.faults.add({ ...DENIED, service: 'inspector2' });
    const [failing, ...others] = receive(sweep, request('team/app'));
    const answer = await handle({ Records: [failing, ...others].filter((one) => one !== undefined) }, PLENTY);
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: failing?.messageId }] });
    expect(isClosed('team/app')).toBe(true);
  });

  it('a sweep requests one reconciliation of each repository that has findings', async () => {
    await vulnerable('team/one', 'team/two');
    cloud.ecr.createRepository('team/clean');
    await handle({ Records: [...receive(sweep)] }, PLENTY);
    const bodies = cloud.queue.messages().map(({ body }) => JSON.parse(body));
    const asked = bodies.filter(({ repository }) => repository !== undefined);
    // No sweep before it had these settings.
    const requests = ['team/one', 'team/two'].map((name) => ({ ...request(name), trigger: 'settings' }));
    expect(asked).toEqual(requests);
  });
});
