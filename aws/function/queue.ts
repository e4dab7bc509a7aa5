// What the function sends to the stack's queue and its dead-letter queue.
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

/** What sends batches. */
interface Sender {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly wait: (milliseconds: number) => Promise<unknown>;
}

/** @param wait waits between two attempts. Default: a timer. */
export function createQueue(
  client: SQSClient,
  queueUrl: string,
  deadLetterQueueUrl: string,
  wait: Sender['wait'] = sleep,
) {
  return {
    /** Sends a reconcile request for each of these repositories, one message per repository. */
    async sendRequests(repositories: readonly string[], trigger: FunctionTrigger): Promise<void> {
      await mapConcurrently(chunksOf(repositories, MESSAGES_PER_BATCH), BATCHES_AT_ONCE, (batch) =>
        sendBatch({ client, queueUrl, wait }, batch, trigger),
      );
    },

    /** Sends a message that can never succeed to the dead-letter queue, which has an alarm. */
    async deadLetter(body: string): Promise<void> {
      await client.send(new SendMessageCommand({ QueueUrl: deadLetterQueueUrl, MessageBody: body }));
    },

    /**
     * Makes a message visible again after 15 seconds, then 30, 60, ... up to 15 minutes, instead of after the queue's
     * full visibility timeout.
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

/** Sends one batch. SQS may accept only part of it; the rest is sent again. */
async function sendBatch(
  { client, queueUrl, wait }: Sender,
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
    await wait(100 * 2 ** tries);
  }
  throw new Error(
    `SQS rejected ${entries.length} of ${repositories.length} reconcile requests after ${SEND_TRIES} attempts; the next sweep or tick sends them again`,
  );
}
