// The event source mapping: takes batches from the queue, invokes the function, and deletes what it has done.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
import { createHash } from 'node:crypto';
import type { Invocation, RunningLambda } from './lambda.ts';
import type { Place } from './place.ts';
import type { MappingResource } from './resources-function.ts';
import type { Message, Queue } from './sqs.ts';

/**
 * An invocation's event is at most 6 MB.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
const MAX_EVENT_BYTES = 6 * 1024 * 1024;

/**
 * Delivers one batch of visible messages to the function. Returns undefined if no message is visible or the function is
 * throttled. Messages that failed or got no answer stay in the queue until their visibility timeout, and so do those of
 * a throttled function: Lambda retries the invocation until then and drops the batch.
 */
export async function pollOnce(
  { batchSize, reportsItemFailures }: MappingResource,
  place: Place,
  queue: Queue,
  lambda: RunningLambda,
): Promise<Invocation | undefined> {
  const messages: Message[] = [];
  let bytes = 0;
  while (messages.length < batchSize && bytes < MAX_EVENT_BYTES) {
    const [message] = queue.receive(1);
    if (message === undefined) break;
    messages.push(message);
    bytes += Buffer.byteLength(JSON.stringify(message.body)) + 600;
  }
  if (messages.length === 0 || lambda.isThrottled) return undefined;
  const invocation = await lambda.invoke({ Records: messages.map((message) => recordOf(message, queue, place)) });
  for (const message of doneOf(messages, invocation, reportsItemFailures)) queue.delete(message);
  return invocation;
}

function recordOf(
  { id, body, receiptHandle, receiveCount, sentAt, firstReceivedAt }: Message,
  { arn }: Queue,
  place: Place,
) {
  return {
    messageId: id,
    receiptHandle,
    body,
    attributes: {
      ApproximateReceiveCount: String(receiveCount),
      SentTimestamp: String(sentAt.getTime()),
      SenderId: 'AIDALOCALCLOUD',
      ApproximateFirstReceiveTimestamp: String((firstReceivedAt ?? sentAt).getTime()),
    },
    messageAttributes: {},
    md5OfBody: createHash('md5').update(body).digest('hex'),
    eventSource: 'aws:sqs',
    eventSourceARN: arn,
    awsRegion: place.region,
  };
}

function doneOf(
  messages: readonly Message[],
  { outcome }: Invocation,
  reportsItemFailures: boolean,
): readonly Message[] {
  if (outcome.kind !== 'answered') return [];
  if (!reportsItemFailures || typeof outcome.answer !== 'object' || outcome.answer === null) return messages;
  const { batchItemFailures }: { batchItemFailures?: readonly { itemIdentifier?: string }[] | null } = outcome.answer;
  const failed = (batchItemFailures ?? []).map(({ itemIdentifier }) => itemIdentifier);
  const known = new Set(messages.map(({ id }) => id));
  // If one identifier is not in the batch, Lambda treats the whole batch as failed.
  if (failed.some((id) => id === undefined || !known.has(id))) return [];
  return messages.filter(({ id }) => !failed.includes(id));
}
