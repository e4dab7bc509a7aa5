// The table service: rows with ETags, as @azure/data-tables uses them.
// Source: https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api
import type { Clock } from '../clock.ts';
import { failure } from './failure.ts';
import { readFilter } from './odata-filter.ts';
import type { Principals } from './principals.ts';
import type { Need } from './roles.ts';
import type { Service, Step } from './service.ts';
import { authenticateStorage, denied, type StorageResource } from './storage.ts';
import { bodyOf, checkKey, type Entity, readProperties } from './table-entity.ts';
import { header, json, jsonBody, type WireAnswer, type WireRequest } from './wire.ts';

export interface Table extends StorageResource {
  /** `https://ACCOUNT.table.core.windows.net` */
  readonly url: string;
  /** Ordered by key. */
  entities(): readonly Entity[];
  /** Removes all rows. */
  clear(): void;
}

export interface Tables {
  /** Creates the table. An existing table keeps its rows. */
  deploy(resource: StorageResource): Table;
  /** @throws Error if no deployed graph contains the table */
  find(account: string, name: string): Table;
  readonly service: Service;
}

interface StoredTable extends Table {
  readonly rows: Map<string, Entity>;
  /** The keys of all rows that a partition has ever had. */
  readonly partitions: Map<string, Set<string>>;
}

const ACTIONS = 'Microsoft.Storage/storageAccounts/tableServices/tables/entities';
/** Source: https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination */
const PAGE = 1000;
const KEYS = /^\/([A-Za-z][A-Za-z0-9]{2,62})(?:\(PartitionKey='((?:[^']|'')*)',RowKey='((?:[^']|'')*)'\)|(\(\)))?$/;

export function createTables(
  clock: Clock,
  principals: Principals,
  serve: (host: string, service: Service) => void,
): Tables {
  const tables = new Map<string, StoredTable>();
  const keyOf = (account: string, name: string) => `${account}/${name}`.toLowerCase();
  let changes = 0;
  /** Each change gets a new ETag, even if the clock stands still. */
  const stamp = () => {
    changes += 1;
    const timestamp = clock
      .now()
      .toISOString()
      .replace('Z', `${String(changes % 10_000).padStart(4, '0')}Z`);
    return { timestamp, etag: `W/"datetime'${encodeURIComponent(timestamp)}'"` };
  };

  const service: Service = {
    name: 'table',
    read(request) {
      const [, name = '', partition, row, all] = KEYS.exec(decodeURIComponent(request.url.pathname)) ?? [];
      const [account = ''] = request.host.split('.');
      const table = tables.get(keyOf(account, name));
      if (table === undefined)
        throw failure(404, 'TableNotFound', `The table specified does not exist: ${request.url.pathname}`);
      if (partition === undefined || row === undefined) return readWhole(request, table, all !== undefined);
      return readOne(request, table, partition.replaceAll("''", "'"), row.replaceAll("''", "'"));
    },
    authenticate: (request) => authenticateStorage(principals, request),
    denied,
    refuse: ({ status, code, message, headers }) =>
      json(
        status,
        { 'odata.error': { code, message: { lang: 'en-US', value: message } } },
        { ...headers, 'x-ms-error-code': code },
      ),
  };

  function readWhole(request: WireRequest, table: StoredTable, isQuery: boolean): Step {
    const { method, url } = request;
    if (method === 'POST' && !isQuery)
      return step(table, 'Insert', ['write', 'add/action'], {}, () => insert(request, table));
    if (method === 'GET' && isQuery)
      return step(table, 'Query', ['read'], Object.fromEntries(url.searchParams), () => query(request, table));
    throw new Error(`the local table service has no ${method} ${url.pathname}${url.search}`);
  }

  function readOne(request: WireRequest, table: StoredTable, partitionKey: string, rowKey: string): Step {
    const match = header(request, 'if-match');
    const input = { partitionKey, rowKey, ...(match === undefined ? {} : { ifMatch: match }) };
    const key = rowOf(partitionKey, rowKey);
    const known = (): Entity => {
      const found = table.rows.get(key);
      if (found === undefined) throw failure(404, 'ResourceNotFound', 'The specified resource does not exist.');
      if (match !== undefined && match !== '*' && match !== found.etag)
        throw failure(
          412,
          'UpdateConditionNotSatisfied',
          'The update condition specified in the request was not satisfied.',
        );
      return found;
    };
    const write = (merges: boolean): WireAnswer => {
      checkKey('PartitionKey', partitionKey);
      checkKey('RowKey', rowKey);
      const before = match === undefined ? table.rows.get(key) : known();
      const given = readProperties(jsonBody(request));
      const properties = merges ? new Map([...(before?.properties ?? []), ...given]) : given;
      return stored(table, { partitionKey, rowKey, properties, ...stamp() });
    };
    const wantsWrite = match === undefined ? ['write'] : ['write', 'update/action'];
    switch (request.method) {
      case 'GET':
        return step(table, 'Get', ['read'], input, () => {
          const found = known();
          return json(200, single(table, found, selected(request)), { etag: found.etag });
        });
      case 'PUT':
        return step(table, match === undefined ? 'Upsert' : 'Update', wantsWrite, input, () => write(false));
      case 'PATCH':
      case 'MERGE':
        return step(table, match === undefined ? 'UpsertMerge' : 'Merge', wantsWrite, input, () => write(true));
      case 'DELETE':
        return step(table, 'Delete', ['delete'], input, () => {
          if (match === undefined) throw failure(400, 'MissingRequiredHeader', 'a deletion needs the header If-Match');
          known();
          table.rows.delete(key);
          return { status: 204 };
        });
      default:
        throw new Error(`the local table service has no ${request.method} of an entity`);
    }
  }

  function insert(request: WireRequest, table: StoredTable): WireAnswer {
    const body = jsonBody(request);
    const { PartitionKey: partitionKey, RowKey: rowKey } = body ?? {};
    if (typeof partitionKey !== 'string' || typeof rowKey !== 'string')
      throw failure(400, 'PropertiesNeedValue', 'an entity needs a PartitionKey and a RowKey, both strings');
    checkKey('PartitionKey', partitionKey);
    checkKey('RowKey', rowKey);
    if (table.rows.has(rowOf(partitionKey, rowKey)))
      throw failure(409, 'EntityAlreadyExists', 'The specified entity already exists.');
    const entity: Entity = { partitionKey, rowKey, properties: readProperties(body), ...stamp() };
    const answer = stored(table, entity);
    if (header(request, 'prefer') === 'return-no-content')
      return { ...answer, headers: { etag: entity.etag, 'preference-applied': 'return-no-content' } };
    return json(201, single(table, entity, undefined), { etag: entity.etag });
  }

  function stored(table: StoredTable, entity: Entity): WireAnswer {
    const key = rowOf(entity.partitionKey, entity.rowKey);
    table.rows.set(key, entity);
    const partition = table.partitions.get(entity.partitionKey) ?? new Set<string>();
    table.partitions.set(entity.partitionKey, partition.add(key));
    return { status: 204, headers: { etag: entity.etag } };
  }

  return {
    deploy(resource) {
      const key = keyOf(resource.account, resource.name);
      const known = tables.get(key);
      if (known !== undefined) return known;
      const rows = new Map<string, Entity>();
      const made: StoredTable = {
        ...resource,
        url: `https://${resource.account}.table.core.windows.net`,
        rows,
        partitions: new Map(),
        entities: () => sorted(rows, rows.keys()),
        clear: () => rows.clear(),
      };
      tables.set(key, made);
      serve(new URL(made.url).host, service);
      return made;
    },
    find(account, name) {
      const found = tables.get(keyOf(account, name));
      if (found === undefined) throw new Error(`no deployed graph has the table ${name} in the account ${account}`);
      return found;
    },
    service,
  };
}

/** @param actions of the data plane; one of them is enough */
function step(
  table: StoredTable,
  operation: string,
  [first = '', ...others]: readonly string[],
  input: Readonly<Record<string, unknown>>,
  run: () => WireAnswer,
): Step {
  const need: Need = {
    action: `${ACTIONS}/${first}`,
    or: others.map((one) => `${ACTIONS}/${one}`),
    data: true,
    scope: table.id,
  };
  return { operation, input: { table: table.name, ...input }, needs: [need], run };
}

function query(request: WireRequest, table: StoredTable): WireAnswer {
  const { searchParams } = request.url;
  const top = Number(searchParams.get('$top') ?? PAGE);
  if (!Number.isInteger(top) || top < 1 || top > PAGE)
    throw failure(400, 'InvalidInput', `$top must be a whole number from 1 to ${PAGE}; got ${top}`);
  const filter = searchParams.get('$filter');
  const matches = filter === null || filter === '' ? () => true : readFilter(filter);
  const from = rowOf(fromToken(searchParams, 'NextPartitionKey'), fromToken(searchParams, 'NextRowKey'));
  const rest = candidates(table, filter).filter(
    (entity) => rowOf(entity.partitionKey, entity.rowKey) >= from && matches(comparables(entity)),
  );
  const next = rest[top];
  const headers: Record<string, string> =
    next === undefined
      ? {}
      : {
          'x-ms-continuation-nextpartitionkey': toToken(next.partitionKey),
          'x-ms-continuation-nextrowkey': toToken(next.rowKey),
        };
  const value = rest.slice(0, top).map((entity) => bodyOf(entity, selected(request)));
  return json(200, { 'odata.metadata': `${table.url}/$metadata#${table.name}`, value }, headers);
}

function single(table: StoredTable, entity: Entity, only: ReadonlySet<string> | undefined) {
  return { 'odata.metadata': `${table.url}/$metadata#${table.name}/@Element`, ...bodyOf(entity, only) };
}

function comparables({ partitionKey, rowKey, timestamp, properties }: Entity) {
  return new Map([
    ...properties,
    ['PartitionKey', { type: 'Edm.String', value: partitionKey }] as const,
    ['RowKey', { type: 'Edm.String', value: rowKey }] as const,
    ['Timestamp', { type: 'Edm.DateTime', value: timestamp }] as const,
  ]);
}

function selected({ url }: WireRequest): ReadonlySet<string> | undefined {
  const text = url.searchParams.get('$select');
  return text === null || text === '' || text === '*' ? undefined : new Set(text.split(',').map((name) => name.trim()));
}

/** The rows that can match a filter, ordered by key. For a filter on one partition, only that partition is read. */
function candidates({ rows, partitions }: StoredTable, filter: string | null): readonly Entity[] {
  const [, partition] = /^PartitionKey eq '((?:[^']|'')*)'$/.exec(filter ?? '') ?? [];
  return sorted(rows, partition === undefined ? rows.keys() : (partitions.get(partition.replaceAll("''", "'")) ?? []));
}

function sorted(rows: ReadonlyMap<string, Entity>, keys: Iterable<string>): readonly Entity[] {
  return [...keys].sort().flatMap((key) => rows.get(key) ?? []);
}

/** One text for both keys that sorts as they do, because no key contains the separator. */
function rowOf(partitionKey: string, rowKey: string): string {
  return `${partitionKey}\u0000${rowKey}`;
}

/** A continuation token is opaque to clients. */
function toToken(key: string): string {
  return `1!${Buffer.from(key).toString('base64url')}`;
}

function fromToken(query: URLSearchParams, name: string): string {
  const token = query.get(name);
  return token === null ? '' : Buffer.from(token.slice('1!'.length), 'base64url').toString('utf8');
}
