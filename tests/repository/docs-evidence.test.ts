// Proves that what the docs name is there: the tests for the claims of docs/upgrading.md, and the panels of the
// dashboard. And that the glossary is in order.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** The rows of a page's table, without its head: the cells of each. */
function rowsBelow(page: string, head: string): readonly (readonly string[])[] {
  const [, body = ''] = page.split(`\n${head}\n`);
  const [table = ''] = body.split('\n\n');
  return table
    .trim()
    .split('\n')
    .slice(1)
    .map((row) =>
      row
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** Is there a test of this name in the source? */
function hasTest(source: string, name: string): boolean {
  return ["'", '"', '`'].some((quote) => source.includes(`${quote}${name}${quote}`));
}

describe('the evidence for upgrades', () => {
  const rows = rowsBelow(readFileSync('docs/upgrading.md', 'utf8'), '| claim | test | its name |');

  it('has a test for each claim', () => {
    expect(rows.length).toBeGreaterThan(8);
    for (const row of rows)
      expect(row).toEqual([expect.any(String), expect.stringMatching(/^`tests\//), expect.any(String)]);
  });

  it.each(rows)('for "%s" is in %s: %s', (_claim, file = '', name = '') => {
    expect(hasTest(readFileSync(file.replaceAll('`', ''), 'utf8'), name)).toBe(true);
  });

  it('is missed if the test has another name', () => {
    expect(hasTest("it('closes', () => {})", 'close')).toBe(false);
  });
});

describe('the panels of the dashboard', () => {
  const source = readFileSync('aws/component/dashboard-body.ts', 'utf8');
  const titles = rowsBelow(readFileSync('docs/operations.md', 'utf8'), '| panel | what it shows |').flatMap(
    ([panels = '']) => panels.split('; '),
  );

  it('have the titles that docs/operations.md gives them, and no other has one', () => {
    const found = [...source.matchAll(/(?:title: |numbers\(\s*)'([^']+)'/g)].map(([, title]) => title);
    expect(found.toSorted()).toEqual(titles.toSorted());
  });
});

describe('the glossary', () => {
  const words = rowsBelow(readFileSync('docs/glossary.md', 'utf8'), '| word | meaning |').map(([word = '']) => word);

  it('is alphabetical, and has each word once', () => {
    expect(words.length).toBeGreaterThan(50);
    expect(words).toEqual([...new Set(words)].toSorted((a, b) => a.localeCompare(b, 'en')));
  });
});
