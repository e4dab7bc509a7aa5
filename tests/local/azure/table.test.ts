// The local table service, as the real SDK client sees it.
import { odata, TableClient, type TableEntity } from '@azure/data-tables';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { REGISTRY_ID, type Stage, startStage, TABLE_ID } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.wire.stop());
beforeEach(() => stage.calls.reset());

describe('a table', () => {
  let table: TableClient;
  beforeAll(() => {
    table = tableOf('Storage Table Data Contributor');
  });
  beforeEach(() => stage.table.clear());

  const tableOf = (role: string) =>
    new TableClient(stage.table.url, 'records', stage.addPrincipal({ role, scope: TABLE_ID }), stage.options);
  const entity = (rowKey: string, properties: Record<string, unknown> = {}): TableEntity => ({
    partitionKey: 'gate',
    rowKey,
    ...properties,
  });
  const refused = (statusCode: number, code: string) => ({ statusCode, details: { odataError: { code } } });
  async function rowKeys(filter?: string, select?: string[]): Promise<readonly (string | undefined)[]> {
    const queryOptions = { ...(filter === undefined ? {} : { filter }), ...(select === undefined ? {} : { select }) };
    const keys: (string | undefined)[] = [];
    for await (const { rowKey } of table.listEntities({ queryOptions })) keys.push(rowKey);
    return keys;
  }

  it('returns each type as it was stored', async () => {
    const when = new Date('2026-03-01T12:00:00.000Z');
    const properties = {
      text: "it's",
      whole: 3,
      part: 2.5,
      yes: true,
      big: 9007199254740993n,
      when,
      bytes: Buffer.from([1, 2]),
    };
    await table.createEntity(entity('types', properties));
    const { etag, timestamp, ...read } = await table.getEntity('gate', 'types');
    expect(read).toMatchObject(properties);
    expect(etag).toMatch(/^W\/"datetime'2026-03-02T09%3A/);
    expect(timestamp).toContain('2026-03-02T09:');
    expect(stage.calls.count()).toEqual({ 'table:Get': 1, 'table:Insert': 1 });
  });

  it('stores 64 KiB of bytes in a property, in any encoding, and a mebibyte in a row', async () => {
    const part = Buffer.alloc(65_536, 7);
    const parts = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`body${n}`, part]));
    await table.createEntity(entity('large', parts(15)));
    expect(await table.getEntity('gate', 'large')).toMatchObject(parts(15));
    await expect(table.createEntity(entity('larger', parts(16)))).rejects.toMatchObject(refused(400, 'EntityTooLarge'));
    const one = { body0: Buffer.alloc(65_537) };
    await expect(table.createEntity(entity('long', one))).rejects.toMatchObject(refused(400, 'PropertyValueTooLarge'));
  });

  it('accepts a write only from a client that has read the last one', async () => {
    const { etag: first } = await table.createEntity(entity('row', { state: 'open', kept: 1 }));
    const write = (state: string, etag: string | undefined, mode: 'Replace' | 'Merge') =>
      table.updateEntity(entity('row', { state }), mode, { etag: etag ?? '' });
    const { etag: second } = await write('closing', first, 'Merge');
    expect(second).not.toBe(first);
    expect(await table.getEntity('gate', 'row')).toMatchObject({ state: 'closing', kept: 1 });
    await expect(write('closed', first, 'Replace')).rejects.toMatchObject(refused(412, 'UpdateConditionNotSatisfied'));
    await expect(table.deleteEntity('gate', 'row', { etag: first ?? '' })).rejects.toMatchObject(
      refused(412, 'UpdateConditionNotSatisfied'),
    );
    await write('closed', second, 'Replace');
    const { kept } = await table.getEntity<{ kept?: number }>('gate', 'row');
    expect(kept).toBeUndefined();
    await table.deleteEntity('gate', 'row');
    expect(stage.table.entities()).toEqual([]);
  });

  it('replaces any row without an ETag', async () => {
    await table.upsertEntity(entity('row', { a: 1 }), 'Replace');
    await table.upsertEntity(entity('row', { b: 2 }), 'Merge');
    expect(await table.getEntity('gate', 'row')).toMatchObject({ a: 1, b: 2 });
    expect(stage.calls.count()).toEqual({ 'table:Get': 1, 'table:Upsert': 1, 'table:UpsertMerge': 1 });
  });

  it.each([
    ['an existing row', () => table.createEntity(entity('there')), 409, 'EntityAlreadyExists'],
    ['a missing row', () => table.getEntity('gate', 'absent'), 404, 'ResourceNotFound'],
    ['an update of a missing row', () => table.updateEntity(entity('absent')), 404, 'ResourceNotFound'],
    ['a key with a slash', () => table.createEntity(entity('team/app')), 400, 'OutOfRangeInput'],
    ['a key with a question mark', () => table.createEntity(entity('team?')), 400, 'OutOfRangeInput'],
    [
      'a value over 64 KiB',
      () => table.createEntity(entity('x', { text: 'x'.repeat(32_769) })),
      400,
      'PropertyValueTooLarge',
    ],
    [
      'an entity over a mebibyte',
      () =>
        table.createEntity(
          entity('x', Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`p${n}`, 'x'.repeat(32_768)]))),
        ),
      400,
      'EntityTooLarge',
    ],
    ['an invalid property name', () => table.createEntity(entity('x', { 'a-b': 1 })), 400, 'PropertyNameInvalid'],
    ['an unsupported filter', () => rowKeys("startswith(rowKey, 'a')"), 400, 'InvalidInput'],
    ['an unsupported operator', () => rowKeys("RowKey like 'a'"), 400, 'InvalidInput'],
    [
      'a reader that writes',
      () => tableOf('Storage Table Data Reader').createEntity(entity('y')),
      403,
      'AuthorizationPermissionMismatch',
    ],
    [
      'a role at another scope',
      () =>
        new TableClient(
          stage.table.url,
          'records',
          stage.addPrincipal({ role: 'Owner', scope: REGISTRY_ID }),
          stage.options,
        ).getEntity('gate', 'there'),
      403,
      'AuthorizationPermissionMismatch',
    ],
  ] as const)('refuses %s', async (_what, work, status, code) => {
    await table.createEntity(entity('there'));
    await expect(work()).rejects.toMatchObject(refused(status, code));
  });

  it.each([
    [odata`PartitionKey eq ${'gate'} and RowKey ge ${'b'}`, ['b', "c'c"]],
    [odata`RowKey eq ${"c'c"}`, ["c'c"]],
    ["state eq 'closed' or state eq 'waiting'", ['b', "c'c"]],
    ["not (state eq 'open')", ['b', "c'c"]],
    ["state ne 'open' and (rank gt 1 and rank le 2)", ['b']],
    ['since lt 20L', ['a']],
    ["seen ge datetime'2026-03-01T00:00:00Z'", ['b']],
    ['ours eq true', ["c'c"]],
    ["missing ne 'x'", []],
  ])('answers the filter %s', async (filter, keys) => {
    await table.createEntity(entity('a', { state: 'open', rank: 1, since: 10n, seen: new Date('2026-02-01') }));
    await table.createEntity(entity('b', { state: 'closed', rank: 2, since: 20n, seen: new Date('2026-03-01') }));
    await table.createEntity(entity("c'c", { state: 'waiting', rank: 2.5, since: 30n, ours: true }));
    expect(await rowKeys(filter)).toEqual(keys);
  });

  it('returns pages of 1,000 rows ordered by key, with only the selected properties', async () => {
    for (let index = 0; index < 1201; index++) {
      const rowKey = String(index).padStart(4, '0');
      await table.createEntity(entity(rowKey, { a: index, b: 'x' }));
    }
    stage.calls.reset();
    const keys = await rowKeys('a ge 1', ['rowKey']);
    expect([keys.length, keys[0], keys.at(-1)]).toEqual([1200, '0001', '1200']);
    expect(stage.calls.count()).toEqual({ 'table:Query': 2 });
    const pages = table.listEntities({ queryOptions: { select: ['a', 'absent'] } }).byPage({ maxPageSize: 2 });
    const { value } = await pages.next();
    expect(value.map(({ etag: _, ...selected }: Record<string, unknown>) => selected)).toEqual([
      { a: 0, absent: null },
      { a: 1, absent: null },
    ]);
  });
});
