// Proves that CONTRIBUTING.md, SECURITY.md and CHANGELOG.md name files that exist, and that the changelog keeps its
// form.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const PAGES = ['CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'] as const;
/** A path of the project: with a slash or a known ending, and nothing that stands for something else. */
const PATH = /^[.\w-]+(?:\/[.\w-]+)*\/?$/;
const FILE = /\.(?:ts|cjs|md|yaml|json|kql)$/;

/** The paths that a page names in code, and those that it links to. */
function pathsIn(text: string): readonly string[] {
  const code = [...text.matchAll(/`([^`\n]+)`/g)].map(([, path = '']) => path);
  const links = [...text.matchAll(/\]\((?!https:)([^)#]+)/g)].map(([, path = '']) => path);
  return [...code.filter((path) => PATH.test(path) && (path.includes('/') || FILE.test(path))), ...links];
}

function missingIn(text: string): readonly string[] {
  return pathsIn(text).filter((path) => !existsSync(path));
}

describe('the paths', () => {
  it.each(PAGES)('of %s exist', (page) => {
    const text = readFileSync(page, 'utf8');
    if (page !== 'CHANGELOG.md') expect(pathsIn(text).length).toBeGreaterThan(2);
    expect(missingIn(text)).toEqual([]);
  });

  it('are found in code and links, and commands and other words are not taken for paths', () => {
    const text =
      'See `shared/nothing.ts`, `gone/`, `npm run x/y`, `Gone.md`, `graceDays`, [this](docs/no.md#a), `.ci/run`.';
    expect(pathsIn(text)).toEqual(['shared/nothing.ts', 'gone/', 'Gone.md', '.ci/run', 'docs/no.md']);
    expect(missingIn(text)).toEqual(['shared/nothing.ts', 'gone/', 'Gone.md', 'docs/no.md']);
  });

  it('are in lists that are numbered from 1', () => {
    const lists = readFileSync('CONTRIBUTING.md', 'utf8')
      .split('\n## ')
      .filter((section) => section.startsWith('Add '));
    expect(lists.map((list) => list.split('\n', 1)[0])).toEqual([
      'Add a field to the policy',
      'Add a report format',
      'Add a cloud',
    ]);
    for (const list of lists) {
      const steps = [...list.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));
      expect(steps).toEqual(steps.map((_, index) => index + 1));
      expect(steps.length).toBeGreaterThan(7);
    }
  });
});

describe('the changelog', () => {
  const text = readFileSync('CHANGELOG.md', 'utf8');

  it('has the sections of keepachangelog.com, in its order', () => {
    const order = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
    for (const release of text.split('\n## ').slice(1)) {
      const sections = [...release.matchAll(/^### (.+)$/gm)].map(([, name = '']) => name);
      expect(sections.length).toBeGreaterThan(0);
      expect(sections).toEqual(order.filter((name) => sections.includes(name)));
    }
  });

  it('begins with what is unreleased', () => {
    expect(/^## (.+)$/m.exec(text)?.[1]).toBe('[Unreleased]');
  });
});
