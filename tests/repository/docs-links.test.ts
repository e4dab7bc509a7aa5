// Proves that every link of the docs within the project leads to something that is there, and that the comparison with
// others has a source for each statement.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pages } from './doc-commands.ts';

/** As a page of Markdown is shown: each heading is an anchor, in lower case, without signs, with hyphens. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^a-z0-9 _-]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** What is wrong with the links of a page. */
function brokenIn(file: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line, index) =>
    [...line.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^https:\/\/[\w.-]+\//.test(link)) return [];
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? file : join(dirname(file), path);
      const isThere = /^\w+:/.test(link) ? false : existsSync(target);
      const where = `${file}:${index + 1}: ${link}`;
      if (!isThere) return [`${where} leads to nothing`];
      if (anchor === undefined) return [];
      const page = path === '' ? text : readFileSync(target, 'utf8');
      return anchorsOf(page).includes(anchor) ? [] : [`${where}: ${target} has no such heading`];
    }),
  );
}

describe('the links', () => {
  it.each(pages())('of %s lead to files and headings that are there', (file) => {
    expect(brokenIn(file, readFileSync(file, 'utf8'))).toEqual([]);
  });

  it.each([
    ['[x](docs/nothing.md)', 'README.md:1: docs/nothing.md leads to nothing'],
    ['[x](docs/policy.md#nothing)', 'README.md:1: docs/policy.md#nothing: docs/policy.md has no such heading'],
    ['[x](#nothing)', 'README.md:1: #nothing: README.md has no such heading'],
    ['[x](http://example.com/)', 'README.md:1: http://example.com/ leads to nothing'],
  ])('that are broken are found: %s', (text, problem) => {
    expect(brokenIn('README.md', text)).toEqual([problem]);
  });

  it('lead from the README to every page', () => {
    const readme = readFileSync('README.md', 'utf8');
    for (const page of pages()) if (page !== 'README.md') expect(readme).toContain(`](${page})`);
  });
});

describe('the comparison', () => {
  const sections = readFileSync('docs/compare.md', 'utf8').split('\n## ').slice(1);
  const others = sections.filter((section) => section.includes('- **Does.**'));

  it.each(others.map((section) => [section.split('\n', 1)[0] ?? '', section] as const))(
    'says what it does, with sources, what it does not, and when to take it: %s',
    (_name, section) => {
      const items = [...section.matchAll(/^- \*\*(.+?)[.?]?\*\* ?(.*)$/gm)];
      expect(items.map(([, title]) => title?.replace(/ instead.*/, ''))).toEqual(['Does', 'Does not', 'Take it']);
      expect(items[0]?.[2]).toMatch(/\]\(https:/);
    },
  );

  it('has those that people know best first', () => {
    const names = others.map((section) => section.split('\n', 1)[0]);
    expect(names.slice(0, 4)).toEqual([
      'Harbor',
      'JFrog Xray',
      "Defender's gated deployment",
      'Google Binary Authorization',
    ]);
  });
});
