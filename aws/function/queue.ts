// The stack's queue and its dead-letter queue, as far as the function itself sends to them.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ChangeMessageVisibilityCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { FunctionTrigger } from '../../shared/reconcile/trigger.ts';
import { chunksOf } from '../../shared/runtime/chunks.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';

const MESSAGES_PER_BATCH = 10;
const BATCHES_AT_ONCE = 4;
const SEND_TRIES = 5;
const FIRST_RETRY_SECONDS = 15;
const LAST_RETRY_SECONDS = 900;

export function createQueue(client: SQSClient, queueUrl: string, deadLetterQueueUrl: string) {
  return {
    /** Sends a reconcile request for each of these repositories, one message each. */
    async sendRequests(repositories: readonly string[], trigger: FunctionTrigger): Promise<void> {
      await mapConcurrently(chunksOf(repositories, MESSAGES_PER_BATCH), BATCHES_AT_ONCE, (batch) =>
        sendBatch(client, queueUrl, batch, trigger),
      );
    },

    /** Moves a message that can never succeed to the queue that has an alarm. */
    async deadLetter(body: string): Promise<void> {
      await client.send(new SendMessageCommand({ QueueUrl: deadLetterQueueUrl, MessageBody: body }));
    },

    /**
     * Lets a message be received again after 15 seconds, then 30, 60, ... up to 15 minutes, instead of after the
     * queue's whole visibility timeout.
     */
    async retryLater(receiptHandle: string, receiveCount: number): Promise<void> {
      const VisibilityTimeout = Math.min(FIRST_RETRY_SECONDS * 2 ** (receiveCount - 1), LAST_RETRY_SECONDS);
      await client.send(
        new ChangeMessageVisibilityCommand({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout }),
      );
    },
  };
}

export type Queue = ReturnType<typeof createQueue>;

/** SQS may accept only a part of a batch: the rest is sent again. */
async function sendBatch(
  client: SQSClient,
  queueUrl: string,
  repositories: readonly string[],
  trigger: FunctionTrigger,
): Promise<void> {
  let entries = repositories.map((repository, index) => ({
    Id: String(index),
    MessageBody: JSON.stringify({ pullgate: 'reconcile', repository, trigger }),
  }));
  for (let tries = 0; tries < SEND_TRIES; tries++) {
    const { Failed: failed } = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
    const again = new Set(failed?.map(({ Id }) => Id));
    entries = entries.filter(({ Id }) => again.has(Id));
    if (entries.length === 0) return;
    await sleep(100 * 2 ** tries);
  }
  throw new Error(
    `SQS refused ${entries.length} reconcile requests ${SEND_TRIES} times; the sweep or the tick sends them again`,
  );
}
