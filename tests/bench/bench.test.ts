// Every part of the bench runs, and its page has its figures. No test asserts a time.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pageOf, type Table } from '../../bench/part.ts';
import { LONG_PARTS, PARTS, partsNamed } from '../../bench/parts.ts';
import { markersOf, tablesAsText, withFigures } from '../../bench/report.ts';

const readPage = (page: string) => readFileSync(join(import.meta.dirname, '..', '..', page), 'utf8');
const README = readPage('bench/README.md');
const NAMES = [
  ...['bundle', 'calls', 'azure-calls', 'sweep', 'azure-sweep', 'ticks', 'azure-ticks'],
  ...['aws-load', 'azure-load', 'record', 'month', 'azure-month'],
];
/** Measured in load.test.ts. */
const LOADS = ['aws-load', 'azure-load'];

/** A part's tables for tiny inputs, measured once. */
const measured = new Map<string, Promise<readonly Table[]>>();
function tinyTables(name: string): Promise<readonly Table[]> {
  const tables = measured.get(name) ?? PARTS[name]?.measure('tiny') ?? Promise.resolve([]);
  measured.set(name, tables);
  return tables;
}

/** The cells of a Markdown table's rows, without its head. */
function bodyRows(text: string): readonly (readonly string[])[] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  return lines.filter((_, index) => !isHead(lines, index)).map((line) => line.split('|').slice(1, -1));
}

/** A separator row, or the row above one. */
function isHead(lines: readonly string[], place: number): boolean {
  return [lines[place], lines[place + 1]].some((line) => line?.startsWith('| --'));
}

describe('every part', () => {
  it('is named here', () => {
    expect(Object.keys(PARTS)).toEqual(NAMES);
  });

  it.each(NAMES.filter((name) => !LOADS.includes(name)))(
    'measures tiny inputs, with a cell for every column and a figure in every row: %s',
    async (name) => {
      const tables = await tinyTables(name);
      expect(tables.length).toBeGreaterThan(0);
      for (const { head, rows } of tables) {
        expect(rows.length).toBeGreaterThan(0);
        expect(rows.filter((row) => row.length !== head.length)).toEqual([]);
        expect(rows.filter((row) => !row.slice(1).some((cell) => /^\d/.test(cell)))).toEqual([]);
        expect(rows.flat().filter((cell) => /NaN|Infinity|undefined/.test(cell))).toEqual([]);
      }
    },
  );

  it.each(NAMES)('has figures in its page, with the command that made them: %s', (name) => {
    const [begin, end] = markersOf(name);
    const figures =
      readPage(pageOf(PARTS[name] ?? {}))
        .split(begin)[1]
        ?.split(end)[0] ?? '';
    expect(figures).toMatch(/^\n\nMade by `npm run bench[^`]*` on \d{4}-\d{2}-\d{2}: Node v\d+[.\d]+, .+\.\n\n\*\*/);
    expect(bodyRows(figures).length).toBeGreaterThan(1);
    expect(bodyRows(figures).filter((row) => !row.slice(1).some((cell) => /\d/.test(cell)))).toEqual([]);
  });
});

describe('the calls', () => {
  it('are the same for twenty events of one image as for one event, and a replay writes nothing', async () => {
    const [first, again] = await tinyTables('calls');
    const row = (table: Table | undefined, name: string) => table?.rows.find(([call]) => call === name)?.slice(1, 3);
    expect(first?.head.slice(1, 3)).toEqual(['1 event, 1 finding', '20 events, 10 findings']);
    expect(first?.rows.map(([name, one, twenty]) => [name, one, twenty])).toEqual([
      ['invocations', '1', '1'],
      ['dynamodb:GetItem', '3', '3'],
      ['dynamodb:PutItem', '4', '4'],
      // The second one looks for the fix.
      ['ecr:DescribeImages', '2', '2'],
      ['ecr:GetRepositoryPolicy', '2', '2'],
      ['ecr:SetRepositoryPolicy', '1', '1'],
      ['inspector2:ListFindings', '1', '1'],
      ['sns:Publish', '1', '1'],
      ['calls in total', '14', '14'],
    ]);
    expect(['dynamodb:PutItem', 'ecr:SetRepositoryPolicy', 'sns:Publish'].map((name) => row(again, name))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('the calls on Azure', () => {
  it('are those of one event for six concurrent events of one image, and a replay writes only the times of the findings', async () => {
    const [first, again] = await tinyTables('azure-calls');
    const rows = (table: Table | undefined) => table?.rows.map(([name, one, six]) => [name, one, six]);
    expect(first?.head.slice(1)).toEqual(['1 event', '6 events at once', '2 events one by one']);
    expect(rows(first)?.filter(([name]) => !/^(acr:(Exchange|Token)|calls in total)$/.test(name ?? ''))).toEqual([
      ['invocations', '1', '6'],
      ['acr:GetManifest', '3', '3'],
      ['acr:UpdateManifest', '1', '1'],
      ['logs:Query', '1', '1'],
      ['mail:GetOperation', '1', '1'],
      ['mail:Send', '1', '1'],
      ['table:Get', '3', '3'],
      ['table:Insert', '2', '2'],
      ['table:Update', '2', '2'],
    ]);
    const again6 = rows(again)?.filter(([name]) => !/^(acr:Token|calls in total)$/.test(name ?? ''));
    expect(again6).toEqual([
      ['invocations', '1', '6'],
      ['acr:GetManifest', '2', '2'],
      ['logs:Query', '1', '1'],
      ['table:Get', '2', '2'],
      ['table:Update', '1', '1'],
    ]);
  });
});

describe('the sweep on Azure', () => {
  it('makes one query and lists the manifests once per repository, and closes once', async () => {
    const [calls] = await tinyTables('azure-sweep');
    const row = (name: string) => {
      const [, first, , next] = calls?.rows.find(([call]) => call === name) ?? [];
      return [first, next];
    };
    expect(calls?.title).toBe(
      'Calls of a sweep over 8 images in 4 repositories, with one violating image each; the brake allows all 4 closings',
    );
    expect(['acr:ListManifests', 'acr:UpdateManifest', 'logs:Query', 'queue:Put', 'mail:Send'].map(row)).toEqual([
      ['4', '4'],
      ['4', '0'],
      // Plus one query for the list of repositories, one for images that no row names reliably, and one for the
      // scanner's health.
      ['7', '7'],
      ['4', '4'],
      // The next tick sends one mail with all notices.
      ['0', '1'],
    ]);
  });
});

describe('the calls of a tick', () => {
  it.each([
    ['ticks', 'ecr:GetRepositoryPolicy', '3 repository gates are closed', '3', ['13', '14']],
    // The gate of an image blocks no fix.
    ['azure-ticks', 'acr:GetManifest', '4 image gates are closed', '4', ['18', '18']],
  ] as const)(
    'read one lock for each closed gate, and a closing looks for the fix with one call more: %s',
    async (...row) => {
      const [part, lockCall, head, locks, closings] = row;
      const [tick, ofClosing] = await tinyTables(part);
      expect(tick?.head).toEqual(['', 'no gate is closed', head]);
      expect(tick?.rows.find(([call]) => call === lockCall)).toEqual([lockCall, '0', locks]);
      expect(tick?.rows.filter(([call]) => /PutItem|Set|Update|Insert|Send|Publish/.test(call ?? ''))).toEqual([]);
      expect(ofClosing?.rows.map(([, calls]) => calls)).toEqual(closings);
    },
  );
});

describe('the selected parts', () => {
  it.each([
    [[], NAMES],
    [
      ['record', 'bundle'],
      ['bundle', 'record'],
    ],
    [['aws-million'], ['aws-million']],
  ])('for the arguments %j are %j', (words, names) => {
    expect(partsNamed(words).map(([name]) => name)).toEqual(names);
  });

  it('are rejected for an unknown name', () => {
    expect(() => partsNamed(['record', 'speed'])).toThrow(
      'the bench has no part speed; the parts are bundle, calls, azure-calls, sweep, azure-sweep, ticks, azure-ticks, aws-load, azure-load, record, month, azure-month, aws-million, azure-million, simulate',
    );
  });
});

describe('the report', () => {
  const table: Table = { title: 'Sizes', head: ['file', 'bytes'], rows: [['index.mjs', '382,249']] };
  const circumstances = { date: '2026-03-02', machine: 'a machine', node: 'v24.0.0', command: 'npm run bench' };
  const text = '**Sizes**\n\n| file      |   bytes |\n| --------- | ------: |\n| index.mjs | 382,249 |';

  it('aligns a table', () => {
    expect(tablesAsText([table])).toBe(text);
  });

  it('has a note below a table that has one', () => {
    expect(tablesAsText([{ ...table, note: 'Measured once.' }])).toBe(`${text}\n\nMeasured once.`);
  });

  it('replaces only the text between the markers of a part', () => {
    const [begin, end] = markersOf('bundle');
    const document = `# Figures\n\nHow to read.\n\n${begin}\nold figures\n${end}\n\nThe end.\n`;
    const written = withFigures(document, 'bundle', [table], circumstances);
    expect(written).toBe(
      `# Figures\n\nHow to read.\n\n${begin}\n\nMade by \`npm run bench\` on 2026-03-02: Node v24.0.0, a machine.\n\n${text}\n\n${end}\n\nThe end.\n`,
    );
    expect(withFigures(written, 'bundle', [table], circumstances)).toBe(written);
  });

  it.each(Object.keys(LONG_PARTS))(
    'has markers in bench/README.md for a part that is measured only if it is named: %s',
    (name) => {
      expect(withFigures(README, name, [table], circumstances)).toContain(text);
    },
  );

  it('says what to do if the markers are missing', () => {
    expect(() => withFigures('# Figures\n', 'bundle', [table], circumstances)).toThrow(
      'the page of bundle has no markers for it; add the lines <!-- figures of bundle: written by the bench --> and <!-- end of bundle -->',
    );
  });
});
