// The stack's queue and its poison queue, for the messages that the function itself sends. Uses three calls of the
// storage service's REST API.
import {
  createHttpHeaders,
  type HttpMethods,
  type PipelineOptions,
  type PipelinePolicy,
  type PipelineResponse,
  RestError,
} from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import type { Gate } from '../../shared/gate/gate.ts';
import type { FunctionTrigger } from '../../shared/reconcile/trigger.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { createSend } from './bearer-pipeline.ts';
import { decoded } from './loose-json.ts';

/** The storage account's queues over REST. The official client package would be a quarter of the whole bundle. */
export interface QueueService {
  /** @throws RestError with the service's response if the status is not a success */
  send(method: HttpMethods, url: string, body?: string): Promise<PipelineResponse>;
}

const SCOPE = 'https://storage.azure.com/.default';
/** Source: https://learn.microsoft.com/rest/api/storageservices/versioning-for-the-azure-storage-services */
const API_VERSION = '2024-11-04';

/**
 * @param perCall applies once to each request
 * @param perRetry applies to each try
 */
export function queueService(
  credential: TokenCredential,
  options: PipelineOptions,
  perCall: PipelinePolicy,
  perRetry: PipelinePolicy,
): QueueService {
  const send = createSend(SCOPE, credential, options, { perCall, perRetry });
  return {
    async send(method, url, body) {
      const headers = createHttpHeaders({ 'x-ms-version': API_VERSION, 'Content-Type': 'application/xml' });
      const response = await send({ method, url, headers, ...(body === undefined ? {} : { body }) });
      if (response.status >= 200 && response.status < 300) return response;
      throw new RestError(
        `${method} ${new URL(url).pathname}: the queue service answers ${response.status} ${response.bodyAsText}`,
        { statusCode: response.status, request: response.request, response },
      );
    },
  };
}

/**
 * The message in the text of a queue. The function and the Logic App write base64. Event Grid writes base64 or plain
 * text: its documentation said plain text, and a user saw base64. So the host decodes nothing (`messageEncoding`).
 * Sources: https://github.com/MicrosoftDocs/azure-docs/blob/main/articles/event-grid/custom-event-to-queue-storage.md,
 * https://github.com/MicrosoftDocs/azure-docs/issues/102923
 *
 * @param given the text as the host passes it: parsed if it is JSON
 */
export function readMessage(given: unknown): unknown {
  const text = typeof given === 'string' ? given.replaceAll(/[ \t\r\n]/g, '') : '';
  return text !== '' && BASE64.test(text) ? decoded(Buffer.from(text, 'base64').toString('utf8')) : given;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const SENDS_AT_ONCE = 16;

/** The two queues of a stack. */
export function createQueue(service: QueueService, queueUrl: string, poisonQueueUrl: string) {
  /** Source: https://learn.microsoft.com/rest/api/storageservices/put-message */
  async function put(url: string, message: unknown, delaySeconds: number): Promise<void> {
    const text = Buffer.from(JSON.stringify(message)).toString('base64');
    const body = `<QueueMessage><MessageText>${text}</MessageText></QueueMessage>`;
    // Messages never expire, because one that waits for a person must not disappear.
    await service.send('POST', `${url}/messages?visibilitytimeout=${delaySeconds}&messagettl=-1`, body);
  }

  /** Sends one message per gate that requests its reconciliation. */
  async function sendRequests(gates: readonly Gate[], trigger: FunctionTrigger): Promise<void> {
    await mapConcurrently(gates, SENDS_AT_ONCE, (gate) =>
      put(queueUrl, { pullgate: 'reconcile', ...gate, trigger }, 0),
    );
  }

  /** Sends a message again, with this delay. */
  function sendLater(message: unknown, delaySeconds: number): Promise<void> {
    return put(queueUrl, message, delaySeconds);
  }

  /** Puts a message that can never succeed into the poison queue, which raises an alarm. */
  function deadLetter(message: unknown): Promise<void> {
    return put(poisonQueueUrl, message, 0);
  }

  /**
   * The approximate number of messages in the poison queue.
   * Source: https://learn.microsoft.com/rest/api/storageservices/get-queue-metadata
   */
  async function deadLetterCount(): Promise<number> {
    const { headers } = await service.send('GET', `${poisonQueueUrl}?comp=metadata`);
    return Number(headers.get('x-ms-approximate-messages-count'));
  }

  return { sendRequests, sendLater, deadLetter, deadLetterCount };
}

export type Queue = ReturnType<typeof createQueue>;
