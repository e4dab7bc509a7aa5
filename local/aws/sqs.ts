// SQS: queues with visibility on the cloud's clock, redrive to a dead-letter queue, and the operations that the code
// calls.
// Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/
import { createHash, randomUUID } from 'node:crypto';
import type {
  ChangeMessageVisibilityRequest,
  GetQueueAttributesRequest,
  SendMessageBatchRequest,
  SendMessageBatchRequestEntry,
  SendMessageRequest,
} from '@aws-sdk/client-sqs';
import type { Clock } from '../clock.ts';
import { failure } from './failure.ts';
import { type Operations, operation } from './operation.ts';
import type { QueueResource } from './resources-queues.ts';

export interface Message {
  readonly id: string;
  readonly body: string;
  readonly sentAt: Date;
  /** Changes with each receive. */
  receiptHandle: string;
  receiveCount: number;
  firstReceivedAt: Date | undefined;
  /** When the message becomes visible to consumers, in milliseconds since the epoch. */
  visibleAt: number;
}

export interface SendOptions {
  readonly delayMilliseconds?: number;
  /** Whether the message overtakes all waiting messages. */
  readonly first?: boolean;
}

export interface Queue {
  readonly arn: string;
  readonly url: string;
  /** Every message in the queue, visible or not. */
  messages(): readonly Message[];
  /** Adds a message without authorization, for a test or a person. */
  send(body: string, options?: SendOptions): Message;
  /**
   * Receives up to `max` visible messages. A message that was received too often moves to the dead-letter queue
   * instead.
   */
  receive(max: number): readonly Message[];
  delete(message: Message): void;
  /** When the next message becomes visible; undefined for an empty queue. */
  nextVisibleAt(): number | undefined;
  purge(): void;
}

export interface Queues {
  /** Creates the queue, or changes the settings of the existing one. */
  deploy(resource: QueueResource): Queue;
  byArn(arn: string): Queue;
  policyOf(arn: string): string | undefined;
  readonly operations: Operations;
}

/**
 * The largest message is one mebibyte.
 * Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
 */
const MAX_MESSAGE_BYTES = 1_048_576;
const MAX_BATCH = 10;
const MAX_VISIBILITY_SECONDS = 43_200;
const MAX_DELAY_SECONDS = 900;

/** Replaced as a whole by the next deployment. */
interface Settings {
  resource: QueueResource;
}

export function createQueues(clock: Clock): Queues {
  const queues = new Map<string, { readonly queue: Queue; readonly settings: Settings }>();
  const byUrl = (url: string | undefined): Queue => {
    for (const { queue } of queues.values()) if (queue.url === url) return queue;
    throw failure('AWS.SimpleQueueService.NonExistentQueue', 'The specified queue does not exist.');
  };
  const byArn = (arn: string): Queue => {
    const found = queues.get(arn);
    if (found === undefined) throw new Error(`no deployed graph has the queue ${arn}`);
    return found.queue;
  };
  const policyOf = (arn: string) => queues.get(arn)?.settings.resource.policyText;
  const needs = (action: string) => (input: { QueueUrl: string | undefined }) => {
    const { arn } = byUrl(input.QueueUrl);
    return [{ action, resource: arn, resourcePolicy: policyOf(arn) }];
  };

  const send = (queue: Queue, { MessageBody, DelaySeconds }: SendMessageRequest | SendMessageBatchRequestEntry) => {
    const body = MessageBody ?? '';
    if (body === '') throw failure('MissingParameter', 'The request must contain the parameter MessageBody.');
    if (Buffer.byteLength(body) > MAX_MESSAGE_BYTES) {
      throw failure(
        'InvalidParameterValue',
        `One or more parameters are invalid. Reason: Message must be shorter than ${MAX_MESSAGE_BYTES} bytes.`,
      );
    }
    const delay = DelaySeconds ?? 0;
    if (!(delay >= 0 && delay <= MAX_DELAY_SECONDS)) {
      throw failure(
        'InvalidParameterValue',
        `Value ${delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`,
      );
    }
    const { id } = queue.send(body, { delayMilliseconds: delay * 1000 });
    return { MessageId: id, MD5OfMessageBody: createHash('md5').update(body).digest('hex') };
  };

  return {
    deploy(resource) {
      const known = queues.get(resource.arn);
      if (known !== undefined) {
        known.settings.resource = resource;
        return known.queue;
      }
      const settings = { resource };
      const queue = createQueue(clock, settings, byArn);
      queues.set(resource.arn, { queue, settings });
      return queue;
    },
    byArn,
    policyOf,
    operations: {
      SendMessage: operation(needs('sqs:SendMessage'), (input: SendMessageRequest) =>
        send(byUrl(input.QueueUrl), input),
      ),
      SendMessageBatch: operation(needs('sqs:SendMessage'), (input: SendMessageBatchRequest) => {
        const entries = input.Entries ?? [];
        if (entries.length === 0)
          throw failure('AWS.SimpleQueueService.EmptyBatchRequest', 'The batch request has no entries.');
        if (entries.length > MAX_BATCH) {
          throw failure(
            'AWS.SimpleQueueService.TooManyEntriesInBatchRequest',
            `Maximum number of entries per request are ${MAX_BATCH}. You have sent ${entries.length}.`,
          );
        }
        if (new Set(entries.map(({ Id }) => Id)).size < entries.length) {
          throw failure(
            'AWS.SimpleQueueService.BatchEntryIdsNotDistinct',
            'Two or more batch entries in the request have the same Id.',
          );
        }
        const bytes = entries.reduce((sum, { MessageBody }) => sum + Buffer.byteLength(MessageBody ?? ''), 0);
        if (bytes > MAX_MESSAGE_BYTES) {
          throw failure(
            'AWS.SimpleQueueService.BatchRequestTooLong',
            `Batch requests cannot be longer than ${MAX_MESSAGE_BYTES} bytes. You have sent ${bytes} bytes.`,
          );
        }
        const queue = byUrl(input.QueueUrl);
        return { Successful: entries.map((entry) => ({ Id: entry.Id, ...send(queue, entry) })), Failed: [] };
      }),
      ChangeMessageVisibility: operation(
        needs('sqs:ChangeMessageVisibility'),
        ({ QueueUrl, ReceiptHandle, VisibilityTimeout }: ChangeMessageVisibilityRequest) => {
          const message = byUrl(QueueUrl)
            .messages()
            .find(({ receiptHandle }) => receiptHandle === ReceiptHandle);
          if (message === undefined)
            throw failure(
              'ReceiptHandleIsInvalid',
              `The input receipt handle "${ReceiptHandle}" is not a valid receipt handle.`,
            );
          const seconds = VisibilityTimeout ?? -1;
          if (!(seconds >= 0 && seconds <= MAX_VISIBILITY_SECONDS)) {
            throw failure(
              'InvalidParameterValue',
              `Value ${seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.`,
            );
          }
          message.visibleAt = clock.now().getTime() + seconds * 1000;
          return {};
        },
      ),
      GetQueueAttributes: operation(
        needs('sqs:GetQueueAttributes'),
        ({ QueueUrl, AttributeNames: names = [] }: GetQueueAttributesRequest) => {
          const messages = byUrl(QueueUrl).messages();
          const now = clock.now().getTime();
          const isVisible = ({ visibleAt }: Message) => visibleAt <= now;
          const known: Readonly<Record<string, number>> = {
            ApproximateNumberOfMessages: messages.filter(isVisible).length,
            ApproximateNumberOfMessagesNotVisible: messages.filter((one) => !isVisible(one)).length,
          };
          const Attributes = names.map((name) => {
            const value = known[name];
            if (value === undefined) throw failure('InvalidAttributeName', `Unknown Attribute ${name}.`);
            return [name, String(value)] as const;
          });
          return { Attributes: Object.fromEntries(Attributes) };
        },
      ),
    },
  };
}

function createQueue(clock: Clock, settings: Settings, byArn: (arn: string) => Queue): Queue {
  let messages = new Map<string, Message>();
  const place = (message: Message, first: boolean): void => {
    messages = first ? new Map([[message.id, message], ...messages]) : messages.set(message.id, message);
  };
  return {
    arn: settings.resource.arn,
    url: settings.resource.url,
    messages: () => [...messages.values()],
    send(body, { delayMilliseconds = 0, first = false } = {}) {
      const sentAt = clock.now();
      const visibleAt = sentAt.getTime() + delayMilliseconds;
      const message = {
        id: randomUUID(),
        body,
        sentAt,
        receiptHandle: '',
        receiveCount: 0,
        firstReceivedAt: undefined,
        visibleAt,
      };
      place(message, first);
      return message;
    },
    receive(max) {
      const now = clock.now();
      const { redrive, visibilityTimeoutSeconds } = settings.resource;
      const received: Message[] = [];
      for (const message of messages.values()) {
        if (received.length >= max) break;
        if (message.visibleAt > now.getTime()) continue;
        if (redrive !== undefined && message.receiveCount >= redrive.maxReceiveCount) {
          messages.delete(message.id);
          byArn(redrive.deadLetterArn).send(message.body);
          continue;
        }
        message.receiveCount += 1;
        message.firstReceivedAt ??= now;
        message.receiptHandle = randomUUID();
        message.visibleAt = now.getTime() + visibilityTimeoutSeconds * 1000;
        received.push(message);
      }
      return received;
    },
    delete: ({ id }) => void messages.delete(id),
    nextVisibleAt() {
      let next: number | undefined;
      for (const { visibleAt } of messages.values()) if (next === undefined || visibleAt < next) next = visibleAt;
      return next;
    },
    purge: () => messages.clear(),
  };
}
