// The same requests to azurite and to the local Azure, sent by the function's own clients, with their raw answers in a
// form that can be compared.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PipelinePolicy, PipelineResponse } from '@azure/core-rest-pipeline';
import { isRestError } from '@azure/core-rest-pipeline';
import type { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClients } from '../../../azure/function/clients.ts';
import { createQueue, type QueueService, queueService } from '../../../azure/function/queue.ts';
import { type Azurite, startAzurite } from './azurite.ts';
import { QUEUE_ID, type Stage, startStage, TABLE_ID } from './stage.ts';

const QUEUE = 'https://store.queue.core.windows.net/work';
const TABLE = 'https://store.table.core.windows.net';

/** What a request was answered, without what differs from run to run. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Status and code of the last answer: `400 InvalidInput`. */
function lastOf(answers: readonly Answer[]): string {
  const last = answers.at(-1);
  return `${last?.status} ${last?.headers['x-ms-error-code'] ?? ''}`.trim();
}

/** One of the two storages. Each value that only identifies something gets a label when it is first seen. */
export interface Storage {
  readonly table: TableClient;
  readonly queue: ReturnType<typeof createQueue>;
  /** Sends a request about the queue, such as `/messages?numofmessages=2`, and returns the answer as it came. */
  ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, text?: string): Promise<PipelineResponse | undefined>;
  wait(seconds: number): Promise<void>;
}

interface Storages {
  /** Runs the steps on each storage, both empty. A refusal ends no steps: it is an answer. */
  answers(steps: readonly Step[]): Promise<{ readonly local: readonly Answer[]; readonly azurite: readonly Answer[] }>;
  stop(): Promise<void>;
}

export type Step = (storage: Storage) => Promise<unknown>;

/** Steps whose answers are the same. */
export type Same = readonly [what: string, steps: readonly Step[]];
/** Steps whose last answers differ. */
export type Different = readonly [what: string, steps: readonly Step[], local: string, azurite: string];

/** The tests that the local service answers as azurite does, and the known differences. */
export function compareWithAzurite(service: string, same: readonly Same[], different: readonly Different[]): void {
  describe(`${service} and azurite`, () => {
    let both: Storages;
    beforeAll(async () => {
      both = await startBothStorages();
    });
    afterAll(() => both.stop());

    it.each(same)('agree: %s', async (_what, steps) => {
      const { local, azurite } = await both.answers(steps);
      expect(azurite.length).toBeGreaterThan(0);
      expect(local).toEqual(azurite);
    });

    it.each(different)('differ: %s', async (_what, steps, local, azurite) => {
      const answers = await both.answers(steps);
      expect([lastOf(answers.local), lastOf(answers.azurite)]).toEqual([local, azurite]);
    });
  });
}

async function startBothStorages(): Promise<Storages> {
  const [stage, azurite] = await Promise.all([startStage(), startAzurite()]);
  const local = stage.addPrincipal(
    { role: 'Storage Queue Data Contributor', scope: QUEUE_ID },
    { role: 'Storage Table Data Contributor', scope: TABLE_ID },
  );
  const sides = { local: localSide(stage, local), azurite: azuriteSide(azurite) };
  await create(sides.azurite);
  const run = async ({ clients, clear, wait }: Side, steps: readonly Step[]): Promise<readonly Answer[]> => {
    await clear();
    const seen: Answer[] = [];
    const storage = storageOf(clients(recorder(seen)), wait);
    for (const step of steps) await step(storage).catch(ignoreRefusal);
    return seen;
  };
  return {
    async answers(steps) {
      const [one, other] = await Promise.all([run(sides.local, steps), run(sides.azurite, steps)]);
      return { local: one, azurite: other };
    },
    async stop() {
      azurite.stop();
      await stage.wire.stop();
    },
  };
}

interface Clients {
  readonly table: TableClient;
  readonly queues: QueueService;
}

interface Side {
  readonly clients: (record: PipelinePolicy) => Clients;
  clear(): Promise<void>;
  wait(seconds: number): Promise<void>;
}

const none: PipelinePolicy = { name: 'none', sendRequest: (request, next) => next(request) };
const unrecorded: PipelinePolicy = { ...none, name: 'record' };

function clientsOf(credential: TokenCredential, options: Stage['options'], record: PipelinePolicy): Clients {
  const { table } = createClients({ tableUrl: TABLE, tableName: 'records', mail: undefined }, credential, options);
  table.pipeline.addPolicy(record, { afterPhase: 'Sign' });
  return { table, queues: queueService(credential, options, none, record) };
}

function localSide(stage: Stage, credential: TokenCredential): Side {
  return {
    clients: (record) => clientsOf(credential, stage.options, record),
    clear() {
      stage.queue.purge();
      stage.table.clear();
      return Promise.resolve();
    },
    wait: (seconds) => Promise.resolve(stage.clock.advance(seconds * 1000)),
  };
}

function azuriteSide({ options, credential }: Azurite): Side {
  const once = { ...options, retryOptions: { maxRetries: 0 } };
  const clients = (record: PipelinePolicy) => clientsOf(credential, once, record);
  return {
    clients,
    async clear() {
      const { table, queues } = clients(unrecorded);
      await queues.send('DELETE', `${QUEUE}/messages`);
      for await (const { partitionKey = '', rowKey = '' } of table.listEntities())
        await table.deleteEntity(partitionKey, rowKey);
    },
    wait: (seconds) => sleep(seconds * 1000),
  };
}

/** Creates what the local Azure takes from a graph. */
async function create({ clients }: Side): Promise<void> {
  const { table, queues } = clients(unrecorded);
  await Promise.all([queues.send('PUT', QUEUE), table.createTable()]);
}

function storageOf({ table, queues }: Clients, wait: Side['wait']): Storage {
  return {
    table,
    wait,
    queue: createQueue(queues, QUEUE, QUEUE),
    ask: (method, path, text) =>
      queues
        .send(
          method,
          `${QUEUE}${path}`,
          text === undefined ? undefined : `<QueueMessage><MessageText>${text}</MessageText></QueueMessage>`,
        )
        .catch(ignoreRefusal),
  };
}

function ignoreRefusal(error: unknown): undefined {
  if (!isRestError(error) || error.statusCode === undefined) throw error;
}

/** The headers that a client may use. Those of values that only identify something are labelled. */
const HEADERS = ['x-ms-error-code', 'preference-applied', 'x-ms-approximate-messages-count'];
const IDENTIFYING = ['etag', 'x-ms-popreceipt'];
const PRESENT = ['x-ms-time-next-visible', 'x-ms-continuation-nextpartitionkey', 'x-ms-continuation-nextrowkey'];

function recorder(seen: Answer[]): PipelinePolicy {
  const labels = new Map<string, string>();
  const labelOf = (value: string): string => {
    const known = labels.get(value) ?? `#${labels.size + 1}`;
    labels.set(value, known);
    return known;
  };
  return {
    name: 'record',
    async sendRequest(request, next) {
      const response = await next(request);
      seen.push(answerOf(response, labelOf));
      return response;
    },
  };
}

function answerOf({ status, headers, bodyAsText }: PipelineResponse, labelOf: (value: string) => string): Answer {
  const kept = (names: readonly string[], value: (given: string) => string) =>
    names.flatMap((name) => {
      const given = headers.get(name);
      return given === undefined ? [] : [[name, value(given)] as const];
    });
  const all = [...kept(HEADERS, (given) => given), ...kept(IDENTIFYING, labelOf), ...kept(PRESENT, () => 'present')];
  return { status, headers: Object.fromEntries(all), body: bodyOf(bodyAsText ?? '', labelOf) };
}

function bodyOf(text: string, labelOf: (value: string) => string): unknown {
  if (text === '') return '';
  if (text.startsWith('{')) return plain(JSON.parse(text), labelOf);
  const [, code] = /<Code>(.*)<\/Code>/.exec(text) ?? [];
  if (code !== undefined) return { code };
  const decoded = (given: string) => given.replaceAll('&quot;', '"').replaceAll('&apos;', "'");
  const fields = [...text.matchAll(/<(?!QueueMessagesList)(\w+)(?:\/>|>([^<]*)<\/\1>)/g)].map(
    ([, name = '', value = '']) => [name, decoded(value)] as const,
  );
  const insertedAt = Date.parse(fields.find(([name]) => name === 'InsertionTime')?.[1] ?? '');
  let id = '';
  return fields.map(([name, value]) => {
    if (name === 'MessageId') id = value;
    // azurite gives the messages of one receive the same receipt.
    if (name === 'MessageId' || name === 'PopReceipt') return [name, labelOf(`${id} ${value}`)];
    if (name === 'ExpirationTime' && !value.includes('9999')) return [name, (Date.parse(value) - insertedAt) / 1000];
    return [name, name.includes('Time') && !value.includes('9999') ? 'time' : value];
  });
}

/** An entity or a list without times and addresses, or the code of an error. */
function plain(value: unknown, labelOf: (value: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => plain(one, labelOf));
  if (typeof value !== 'object' || value === null) return value;
  // azurite names another collection in the metadata of a list.
  const fields = Object.entries(value).filter(([name]) => !('value' in value && name === 'odata.metadata'));
  return Object.fromEntries(
    fields.map(([name, field]) => {
      if (name === 'odata.error') return [name, { code: (field as { code: unknown }).code }];
      if (name === 'odata.etag') return [name, labelOf(String(field))];
      if (name === 'Timestamp') return [name, 'time'];
      if (name === 'odata.metadata') return [name, new URL(String(field)).hash];
      return [name, plain(field, labelOf)];
    }),
  );
}
