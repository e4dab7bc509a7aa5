// The local table service answers as azurite does.
import { odata, type TableEntity } from '@azure/data-tables';
import { compareWithAzurite, type Different, type Same, type Step } from './both-storages.ts';

const entity = (rowKey: string, properties: Record<string, unknown> = {}): TableEntity => ({
  partitionKey: 'gate|a',
  rowKey,
  ...properties,
});
const create =
  (rowKey: string, properties?: Record<string, unknown>): Step =>
  ({ table }) =>
    table.createEntity(entity(rowKey, properties));
const read =
  (rowKey: string): Step =>
  ({ table }) =>
    table.getEntity('gate|a', rowKey);
const query =
  (filter: string, select?: string[]): Step =>
  async ({ table }) => {
    const queryOptions = { filter, ...(select === undefined ? {} : { select }) };
    for await (const _ of table.listEntities({ queryOptions }));
  };
const STALE = 'W/"datetime\'2020-01-01T00%3A00%3A00.0000000Z\'"';
const TYPES = {
  text: "it's ä",
  whole: 3,
  part: 2.5,
  yes: true,
  big: 9_007_199_254_740_993n,
  when: new Date('2026-03-01T12:00:00.000Z'),
  bytes: Buffer.from([1, 2, 255]),
};
const rows = [
  create('a', { state: 'open', rank: 1 }),
  create('b', { state: 'closed', rank: 2, locked: true }),
  create("c'c", { state: 'waiting', rank: 3, locked: true }),
];

const CASES: readonly Same[] = [
  ['an entity is inserted and read', [create('row', { a: 'x' }), read('row')]],
  ['each type is returned as it was stored', [create('types', TYPES), read('types')]],
  ['an entity exists already', [create('row'), create('row')]],
  ['an entity is missing', [read('none')]],
  [
    'a replaced entity loses other properties, and gets another etag',
    [create('row', { a: 1 }), ({ table }) => table.upsertEntity(entity('row', { b: 2 }), 'Replace'), read('row')],
  ],
  [
    'a merged entity keeps other properties',
    [create('row', { a: 1 }), ({ table }) => table.upsertEntity(entity('row', { b: 2 }), 'Merge'), read('row')],
  ],
  [
    'an upsert inserts',
    [
      ({ table }) => table.upsertEntity(entity('row'), 'Merge'),
      ({ table }) => table.upsertEntity(entity('two'), 'Replace'),
      read('row'),
    ],
  ],
  ...(['Replace', 'Merge'] as const).flatMap((mode) => [
    [
      `${mode} with the etag that was read`,
      [
        async ({ table }: Parameters<Step>[0]) => {
          const { etag = '' } = await table.createEntity(entity('row', { a: 1 }));
          await table.updateEntity(entity('row', { b: 2 }), mode, { etag });
        },
        read('row'),
      ],
    ] as const,
    [
      `${mode} with an old etag`,
      [
        create('row'),
        ({ table }: Parameters<Step>[0]) => table.updateEntity(entity('row', { b: 2 }), mode, { etag: STALE }),
      ],
    ] as const,
    [
      `${mode} of a missing entity`,
      [({ table }: Parameters<Step>[0]) => table.updateEntity(entity('none'), mode, { etag: STALE })],
    ] as const,
    [
      `${mode} of any version`,
      [
        create('row'),
        ({ table }: Parameters<Step>[0]) => table.updateEntity(entity('row', { b: 2 }), mode),
        read('row'),
      ],
    ] as const,
  ]),
  ['a deletion', [create('row'), ({ table }) => table.deleteEntity('gate|a', 'row'), read('row')]],
  [
    'a deletion with an old etag',
    [create('row'), ({ table }) => table.deleteEntity('gate|a', 'row', { etag: STALE }), read('row')],
  ],
  ['a deletion of a missing entity', [({ table }) => table.deleteEntity('gate|a', 'none')]],
  ['keys with special characters', [create("a b%20+&=;,'ä|:@sha256"), read("a b%20+&=;,'ä|:@sha256")]],
  [
    'the filters of the function',
    [
      ...rows,
      query(odata`PartitionKey ge ${'gate|'} and PartitionKey lt ${'gate}'}`),
      query(odata`PartitionKey eq ${'gate|a'} and locked eq ${true}`),
      query(odata`state eq ${'open'}`),
      query('rank ge 2'),
      query("missing eq 'x'"),
    ],
  ],
  ['a filter on a key with a quote', [...rows, query(odata`RowKey eq ${"c'c"}`)]],
  ['selected properties', [...rows, query('rank ge 1', ['state', 'rank'])]],
  [
    'pages, and the next one',
    [
      ...rows,
      async ({ table }) => {
        for await (const _ of table.listEntities().byPage({ maxPageSize: 2 }));
      },
    ],
  ],
  ['a property of 64 KiB', [create('row', { body0: Buffer.alloc(65_536) })]],
  ['a property over 64 KiB', [create('row', { body0: Buffer.alloc(65_537) })]],
];

const largest = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`body${n}`, Buffer.alloc(65_536)]));
const many = Object.fromEntries(Array.from({ length: 253 }, (_, n) => [`p${n}`, true]));
/**
 * azurite accepts rows over 1 MiB and 253 properties. The local Azure follows the documentation.
 * Sources: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model,
 * https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes
 */
const DIFFERENT: readonly Different[] = [
  ['a row over a mebibyte', [create('row', largest)], '400 EntityTooLarge', '204'],
  ['253 properties', [create('row', many)], '400 TooManyProperties', '204'],
  ['a key with a slash', [create('team/app')], '400 OutOfRangeInput', '400 InvalidInput'],
  ['a property with a dash in its name', [create('row', { 'a-b': 1 })], '400 PropertyNameInvalid', '204'],
];

compareWithAzurite('the local table service', CASES, DIFFERENT);
