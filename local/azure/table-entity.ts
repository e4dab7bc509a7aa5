// One row of a table: its keys and typed properties, the service's limits, and its JSON.
// Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
import { failure } from './failure.ts';
import type { Properties, Value } from './odata-filter.ts';

export interface Entity {
  readonly partitionKey: string;
  readonly rowKey: string;
  /** Without the keys and the timestamp. */
  readonly properties: Properties;
  readonly timestamp: string;
  readonly etag: string;
}

const MAX_ENTITY_BYTES = 1024 * 1024;
const MAX_PROPERTY_BYTES = 64 * 1024;
const MAX_PROPERTIES = 252;
const MAX_KEY_BYTES = 1024;
const OWN = new Set(['PartitionKey', 'RowKey', 'Timestamp', 'odata.etag', 'odata.metadata', 'etag', 'timestamp']);
const TYPES: readonly Value['type'][] = [
  'Edm.String',
  'Edm.Boolean',
  'Edm.Int32',
  'Edm.Int64',
  'Edm.Double',
  'Edm.DateTime',
  'Edm.Guid',
  'Edm.Binary',
];

/** @throws Failure for a key that is too long or contains `/`, `\`, `#`, `?` or a control character */
export function checkKey(name: string, key: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the service refuses them
  const isRefused = /[/\\#?\u0000-\u001f\u007f-\u009f]/.test(key) || key.length * 2 > MAX_KEY_BYTES;
  if (isRefused) throw failure(400, 'OutOfRangeInput', `The '${name}' parameter of value '${key}' is out of range.`);
}

/** @throws Failure for an entity that the service does not accept */
export function readProperties(body: Readonly<Record<string, unknown>> | undefined): Properties {
  if (body === undefined) throw failure(400, 'InvalidInput', 'an entity must be a JSON object');
  const properties = new Map<string, Value>();
  for (const [name, value] of Object.entries(body)) {
    if (OWN.has(name) || name.endsWith('@odata.type') || value === null) continue;
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(name))
      throw failure(400, 'PropertyNameInvalid', `The property name is invalid: ${name}`);
    properties.set(name, typed(name, value, body[`${name}@odata.type`]));
  }
  if (properties.size > MAX_PROPERTIES)
    throw failure(400, 'TooManyProperties', `The entity contains more properties than allowed: ${properties.size}`);
  const size = [...properties].reduce((sum, [name, value]) => sum + 8 + 2 * name.length + bytesOf(value), 0);
  if (size > MAX_ENTITY_BYTES)
    throw failure(400, 'EntityTooLarge', `The entity is larger than the maximum allowed size (1MB): ${size} bytes`);
  return properties;
}

function typed(name: string, value: unknown, type: unknown): Value {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
    throw failure(
      400,
      'InvalidInput',
      `the property ${name} is not a string, number or boolean: ${JSON.stringify(value)}`,
    );
  const known = TYPES.find((one) => one === type) ?? inferred(value);
  if (type !== undefined && known !== type) throw failure(400, 'InvalidInput', `unknown property type: ${type}`);
  const kept = { type: known, value };
  if (bytesOf(kept) > MAX_PROPERTY_BYTES)
    throw failure(400, 'PropertyValueTooLarge', `The property value exceeds the maximum allowed size (64KB): ${name}`);
  return kept;
}

function inferred(value: string | number | boolean): Value['type'] {
  if (typeof value === 'boolean') return 'Edm.Boolean';
  if (typeof value === 'string') return 'Edm.String';
  return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 'Edm.Int32' : 'Edm.Double';
}

/** Text is stored in UTF-16, and bytes as bytes. */
function bytesOf({ type, value }: Value): number {
  if (typeof value !== 'string') return 8;
  return type === 'Edm.Binary' ? Buffer.byteLength(value, 'base64') : 2 * value.length;
}

/**
 * With minimal metadata: a type is included only if JSON does not imply it. A selected property that the entity lacks
 * is null.
 */
export function bodyOf(entity: Entity, selected: ReadonlySet<string> | undefined): Record<string, unknown> {
  const { partitionKey, rowKey, timestamp, etag, properties } = entity;
  const all: [string, unknown][] = [
    ['PartitionKey', partitionKey],
    ['RowKey', rowKey],
    ['Timestamp', timestamp],
  ];
  for (const [name, { type, value }] of properties) {
    if (type === 'Edm.Int64' || type === 'Edm.DateTime' || type === 'Edm.Guid' || type === 'Edm.Binary')
      all.push([`${name}@odata.type`, type]);
    all.push([name, value]);
  }
  const wanted = all.filter(([name]) => selected === undefined || selected.has(name.replace('@odata.type', '')));
  const absent = [...(selected ?? [])].filter((name) => !all.some(([known]) => known === name));
  return {
    'odata.etag': etag,
    ...Object.fromEntries(wanted),
    ...Object.fromEntries(absent.map((name) => [name, null])),
  };
}
