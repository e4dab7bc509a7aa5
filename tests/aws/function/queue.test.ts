// What the function sends to its queues: complete batches, even if SQS accepts only part of one, and messages with a
// retry delay.
import { type SendMessageBatchCommand, type SendMessageBatchResultEntry, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createQueue, type Queue } from '../../../aws/function/queue.ts';
import type { LocalAws } from '../../../local/aws/cloud.ts';
import { startStage } from '../../local/aws/stage.ts';

const names = (count: number) => Array.from({ length: count }, (_, number) => `team/app-${number}`);
const requestFor = (repository: string) => ({ pullgate: 'reconcile', repository, trigger: 'sweep' });

describe('over the SQS protocol', () => {
  let cloud: LocalAws;
  let queue: Queue;
  beforeAll(async () => {
    const stage = await startStage();
    cloud = stage.cloud;
    const client = new SQSClient({ ...stage.config(), maxAttempts: 2 });
    queue = createQueue(client, cloud.queue.url, cloud.deadLetters.url);
  });
  afterAll(() => cloud.stop());
  beforeEach(() => {
    cloud.faults.clear();
    cloud.queue.purge();
    cloud.deadLetters.purge();
    cloud.calls.reset();
  });
  const sent = () => cloud.queue.messages().map(({ body }): unknown => JSON.parse(body));

  it.each([
    [0, 0],
    [1, 1],
    [10, 1],
    [11, 2],
    [95, 10],
  ])('sends the requests for %i repositories in %i batches, one message per repository', async (count, batches) => {
    await queue.sendRequests(names(count), 'sweep');
    expect(sent()).toHaveLength(count);
    expect(sent()).toEqual(expect.arrayContaining(names(count).map(requestFor)));
    expect(cloud.calls.count()['sqs:SendMessageBatch'] ?? 0).toBe(batches);
  });

  it('sends a throttled batch again, once', async () => {
    cloud.faults.add({ kind: 'throttle', service: 'sqs', operation: 'SendMessageBatch' });
    await queue.sendRequests(names(12), 'sweep');
    expect(sent()).toHaveLength(12);
    expect(sent()).toEqual(expect.arrayContaining(names(12).map(requestFor)));
  });

  it('throws if a batch is denied, so that the sweep is retried', async () => {
    const denied = { kind: 'error', code: 'AccessDeniedException', message: 'no', status: 403 } as const;
    cloud.faults.add({ ...denied, service: 'sqs', operation: 'SendMessageBatch' });
    await expect(queue.sendRequests(names(1), 'sweep')).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect(sent()).toEqual([]);
  });

  it('sends a message that can never succeed to the dead-letter queue unchanged', async () => {
    await queue.deadLetter('not even JSON');
    expect(cloud.deadLetters.messages().map(({ body }) => body)).toEqual(['not even JSON']);
    expect(sent()).toEqual([]);
  });

  it.each([
    [1, 15],
    [2, 30],
    [6, 480],
    [7, 900],
    [40, 900],
  ])('makes a message that was received %i times visible again after %i seconds', async (receiveCount, seconds) => {
    cloud.queue.send('{}');
    const [message] = cloud.queue.receive(1);
    await queue.retryLater(message?.receiptHandle ?? '', receiveCount);
    expect(cloud.queue.nextVisibleAt()).toBe(cloud.clock.now().getTime() + seconds * 1000);
  });

  it('throws for an invalid receipt handle', async () => {
    await expect(queue.retryLater('no receipt', 1)).rejects.toMatchObject({ name: 'ReceiptHandleIsInvalid' });
  });
});

describe('a batch that SQS accepts in part', () => {
  /**
   * A queue of a service that rejects some entries of each batch, the repositories of each batch, and the delays
   * between attempts. It does not wait.
   */
  function stage(refusedOf: (repositories: readonly string[]) => readonly string[]) {
    const batches: (readonly string[])[] = [];
    const waits: number[] = [];
    const client: Pick<SQSClient, 'send'> = {
      send: async ({ input }: SendMessageBatchCommand) => {
        const entries = (input.Entries ?? []).map(({ Id, MessageBody = '' }) => ({ Id, ...JSON.parse(MessageBody) }));
        batches.push(entries.map(({ repository }) => repository));
        const refused = refusedOf(entries.map(({ repository }) => repository));
        const Failed = entries.flatMap(({ Id, repository }): Partial<SendMessageBatchResultEntry>[] =>
          refused.includes(repository) ? [{ Id }] : [],
        );
        return { Failed };
      },
    };
    const wait = async (milliseconds: number) => void waits.push(milliseconds);
    return { queue: createQueue(client as SQSClient, 'queue', 'dead letters', wait), batches, waits };
  }

  it('is retried for the rest only, with longer delays', async () => {
    const { queue, batches, waits } = stage((repositories) => repositories.slice(1));
    await queue.sendRequests(['a', 'b', 'c'], 'tick');
    expect(batches).toEqual([['a', 'b', 'c'], ['b', 'c'], ['c']]);
    expect(waits).toEqual([100, 200]);
  });

  it('does not prevent the other batches, and the error counts the entries that were rejected five times', async () => {
    const { queue, batches } = stage((repositories) =>
      repositories.filter((one) => ['team/app-3', 'team/app-4'].includes(one)),
    );
    await expect(queue.sendRequests(names(25), 'sweep')).rejects.toThrow(
      'SQS rejected 2 of 10 reconcile requests after 5 attempts; the next sweep or tick sends them again',
    );
    expect(batches.filter(({ length }) => length === 2)).toEqual(Array(4).fill(['team/app-3', 'team/app-4']));
    expect(batches.flat()).toEqual(expect.arrayContaining(names(25)));
  });
});
