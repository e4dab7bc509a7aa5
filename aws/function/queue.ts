// The stack's queue and its dead-letter queue, as far as the function itself sends to them.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ChangeMessageVisibilityCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Trigger } from '../../shared/report/decision.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';

const MESSAGES_A_BATCH = 10;
const BATCHES_AT_ONCE = 4;
const SEND_TRIES = 5;
const FIRST_RETRY_SECONDS = 15;
const LAST_RETRY_SECONDS = 900;

export function createQueue(client: SQSClient, queueUrl: string, deadLetterQueueUrl: string) {
  /**
   * Sends a reconcile request for each of these repositories, a message each. SQS may take a part of a batch: the rest
   * is sent again.
   */
  async function sendRequests(repositories: readonly string[], trigger: Trigger): Promise<void> {
    const batches = Array.from({ length: Math.ceil(repositories.length / MESSAGES_A_BATCH) }, (_, batch) =>
      repositories.slice(batch * MESSAGES_A_BATCH, (batch + 1) * MESSAGES_A_BATCH),
    );
    await mapConcurrently(batches, BATCHES_AT_ONCE, (batch) => sendAll(batch, trigger));
  }

  async function sendAll(repositories: readonly string[], trigger: Trigger): Promise<void> {
    let entries = repositories.map((repository, place) => ({
      Id: String(place),
      MessageBody: JSON.stringify({ pullgate: 'reconcile', repository, trigger }),
    }));
    for (let tries = 0; tries < SEND_TRIES; tries++) {
      const { Failed: failed } = await client.send(
        new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }),
      );
      const again = new Set(failed?.map(({ Id }) => Id));
      entries = entries.filter(({ Id }) => again.has(Id));
      if (entries.length === 0) return;
      await sleep(100 * 2 ** tries);
    }
    throw new Error(`SQS refused ${entries.length} messages of a sweep ${SEND_TRIES} times; the sweep starts again`);
  }

  /** Puts a message that can never succeed where the alarm is. */
  async function deadLetter(body: string): Promise<void> {
    await client.send(new SendMessageCommand({ QueueUrl: deadLetterQueueUrl, MessageBody: body }));
  }

  /**
   * Lets a message be received again after 15 seconds, then 30, 60, ... up to 15 minutes, instead of after the queue's
   * whole visibility timeout.
   */
  async function retryLater(receiptHandle: string, receiveCount: number): Promise<void> {
    const VisibilityTimeout = Math.min(FIRST_RETRY_SECONDS * 2 ** (receiveCount - 1), LAST_RETRY_SECONDS);
    await client.send(
      new ChangeMessageVisibilityCommand({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout }),
    );
  }

  return { sendRequests, deadLetter, retryLater };
}

export type Queue = ReturnType<typeof createQueue>;
