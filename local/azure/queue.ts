// The queue service: queues with visibility on the cloud's clock, and the requests that the code and the Logic App
// send.
// Source: https://learn.microsoft.com/rest/api/storageservices/queue-service-rest-api
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { failure } from './failure.ts';
import type { Principals } from './principals.ts';
import type { Service, Step } from './service.ts';
import { authenticateStorage, denied, httpTime, type StorageResource } from './storage.ts';
import type { WireAnswer, WireRequest } from './wire.ts';

export interface Message {
  readonly id: string;
  /** The text as it was put: base64, if the queue's readers expect that. */
  readonly text: string;
  readonly insertedAt: Date;
  /** In milliseconds since the epoch; infinite for a message that does not expire. */
  readonly expiresAt: number;
  /** Changes with each receive. */
  popReceipt: string;
  dequeueCount: number;
  /** When the message becomes visible to consumers, in milliseconds since the epoch. */
  visibleAt: number;
}

export interface Queue extends StorageResource {
  /** `https://ACCOUNT.queue.core.windows.net/NAME` */
  readonly url: string;
  /** Every message in the queue, visible or not. */
  messages(): readonly Message[];
  /** Adds a message without authorization. */
  send(text: string, options?: { readonly visibilityTimeoutSeconds?: number; readonly ttlSeconds?: number }): Message;
  /** Receives up to `max` visible messages, and hides them for the timeout. */
  receive(max: number, visibilityTimeoutSeconds: number): readonly Message[];
  delete(message: Message): void;
  /** Makes a received message visible again after the timeout. */
  release(message: Message, visibilityTimeoutSeconds: number): void;
  /** When the next message becomes visible; undefined for an empty queue. */
  nextVisibleAt(): number | undefined;
  purge(): void;
}

export interface Queues {
  /** Creates the queue. An existing queue keeps its messages. */
  deploy(resource: StorageResource): Queue;
  /** @throws Error if no deployed graph contains the queue */
  find(account: string, name: string): Queue;
  readonly service: Service;
}

const ACTIONS = 'Microsoft.Storage/storageAccounts/queueServices/queues';
/** Source: https://learn.microsoft.com/rest/api/storageservices/put-message#remarks */
const MAX_MESSAGE_BYTES = 65_536;
const WEEK_SECONDS = 7 * 24 * 60 * 60;
const MAX_PEEK = 32;

export function createQueues(
  clock: Clock,
  principals: Principals,
  serve: (host: string, service: Service) => void,
): Queues {
  const queues = new Map<string, Queue>();
  const keyOf = (account: string, name: string) => `${account}/${name}`.toLowerCase();

  const service: Service = {
    name: 'queue',
    read: (request) => read(request, queueAt(request)),
    authenticate: (request) => authenticateStorage(principals, request),
    denied,
    refuse: ({ status, code, message, headers }) =>
      xml(status, `<Error><Code>${escaped(code)}</Code><Message>${escaped(message)}</Message></Error>`, {
        ...headers,
        'x-ms-error-code': code,
      }),
  };

  function queueAt({ host, url }: WireRequest): Queue {
    const [account = ''] = host.split('.');
    const [, name = ''] = url.pathname.split('/');
    const queue = queues.get(keyOf(account, name));
    if (queue === undefined) throw failure(404, 'QueueNotFound', `The specified queue does not exist: ${name}`);
    return queue;
  }

  return {
    deploy(resource) {
      const known = queues.get(keyOf(resource.account, resource.name));
      if (known !== undefined) return known;
      const made = createQueue(clock, resource);
      queues.set(keyOf(resource.account, resource.name), made);
      serve(new URL(made.url).host, service);
      return made;
    },
    find(account, name) {
      const found = queues.get(keyOf(account, name));
      if (found === undefined) throw new Error(`no deployed graph has the queue ${name} in the account ${account}`);
      return found;
    },
    service,
  };
}

function createQueue(clock: Clock, resource: StorageResource): Queue {
  const messages: Message[] = [];
  const now = () => clock.now().getTime();
  const remove = (message: Message): void => {
    const place = messages.indexOf(message);
    if (place >= 0) messages.splice(place, 1);
  };
  /** Removes expired messages. */
  const alive = (): readonly Message[] => {
    for (const message of messages.filter(({ expiresAt }) => expiresAt <= now())) remove(message);
    return messages;
  };
  return {
    ...resource,
    url: `https://${resource.account}.queue.core.windows.net/${resource.name}`,
    messages: () => [...alive()],
    send(text, { visibilityTimeoutSeconds = 0, ttlSeconds = WEEK_SECONDS } = {}) {
      const message: Message = {
        id: randomUUID(),
        text,
        insertedAt: clock.now(),
        expiresAt: ttlSeconds === -1 ? Number.POSITIVE_INFINITY : now() + ttlSeconds * 1000,
        popReceipt: randomUUID(),
        dequeueCount: 0,
        visibleAt: now() + visibilityTimeoutSeconds * 1000,
      };
      messages.push(message);
      return message;
    },
    receive(max, visibilityTimeoutSeconds) {
      const visible = alive().filter(({ visibleAt }) => visibleAt <= now());
      const taken = visible.slice(0, max);
      for (const message of taken) {
        message.dequeueCount += 1;
        message.popReceipt = randomUUID();
        message.visibleAt = now() + visibilityTimeoutSeconds * 1000;
      }
      return taken;
    },
    delete: remove,
    release(message, visibilityTimeoutSeconds) {
      message.visibleAt = now() + visibilityTimeoutSeconds * 1000;
    },
    nextVisibleAt() {
      const times = alive().map(({ visibleAt }) => visibleAt);
      return times.length === 0 ? undefined : times.reduce((one, other) => Math.min(one, other));
    },
    purge: () => void messages.splice(0),
  };
}

function read(request: WireRequest, queue: Queue): Step {
  const { method, url } = request;
  const [, , rest, ...more] = url.pathname.split('/');
  const step = (operation: string, needs: Step['needs'], run: () => WireAnswer): Step => ({
    operation,
    input: { queue: queue.name, ...Object.fromEntries(url.searchParams) },
    needs,
    run,
  });
  if (rest === undefined && url.searchParams.get('comp') === 'metadata' && (method === 'GET' || method === 'HEAD'))
    return step('GetMetadata', [{ action: `${ACTIONS}/read`, data: false, scope: queue.id }], () => ({
      status: 200,
      headers: { 'x-ms-approximate-messages-count': String(queue.messages().length) },
    }));
  if (rest === 'messages' && more.length === 0 && method === 'POST')
    return step(
      'Put',
      [
        {
          action: `${ACTIONS}/messages/add/action`,
          or: [`${ACTIONS}/messages/write`],
          data: true,
          scope: queue.id,
        },
      ],
      () => put(request, queue),
    );
  if (rest === 'messages' && more.length === 0 && method === 'GET' && url.searchParams.get('peekonly') === 'true')
    return step('Peek', [{ action: `${ACTIONS}/messages/read`, data: true, scope: queue.id }], () => {
      const max = numberIn(url, 'numofmessages', { byDefault: 1, min: 1, max: MAX_PEEK });
      return xml(200, list(queue.messages().slice(0, max), peeked));
    });
  throw new Error(`the local queue service has no ${method} ${url.pathname}${url.search}`);
}

function put(request: WireRequest, queue: Queue): WireAnswer {
  const [, written] = /<QueueMessage>\s*<MessageText>([^<]*)<\/MessageText>\s*<\/QueueMessage>/.exec(
    request.body.toString('utf8'),
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

function peeked(message: Message): string {
  return `${times(message)}<DequeueCount>${message.dequeueCount}</DequeueCount><MessageText>${escaped(message.text)}</MessageText>`;
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
