// Records, the brake and the other rows in DynamoDB, each written only over the version that was read.
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  paginateScan,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import { MAX_FINDINGS } from '../../shared/gate/image-evaluation.ts';
import { overrideDue } from '../../shared/gate/override.ts';
import { packToFit, unpackRecord } from '../../shared/gate/record-codec.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Records, Row, Version, Versioned } from '../../shared/reconcile/ports.ts';
import { waitingRank } from '../../shared/reconcile/schedule.ts';

type Item = Record<string, AttributeValue>;

const GATE = 'gate#';
const CONTROL = 'control#';
/** The sparse index of the gates that the tick has to see to, and its key of those that wait for the brake. */
const WAITING = 'waiting';
/** Its key of those that have an override. A gate is under one of both at most. */
const OVERRIDE = 'override';
/** DynamoDB's limit is 400 KB an item, names included. Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const MAX_BODY_BYTES = 390_000;

/** The stack's table. */
export function createTable(client: DynamoDBClient, tableName: string) {
  async function load(id: string): Promise<Versioned<Item | undefined>> {
    const key = { TableName: tableName, Key: { id: { S: id } }, ConsistentRead: true };
    const { Item: item } = await client.send(new GetItemCommand(key));
    return { value: item, version: item === undefined ? 0 : Number(item['version']?.N) };
  }

  async function save(item: Item, version: Version): Promise<Version | undefined> {
    const next = Number(version) + 1;
    const put = { TableName: tableName, Item: { ...item, version: { N: String(next) } }, ...onlyOver(version) };
    return (await happened(client.send(new PutItemCommand(put)))) ? next : undefined;
  }

  const records: Records = {
    async load(gate) {
      const { value, version } = await load(GATE + gateKey(gate));
      const body = value?.['body']?.B;
      return { value: body === undefined ? undefined : unpackRecord(gunzipSync(body).toString('utf8')), version };
    },
    save(record, version) {
      const id = GATE + gateKey(record.gate);
      const body = packToFit(record, gzipSync, { findings: MAX_FINDINGS, size: MAX_BODY_BYTES });
      const [rank, due] = [waitingRank(record), overrideDue(record.override)];
      const [key, place] = due === undefined ? [WAITING, rank] : [OVERRIDE, due];
      const waiting: Item = place === undefined ? {} : { waiting: { S: key }, rank: { S: place } };
      return save({ id: { S: id }, state: { S: record.state.kind }, body: { B: body }, ...waiting }, version);
    },
    remove(gate, version) {
      const key = { TableName: tableName, Key: { id: { S: GATE + gateKey(gate) } }, ...onlyOver(version) };
      return happened(client.send(new DeleteItemCommand(key)));
    },
  };

  /** A row that is not a gate's, by its name. */
  function row<T>(name: 'brake' | 'sweep' | 'pause'): Row<T> {
    const id = CONTROL + name;
    return {
      async load() {
        const { value, version } = await load(id);
        const body = value?.['body']?.S;
        return { value: body === undefined ? undefined : (JSON.parse(body) as T), version };
      },
      save: (value, version) => save({ id: { S: id }, body: { S: JSON.stringify(value) } }, version),
    };
  }

  /** Every gate of a registry that has a record. */
  async function* gates(registry: string): AsyncGenerator<Gate & { readonly state: string }> {
    const prefix = `${GATE}${registry}/`;
    const request = {
      TableName: tableName,
      ProjectionExpression: 'id, #state',
      FilterExpression: 'begins_with(id, :prefix)',
      ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: { ':prefix': { S: prefix } },
    };
    for await (const page of paginateScan({ client }, request)) {
      for (const { id, state } of page.Items ?? []) {
        yield { registry, repository: id?.S?.slice(prefix.length) ?? '', state: state?.S ?? '' };
      }
    }
  }

  /** Gates of one key of the index, in the order of their ranks. */
  async function ranked(registry: string, key: string, limit: number, until?: Instant): Promise<readonly Gate[]> {
    const { Items: items } = await client.send(
      new QueryCommand({
        TableName: tableName,
        IndexName: WAITING,
        KeyConditionExpression: `#waiting = :waiting${until === undefined ? '' : ' AND #rank <= :until'}`,
        ExpressionAttributeNames: { '#waiting': WAITING, ...(until === undefined ? {} : { '#rank': 'rank' }) },
        ExpressionAttributeValues: {
          ':waiting': { S: key },
          ...(until === undefined ? {} : { ':until': { S: until } }),
        },
        Limit: limit,
      }),
    );
    const prefix = `${GATE}${registry}/`;
    return (items ?? []).map(({ id }) => ({ registry, repository: id?.S?.slice(prefix.length) ?? '' }));
  }

  /** The gates that wait for the brake, the most urgent first. */
  const waiting = (registry: string, limit: number) => ranked(registry, WAITING, limit);

  /** The gates whose override begins or ends by now. */
  const due = (registry: string, now: Instant, limit: number) => ranked(registry, OVERRIDE, limit, now);

  return { records, row, gates, waiting, due };
}

export type Table = ReturnType<typeof createTable>;

function onlyOver(version: Version) {
  if (version === 0) return { ConditionExpression: 'attribute_not_exists(id)' };
  return {
    ConditionExpression: '#version = :version',
    ExpressionAttributeNames: { '#version': 'version' },
    ExpressionAttributeValues: { ':version': { N: String(version) } },
  };
}

/** False where the row had another version. */
async function happened(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}
