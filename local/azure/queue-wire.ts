// The requests of the queue service: of the code, of the Logic App, and of the clients that read a queue.
// Source: https://learn.microsoft.com/rest/api/storageservices/queue-service-rest-api
import { type Failure, failure } from './failure.ts';
import { type Message, type Queue, WEEK_SECONDS } from './queue-messages.ts';
import type { Need } from './roles.ts';
import type { Step } from './service.ts';
import { httpTime } from './storage.ts';
import type { WireAnswer, WireRequest } from './wire.ts';

const ACTIONS = 'Microsoft.Storage/storageAccounts/queueServices/queues';
/** Source: https://learn.microsoft.com/rest/api/storageservices/put-message#remarks */
const MAX_MESSAGE_BYTES = 65_536;
const MAX_MESSAGES = 32;

export function refuseQueueRequest({ status, code, message, headers }: Failure): WireAnswer {
  return xml(status, `<Error><Code>${escaped(code)}</Code><Message>${escaped(message)}</Message></Error>`, {
    ...headers,
    'x-ms-error-code': code,
  });
}

/** A request of a queue, of its messages or of one message. */
export function readQueueRequest(request: WireRequest, queue: Queue): Step {
  const { method, url } = request;
  const [, , rest, id, ...more] = url.pathname.split('/');
  const step = (operation: string, actions: readonly string[], run: () => WireAnswer): Step => ({
    operation,
    input: { queue: queue.name, ...Object.fromEntries(url.searchParams) },
    needs: [needOf(queue, actions)],
    run,
  });
  const isPeek = url.searchParams.get('peekonly') === 'true';
  if (rest === undefined && url.searchParams.get('comp') === 'metadata' && (method === 'GET' || method === 'HEAD'))
    return step('GetMetadata', ['read'], () => ({
      status: 200,
      headers: { 'x-ms-approximate-messages-count': String(queue.messages().length) },
    }));
  if (rest === 'messages' && id === undefined) {
    if (method === 'POST') return step('Put', ['messages/add/action', 'messages/write'], () => put(request, queue));
    if (method === 'GET' && isPeek) return step('Peek', ['messages/read'], () => peek(url, queue));
    if (method === 'GET') return step('Receive', ['messages/process/action'], () => receive(url, queue));
  }
  if (rest === 'messages' && id !== undefined && more.length === 0) {
    if (method === 'PUT') return step('Update', ['messages/write'], () => update(request, queue, id));
    if (method === 'DELETE')
      return step('Delete', ['messages/process/action', 'messages/delete'], () => {
        queue.delete(received(url, queue, id));
        return { status: 204 };
      });
  }
  throw new Error(`the local queue service has no ${method} ${url.pathname}${url.search}`);
}

/** The metadata of a queue is not data: its action belongs to Resource Manager. */
function needOf(queue: Queue, [first = '', ...others]: readonly string[]): Need {
  return {
    action: `${ACTIONS}/${first}`,
    or: others.map((one) => `${ACTIONS}/${one}`),
    data: first !== 'read',
    scope: queue.id,
  };
}

/** Source: https://learn.microsoft.com/rest/api/storageservices/peek-messages */
function peek(url: URL, queue: Queue): WireAnswer {
  const max = numberIn(url, 'numofmessages', { byDefault: 1, min: 1, max: MAX_MESSAGES });
  return xml(200, list(queue.visible().slice(0, max), peeked));
}

/** Source: https://learn.microsoft.com/rest/api/storageservices/get-messages */
function receive(url: URL, queue: Queue): WireAnswer {
  const max = numberIn(url, 'numofmessages', { byDefault: 1, min: 1, max: MAX_MESSAGES });
  const timeout = numberIn(url, 'visibilitytimeout', { byDefault: 30, min: 1, max: WEEK_SECONDS });
  return xml(200, list(queue.receive(max, timeout), taken));
}

/** Source: https://learn.microsoft.com/rest/api/storageservices/update-message */
function update(request: WireRequest, queue: Queue, id: string): WireAnswer {
  const { url, body } = request;
  if (!url.searchParams.has('visibilitytimeout'))
    throw failure(400, 'MissingRequiredQueryParameter', 'an update needs the parameter visibilitytimeout');
  const timeout = numberIn(url, 'visibilitytimeout', { byDefault: 0, min: 0, max: WEEK_SECONDS });
  const text = body.length === 0 ? undefined : textIn(request);
  const message = received(url, queue, id);
  queue.release(message, timeout);
  if (text !== undefined) message.text = text;
  return {
    status: 204,
    headers: { 'x-ms-popreceipt': message.popReceipt, 'x-ms-time-next-visible': httpTime(message.visibleAt) },
  };
}

/** The message with this id, if the caller is the last one that received it. */
function received(url: URL, queue: Queue, id: string): Message {
  const receipt = url.searchParams.get('popreceipt');
  if (receipt === null) throw failure(400, 'MissingRequiredQueryParameter', 'a query parameter is missing: popreceipt');
  const message = queue.messages().find((one) => one.id === id);
  if (message === undefined) throw failure(404, 'MessageNotFound', `The specified message does not exist: ${id}`);
  if (message.popReceipt !== receipt)
    throw failure(400, 'PopReceiptMismatch', 'The specified pop receipt did not match the message.');
  return message;
}

function put(request: WireRequest, queue: Queue): WireAnswer {
  const text = textIn(request);
  const ttlSeconds =
    request.url.searchParams.get('messagettl') === '-1'
      ? -1
      : numberIn(request.url, 'messagettl', { byDefault: WEEK_SECONDS, min: 1 });
  const visibilityTimeoutSeconds = numberIn(request.url, 'visibilitytimeout', {
    byDefault: 0,
    min: 0,
    max: WEEK_SECONDS,
  });
  if (ttlSeconds !== -1 && visibilityTimeoutSeconds >= ttlSeconds)
    throw failure(400, 'OutOfRangeQueryParameterValue', 'visibilitytimeout must be less than messagettl');
  const message = queue.send(text, { visibilityTimeoutSeconds, ttlSeconds });
  return xml(201, list([message], receipt));
}

/** The text of a message in the body. */
function textIn({ body }: WireRequest): string {
  const [, written] = /<QueueMessage>\s*<MessageText>([^<]*)<\/MessageText>\s*<\/QueueMessage>/.exec(
    body.toString('utf8'),
  ) ?? [undefined, undefined];
  if (written === undefined)
    throw failure(
      400,
      'InvalidXmlDocument',
      'a message must be <QueueMessage><MessageText>TEXT</MessageText></QueueMessage>',
    );
  const text = unescaped(written);
  if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES)
    throw failure(400, 'MessageTooLarge', `The message exceeds the maximum allowed size, ${MAX_MESSAGE_BYTES} bytes`);
  return text;
}

/** A query parameter that is a whole number of seconds or messages. */
function numberIn(
  { searchParams }: URL,
  name: string,
  {
    byDefault,
    min,
    max = Number.MAX_SAFE_INTEGER,
  }: { readonly byDefault: number; readonly min: number; readonly max?: number },
): number {
  const text = searchParams.get(name);
  const value = text === null ? byDefault : Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw failure(
    400,
    'OutOfRangeQueryParameterValue',
    `${name} must be a whole number from ${min} to ${max}; got ${text}`,
  );
}

function list(messages: readonly Message[], write: (message: Message) => string): string {
  const parts = messages.map((message) => `<QueueMessage>${write(message)}</QueueMessage>`);
  return `<QueueMessagesList>${parts.join('')}</QueueMessagesList>`;
}

function times({ id, insertedAt, expiresAt }: Message): string {
  const expires = Number.isFinite(expiresAt) ? httpTime(expiresAt) : 'Fri, 31 Dec 9999 23:59:59 GMT';
  return `<MessageId>${id}</MessageId><InsertionTime>${httpTime(insertedAt.getTime())}</InsertionTime><ExpirationTime>${expires}</ExpirationTime>`;
}

function receipt(message: Message): string {
  return `${times(message)}<PopReceipt>${message.popReceipt}</PopReceipt><TimeNextVisible>${httpTime(message.visibleAt)}</TimeNextVisible>`;
}

function taken(message: Message): string {
  return `${receipt(message)}${content(message)}`;
}

function peeked(message: Message): string {
  return `${times(message)}${content(message)}`;
}

function content({ dequeueCount, text }: Message): string {
  return `<DequeueCount>${dequeueCount}</DequeueCount><MessageText>${escaped(text)}</MessageText>`;
}

function xml(status: number, body: string, headers: Readonly<Record<string, string>> = {}): WireAnswer {
  return {
    status,
    headers: { 'content-type': 'application/xml', ...headers },
    body: `<?xml version="1.0" encoding="utf-8"?>${body}`,
  };
}

const ENTITIES = [
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&apos;'],
] as const;

function escaped(text: string): string {
  return ENTITIES.reduce((done, [plain, entity]) => done.replaceAll(plain, entity), text);
}

function unescaped(text: string): string {
  return ENTITIES.toReversed().reduce((done, [plain, entity]) => done.replaceAll(entity, plain), text);
}
