// Records, the brake and the other rows in Table storage. A write succeeds only if the row still has the version that
// was read.
import { gunzipSync, gzipSync } from 'node:zlib';
import { odata, type TableClient, type TableEntityResult } from '@azure/data-tables';
import type { Gate } from '../../shared/gate/gate.ts';
import { MAX_FINDINGS_OF_IMAGE } from '../../shared/gate/image-evaluation.ts';
import { overrideDue } from '../../shared/gate/override.ts';
import type { GateRecord } from '../../shared/gate/record.ts';
import { packToFit, unpackRecord } from '../../shared/gate/record-codec.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { type LockedGates, shouldBeLocked } from '../../shared/reconcile/locks.ts';
import type { ControlRows, Records, Row, Version, Versioned } from '../../shared/reconcile/ports.ts';
import { waitingRank } from '../../shared/reconcile/schedule.ts';
import type { WaitingGate } from '../../shared/reconcile/sweep.ts';
import { decodeRow } from '../../shared/runtime/errors.ts';
import { undefinedIf } from './errors.ts';
import { nameOf } from './registry-id.ts';

/** The key of a row. */
interface Key {
  readonly partitionKey: string;
  readonly rowKey: string;
}

/** A row as it is stored: its text, compressed and split into as many properties as it needs. */
interface Stored extends Partial<Record<`body${number}`, Uint8Array>> {
  readonly parts?: number;
}

/** The properties of a gate that a list returns. */
interface Listed {
  readonly registry?: string | undefined;
  readonly repository?: string | undefined;
  readonly digest?: string | undefined;
  readonly state?: string | undefined;
  readonly rank?: string | undefined;
  /** When its override begins or ends. */
  readonly due?: string | undefined;
  readonly pending?: boolean | undefined;
  /** Its lock should be in the registry. */
  readonly locked?: boolean | undefined;
}

export type ListedGate = Gate & { readonly state: string; readonly hasOverride: boolean };

const GATE = 'gate|';
/** The first key after all keys that begin with `GATE`. */
const AFTER_GATES = 'gate}';
const ALL_GATES = odata`PartitionKey ge ${GATE} and PartitionKey lt ${AFTER_GATES}`;
const CONTROL = 'control';
/** The row key of the gate of a whole repository. */
const REPOSITORY_ROW = 'repository';
/**
 * A property holds at most 64 KiB, and a whole row at most 1 MiB.
 * Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
 */
const PART_BYTES = 65_536;
const MAX_BODY_BYTES = 15 * PART_BYTES;

/** The stack's table. */
export interface Table {
  readonly records: Records;
  /** A row that does not belong to a gate, by its name. */
  row<Name extends keyof ControlRows>(name: Name): Row<ControlRows[Name]>;
  /** Every gate that has a record: of the whole stack, or of one repository and its images. */
  gates(of?: Gate): AsyncIterable<ListedGate>;
  /** The gates that wait for the brake, the highest rank first. */
  waiting(): Promise<readonly WaitingGate[]>;
  /** The gates whose override begins or ends at or before `now`. */
  due(now: Instant): Promise<readonly Gate[]>;
  /** The gates that have pending notices, some at a time. */
  pending(): AsyncIterable<readonly Gate[]>;
  /** The gates that should have a lock, some at a time. */
  locked(after: string | undefined): Promise<LockedGates>;
}

const PAGE = 100;

export function createTable(client: TableClient): Table {
  return {
    records: createRecords(client),
    row: (name) => createRow(client, { partitionKey: CONTROL, rowKey: name }),
    gates: (of) => listGates(client, of),
    waiting: () => findWaiting(client),
    due: (now) => findGates(client, odata`due le ${now}`),
    pending: () => listPending(client),
    locked: (after) => findLocked(client, after),
  };
}

function createRecords(client: TableClient): Records {
  return {
    async load(gate) {
      const key = keyOf(gate);
      const { value: row, version } = await load(client, key);
      const name = `${key.partitionKey} ${key.rowKey} in ${client.tableName}`;
      return { value: row === undefined ? undefined : decodeRow(name, () => unpackRecord(bodyOf(row))), version };
    },
    save(record, version) {
      const body = packToFit(record, gzipSync, { findings: MAX_FINDINGS_OF_IMAGE, size: MAX_BODY_BYTES });
      return save(client, { ...keyOf(record.gate), ...listedOf(record), ...partsOf(body) }, version);
    },
    async remove(gate, version) {
      const { partitionKey, rowKey } = keyOf(gate);
      const removed = client.deleteEntity(partitionKey, rowKey, { etag: String(version) });
      return (await undefinedIf([404, 412], removed)) !== undefined;
    },
  };
}

function createRow<T>(client: TableClient, key: Key): Row<T> {
  return {
    async load() {
      const { value, version } = await load(client, key);
      return { value: value === undefined ? undefined : (JSON.parse(bodyOf(value)) as T), version };
    },
    save: (value, version) => save(client, { ...key, ...partsOf(gzipSync(JSON.stringify(value))) }, version),
  };
}

async function load(client: TableClient, key: Key): Promise<Versioned<TableEntityResult<Stored> | undefined>> {
  const row = await undefinedIf([404], client.getEntity<Stored>(key.partitionKey, key.rowKey));
  return row === undefined ? { value: undefined, version: 0 } : { value: row, version: row.etag };
}

/** Undefined if the row has another version: it already exists (409), was changed (412), or was deleted (404). */
async function save(client: TableClient, row: Key & Stored, version: Version): Promise<Version | undefined> {
  const written =
    version === 0
      ? await undefinedIf([409], client.createEntity(row))
      : await undefinedIf([404, 412], client.updateEntity(row, 'Replace', { etag: String(version) }));
  return written?.etag;
}

/** The gates that a filter selects, with the properties that a list returns. */
function list(client: TableClient, filter: string): AsyncIterable<Listed> {
  const select = ['registry', 'repository', 'digest', 'state', 'rank', 'due'];
  return client.listEntities<Listed>({ queryOptions: { filter, select } });
}

async function* listGates(client: TableClient, of?: Gate): AsyncGenerator<ListedGate> {
  const filter = of === undefined ? ALL_GATES : odata`PartitionKey eq ${keyOf(of).partitionKey}`;
  for await (const listed of list(client, filter))
    yield { ...gateOf(listed), state: listed.state ?? '', hasOverride: typeof listed.due === 'string' };
}

async function findWaiting(client: TableClient): Promise<readonly WaitingGate[]> {
  const found: WaitingGate[] = [];
  for await (const listed of list(client, `${ALL_GATES} and ${odata`rank ge ${'0'}`}`)) {
    found.push({ gate: gateOf(listed), rank: listed.rank ?? '' });
  }
  return found.toSorted((a, b) => (a.rank < b.rank ? -1 : 1));
}

async function findGates(client: TableClient, filter: string): Promise<readonly Gate[]> {
  const found: Gate[] = [];
  for await (const listed of list(client, `${ALL_GATES} and ${filter}`)) found.push(gateOf(listed));
  return found;
}

const GATE_PROPERTIES = ['registry', 'repository', 'digest'];

async function* listPending(client: TableClient): ReturnType<Table['pending']> {
  const filter = `${ALL_GATES} and ${odata`pending eq ${true}`}`;
  const pages = client.listEntities<Listed>({ queryOptions: { filter, select: GATE_PROPERTIES } });
  for await (const page of pages.byPage({ maxPageSize: PAGE })) yield page.map(gateOf);
}

/** Source: https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination */
async function findLocked(client: TableClient, after: string | undefined): Promise<LockedGates> {
  const filter = `${ALL_GATES} and ${odata`locked eq ${true}`}`;
  const pages = client
    .listEntities<Listed>({ queryOptions: { filter, select: GATE_PROPERTIES } })
    .byPage({ maxPageSize: PAGE, ...(after === undefined ? {} : { continuationToken: after }) });
  const { value: page } = await pages.next();
  return { gates: [...(page ?? [])].map(gateOf), next: page?.continuationToken };
}

function listedOf(record: GateRecord): Listed {
  const { gate, state, pending, override } = record;
  // Defender does not tell when it scanned, so that no tick looks again for a fix.
  const [rank, due] = [waitingRank(record), overrideDue(override)];
  return {
    ...gate,
    state: state.kind,
    ...(rank === undefined ? {} : { rank }),
    ...(due === undefined ? {} : { due }),
    ...(pending.length === 0 ? {} : { pending: true }),
    ...(shouldBeLocked(record) ? { locked: true } : {}),
  };
}

/** A key must not contain a slash, and no repository name contains a bar. Registry names are unique in all of Azure. */
function keyOf({ registry, repository, digest }: Gate): Key {
  return {
    partitionKey: `${GATE}${nameOf(registry)}|${repository.replaceAll('/', '|')}`,
    rowKey: digest ?? REPOSITORY_ROW,
  };
}

function gateOf({ registry = '', repository = '', digest }: Listed): Gate {
  // The service returns a missing property as null.
  return { registry, repository, ...(digest === undefined || digest === null ? {} : { digest }) };
}

function partsOf(body: Buffer): Stored {
  const count = Math.ceil(body.length / PART_BYTES);
  const parts = Array.from({ length: count }, (_, part) => [
    `body${part}`,
    new Uint8Array(body.subarray(part * PART_BYTES, (part + 1) * PART_BYTES)),
  ]);
  return { parts: count, ...Object.fromEntries(parts) };
}

function bodyOf(row: TableEntityResult<Stored>): string {
  const parts = Array.from({ length: row.parts ?? 0 }, (_, part) => row[`body${part}`] ?? new Uint8Array());
  return gunzipSync(Buffer.concat(parts)).toString('utf8');
}
