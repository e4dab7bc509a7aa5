// Records, the brake and the other rows in Table storage, each written only over the version that was read.
import { gunzipSync, gzipSync } from 'node:zlib';
import { isRestError } from '@azure/core-rest-pipeline';
import { odata, type TableClient, type TableEntityResult } from '@azure/data-tables';
import type { Gate } from '../../shared/gate/gate.ts';
import { MAX_FINDINGS_OF_IMAGE } from '../../shared/gate/image-evaluation.ts';
import { overrideDue } from '../../shared/gate/override.ts';
import { packToFit, unpackRecord } from '../../shared/gate/record-codec.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Records, Row, Version, Versioned } from '../../shared/reconcile/ports.ts';
import { waitingRank } from '../../shared/reconcile/schedule.ts';
import { nameOf } from './registry-id.ts';

/** The key of a row. */
interface Key {
  readonly partitionKey: string;
  readonly rowKey: string;
}

/** A row as it is stored: its text, compressed, in as many properties as it takes. */
interface Stored extends Partial<Record<`body${number}`, Uint8Array>> {
  readonly parts?: number;
}

/** What a list of gates shows of each. */
interface Listed {
  readonly registry?: string | undefined;
  readonly repository?: string | undefined;
  readonly digest?: string | undefined;
  readonly state?: string | undefined;
  readonly rank?: string | undefined;
  /** When its override begins or ends. */
  readonly due?: string | undefined;
  readonly pending?: boolean | undefined;
}

export type ListedGate = Gate & { readonly state: string; readonly hasOverride: boolean };

const GATE = 'gate|';
/** The first key after all that begin with `GATE`. */
const AFTER_GATES = 'gate}';
const ALL_GATES = odata`PartitionKey ge ${GATE} and PartitionKey lt ${AFTER_GATES}`;
const CONTROL = 'control';
/** The row of a gate that is a whole repository. */
const WHOLE = 'repository';
/** A property holds 64 KiB and a row 1 MiB, all told. Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model */
const PART_BYTES = 65_536;
const MAX_BODY_BYTES = 15 * PART_BYTES;

/** The stack's table. */
export function createTable(client: TableClient) {
  async function load(key: Key): Promise<Versioned<string | undefined>> {
    try {
      const row = await client.getEntity<Stored>(key.partitionKey, key.rowKey);
      return { value: bodyOf(row), version: row.etag };
    } catch (error) {
      if (hasStatus(error, 404)) return { value: undefined, version: 0 };
      throw error;
    }
  }

  async function save(key: Key, body: Buffer, shown: Listed, version: Version): Promise<Version | undefined> {
    const row = { ...key, ...shown, ...partsOf(body) };
    const written =
      version === 0
        ? await unless([409], client.createEntity(row))
        : await unless([404, 412], client.updateEntity(row, 'Replace', { etag: String(version) }));
    return written?.etag;
  }

  const records: Records = {
    async load(gate) {
      const { value, version } = await load(keyOf(gate));
      return { value: value === undefined ? undefined : unpackRecord(value), version };
    },
    save(record, version) {
      const { gate, state, pending, override } = record;
      const [rank, due] = [waitingRank(record), overrideDue(override)];
      const shown = {
        ...gate,
        state: state.kind,
        ...(rank === undefined ? {} : { rank }),
        ...(due === undefined ? {} : { due }),
        ...(pending.length === 0 ? {} : { pending: true }),
      };
      return save(
        keyOf(gate),
        packToFit(record, gzipSync, { findings: MAX_FINDINGS_OF_IMAGE, size: MAX_BODY_BYTES }),
        shown,
        version,
      );
    },
    async remove(gate, version) {
      const { partitionKey, rowKey } = keyOf(gate);
      return (
        (await unless([404, 412], client.deleteEntity(partitionKey, rowKey, { etag: String(version) }))) !== undefined
      );
    },
  };

  /** A row that is not a gate's, by its name. */
  function row<T>(name: 'brake' | 'sweep' | 'pause'): Row<T> {
    const key = { partitionKey: CONTROL, rowKey: name };
    return {
      async load() {
        const { value, version } = await load(key);
        return { value: value === undefined ? undefined : (JSON.parse(value) as T), version };
      },
      save: (value, version) => save(key, gzipSync(JSON.stringify(value)), {}, version),
    };
  }

  /** The rows of gates that a filter picks, with what a list shows of them. */
  async function* list(filter: string): AsyncGenerator<Listed> {
    const select = ['registry', 'repository', 'digest', 'state', 'rank', 'due'];
    yield* client.listEntities<Listed>({ queryOptions: { filter, select } });
  }

  /** Every gate that has a record: of the whole stack, or of one repository and its images. */
  async function* gates(of?: Gate): AsyncGenerator<ListedGate> {
    const filter = of === undefined ? ALL_GATES : odata`PartitionKey eq ${keyOf(of).partitionKey}`;
    for await (const listed of list(filter))
      yield { ...gateOf(listed), state: listed.state ?? '', hasOverride: typeof listed.due === 'string' };
  }

  /** The gates that wait for the brake, the most urgent first. */
  async function waiting(): Promise<readonly Gate[]> {
    const found: { readonly gate: Gate; readonly rank: string }[] = [];
    for await (const listed of list(`${ALL_GATES} and ${odata`rank ge ${'0'}`}`)) {
      found.push({ gate: gateOf(listed), rank: listed.rank ?? '' });
    }
    return found.toSorted((a, b) => (a.rank < b.rank ? -1 : 1)).map(({ gate }) => gate);
  }

  /** The gates whose override begins or ends by now. */
  async function due(now: Instant): Promise<readonly Gate[]> {
    const found: Gate[] = [];
    for await (const listed of list(`${ALL_GATES} and ${odata`due le ${now}`}`)) found.push(gateOf(listed));
    return found;
  }

  /** Some of the gates that have pending notices. */
  async function pending(limit: number): Promise<readonly Gate[]> {
    const found: Gate[] = [];
    for await (const listed of list(`${ALL_GATES} and ${odata`pending eq ${true}`}`)) {
      if (found.push(gateOf(listed)) === limit) break;
    }
    return found;
  }

  return { records, row, gates, waiting, due, pending };
}

export type Table = ReturnType<typeof createTable>;

/** A key may not hold a slash, and no repository's name holds a bar. A registry's name is its own in all of Azure. */
function keyOf({ registry, repository, digest }: Gate): Key {
  return { partitionKey: `${GATE}${nameOf(registry)}|${repository.replaceAll('/', '|')}`, rowKey: digest ?? WHOLE };
}

function gateOf({ registry = '', repository = '', digest }: Listed): Gate {
  // A property that a row does not have comes back as null.
  return { registry, repository, ...(digest === undefined || digest === null ? {} : { digest }) };
}

function partsOf(body: Buffer): Record<string, unknown> {
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

/** Undefined where the row had another version: it is there already (409), was changed (412), or is gone (404). */
async function unless<T>(statuses: readonly number[], call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (hasStatus(error, ...statuses)) return undefined;
    throw error;
  }
}

function hasStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return isRestError(error) && statuses.includes(error.statusCode ?? 0);
}
