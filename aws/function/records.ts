// The records, the brake and the other rows in DynamoDB. A write succeeds only if the row still has the version that
// was read.
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  paginateQuery,
  paginateScan,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import { MAX_FINDINGS } from '../../shared/gate/image-evaluation.ts';
import type { GateRecord } from '../../shared/gate/record.ts';
import { packToFit, unpackRecord } from '../../shared/gate/record-codec.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { type LockedGates, shouldBeLocked } from '../../shared/reconcile/locks.ts';
import type { ControlRows, Records, Row, Version, Versioned } from '../../shared/reconcile/ports.ts';
import { tickDue, waitingRank } from '../../shared/reconcile/schedule.ts';
import type { WaitingGate } from '../../shared/reconcile/sweep.ts';
import { decodeRow } from '../../shared/runtime/errors.ts';

type Item = Record<string, AttributeValue>;

const GATE = 'gate#';
const CONTROL = 'control#';
/**
 * The sparse index of the gates that a tick handles. Its hash key is the attribute of the same name, which names one of
 * the three lists below. Its range key is `rank`, which orders that list. A gate is in at most one list.
 * aws/component/table.ts repeats the name because it must not import this folder.
 */
const TICK_INDEX = 'waiting';
/** The gates that wait for the brake, the highest rank first. */
const BRAKE_QUEUE = 'waiting';
/** The gates that have an override and no lock, in the order in which their overrides begin or end. */
const OVERRIDES = 'override';
/** The gates that should have a lock: first those that are due at some time, in that order, then the others by name. */
const LOCKED = 'locked';
/** Sorts after every time. */
const AFTER_TIMES = '~';
/**
 * The sparse index of the gates that have pending notices. Its hash key is the attribute of the same name, with one
 * value for all. aws/component/table.ts repeats the name.
 */
const PENDING_INDEX = 'pending';
const PAGE = 100;
/**
 * DynamoDB limits an item to 400 KB, including attribute names.
 * Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
const MAX_BODY_BYTES = 390_000;

export interface Table {
  readonly records: Records;
  /** A row that does not belong to a gate, by its name. */
  row<Name extends keyof ControlRows>(name: Name): Row<ControlRows[Name]>;
  /** Every gate of a registry that has a record. */
  gates(registry: string): AsyncGenerator<Gate & { readonly state: string }>;
  /** The gates that wait for the brake, the highest rank first. */
  waiting(registry: string, limit: number): Promise<readonly WaitingGate[]>;
  /** The gates that a tick must reconcile at or before `now` (`tickDue`). */
  due(registry: string, now: Instant, limit: number): Promise<readonly Gate[]>;
  /** The gates that have pending notices, some at a time. */
  pending(registry: string): AsyncIterable<readonly Gate[]>;
  /** The gates that should have a lock, some at a time. */
  locked(registry: string, after: string | undefined): Promise<LockedGates>;
}

interface Source {
  readonly client: DynamoDBClient;
  readonly tableName: string;
}

/** The stack's table. */
export function createTable(client: DynamoDBClient, tableName: string): Table {
  const source: Source = { client, tableName };
  return {
    records: createRecords(source),
    row: (name) => createRow(source, name),
    gates: (registry) => listGates(source, registry),
    waiting: async (registry, limit) => (await queryTickIndex(source, registry, { list: BRAKE_QUEUE, limit })).ranked,
    due: (registry, now, limit) => findDue(source, registry, now, limit),
    pending: (registry) => listPending(source, registry),
    async locked(registry, after) {
      const { ranked, next } = await queryTickIndex(source, registry, { list: LOCKED, limit: PAGE, after });
      return { gates: ranked.map(({ gate }) => gate), next };
    },
  };
}

function createRecords(source: Source): Records {
  return {
    async load(gate) {
      const id = GATE + gateKey(gate);
      const { value, version } = await load(source, id);
      const body = value?.['body']?.B;
      const unpack = (packed: Uint8Array) => unpackRecord(gunzipSync(packed).toString('utf8'));
      return {
        value: body === undefined ? undefined : decodeRow(`${id} in ${source.tableName}`, () => unpack(body)),
        version,
      };
    },
    save(record, version) {
      const id = GATE + gateKey(record.gate);
      const body = packToFit(record, gzipSync, { findings: MAX_FINDINGS, size: MAX_BODY_BYTES });
      const pending: Item = record.pending.length === 0 ? {} : { [PENDING_INDEX]: { S: PENDING_INDEX } };
      const item = {
        id: { S: id },
        state: { S: record.state.kind },
        body: { B: body },
        ...tickKey(record),
        ...pending,
      };
      return save(source, item, version);
    },
    async remove(gate, version) {
      const { client, tableName } = source;
      const key = { TableName: tableName, Key: { id: { S: GATE + gateKey(gate) } }, ...onlyOver(version) };
      return (await undefinedIfStale(client.send(new DeleteItemCommand(key)))) !== undefined;
    },
  };
}

/**
 * Records that name every id that a lock of their gate can carry. A table outlives an id, for example if it is restored
 * from a backup under a new name, and the statements with the old id must not be left behind.
 *
 * @param id the id that locks are written with now. A loaded record names only the others
 */
export function withLockIds(records: Records, id: string): Records {
  return {
    ...records,
    async load(gate) {
      const { value, version } = await records.load(gate);
      const older = value?.lockIds?.filter((one) => one !== id) ?? [];
      return { value: value && { ...value, lockIds: older.length === 0 ? undefined : older }, version };
    },
    save: ({ lockIds = [], ...record }, version) => records.save({ ...record, lockIds: [...lockIds, id] }, version),
  };
}

/** The attributes that put a gate into the tick's index; none if ticks need not handle it. */
function tickKey(record: GateRecord): Item {
  const due = tickDue(record);
  const rankIn = (list: string, rank: string): Item => ({ [TICK_INDEX]: { S: list }, rank: { S: rank } });
  if (shouldBeLocked(record)) return rankIn(LOCKED, due ?? AFTER_TIMES + gateKey(record.gate));
  if (due !== undefined) return rankIn(OVERRIDES, due);
  const rank = waitingRank(record);
  return rank === undefined ? {} : rankIn(BRAKE_QUEUE, rank);
}

function createRow<T>(source: Source, name: keyof ControlRows): Row<T> {
  const id = CONTROL + name;
  return {
    async load() {
      const { value, version } = await load(source, id);
      const body = value?.['body']?.S;
      return { value: body === undefined ? undefined : (JSON.parse(body) as T), version };
    },
    save: (value, version) => save(source, { id: { S: id }, body: { S: JSON.stringify(value) } }, version),
  };
}

async function* listGates({ client, tableName }: Source, registry: string): ReturnType<Table['gates']> {
  const prefix = prefixOf(registry);
  const request = {
    TableName: tableName,
    ProjectionExpression: 'id, #state',
    FilterExpression: 'begins_with(id, :prefix)',
    ExpressionAttributeNames: { '#state': 'state' },
    ExpressionAttributeValues: { ':prefix': { S: prefix } },
    // A pause must not miss a gate that was closed a moment ago.
    ConsistentRead: true,
  };
  for await (const page of paginateScan({ client }, request)) {
    for (const { id, state } of page.Items ?? []) {
      yield { registry, repository: id?.S?.slice(prefix.length) ?? '', state: state?.S ?? '' };
    }
  }
}

async function findDue(source: Source, registry: string, until: Instant, limit: number): Promise<readonly Gate[]> {
  const lists = [OVERRIDES, LOCKED].map((list) => queryTickIndex(source, registry, { list, limit, until }));
  return (await Promise.all(lists)).flatMap(({ ranked }) => ranked.map(({ gate }) => gate)).slice(0, limit);
}

interface TickQuery {
  readonly list: string;
  readonly limit: number;
  /** The highest rank. Default: all. */
  readonly until?: Instant;
  /** The last key of the part before. Default: from the beginning. */
  readonly after?: string | undefined;
}

/** Some gates of one list of the index, ordered by rank. */
async function queryTickIndex(
  { client, tableName }: Source,
  registry: string,
  { list, limit, until, after }: TickQuery,
): Promise<{ readonly ranked: readonly WaitingGate[]; readonly next: string | undefined }> {
  const { Items: items, LastEvaluatedKey: last } = await client.send(
    new QueryCommand({
      TableName: tableName,
      IndexName: TICK_INDEX,
      KeyConditionExpression: `#list = :list${until === undefined ? '' : ' AND #rank <= :until'}`,
      ExpressionAttributeNames: { '#list': TICK_INDEX, ...(until === undefined ? {} : { '#rank': 'rank' }) },
      ExpressionAttributeValues: { ':list': { S: list }, ...(until === undefined ? {} : { ':until': { S: until } }) },
      Limit: limit,
      ...(after === undefined ? {} : { ExclusiveStartKey: JSON.parse(after) as Item }),
    }),
  );
  const ranked = gatesIn(items, registry).map((gate, place) => ({ gate, rank: items?.[place]?.['rank']?.S ?? '' }));
  return { ranked, next: last === undefined ? undefined : JSON.stringify(last) };
}

async function* listPending({ client, tableName }: Source, registry: string): ReturnType<Table['pending']> {
  const request = {
    TableName: tableName,
    IndexName: PENDING_INDEX,
    KeyConditionExpression: '#pending = :pending',
    ExpressionAttributeNames: { '#pending': PENDING_INDEX },
    ExpressionAttributeValues: { ':pending': { S: PENDING_INDEX } },
  };
  for await (const { Items: items } of paginateQuery({ client, pageSize: PAGE }, request))
    yield gatesIn(items, registry);
}

function gatesIn(items: readonly Item[] | undefined, registry: string): readonly Gate[] {
  const prefix = prefixOf(registry);
  return (items ?? []).map(({ id }) => ({ registry, repository: id?.S?.slice(prefix.length) ?? '' }));
}

function prefixOf(registry: string): string {
  return `${GATE}${registry}/`;
}

async function load({ client, tableName }: Source, id: string): Promise<Versioned<Item | undefined>> {
  const key = { TableName: tableName, Key: { id: { S: id } }, ConsistentRead: true };
  const { Item: item } = await client.send(new GetItemCommand(key));
  return { value: item, version: item === undefined ? 0 : Number(item['version']?.N) };
}

async function save({ client, tableName }: Source, item: Item, version: Version): Promise<Version | undefined> {
  const next = Number(version) + 1;
  const put = { TableName: tableName, Item: { ...item, version: { N: String(next) } }, ...onlyOver(version) };
  const written = await undefinedIfStale(client.send(new PutItemCommand(put)));
  return written === undefined ? undefined : next;
}

function onlyOver(version: Version) {
  if (version === 0) return { ConditionExpression: 'attribute_not_exists(id)' };
  return {
    ConditionExpression: '#version = :version',
    ExpressionAttributeNames: { '#version': 'version' },
    ExpressionAttributeValues: { ':version': { N: String(version) } },
  };
}

/** Returns the result of a write, or undefined if the row has another version. */
async function undefinedIfStale<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
}
