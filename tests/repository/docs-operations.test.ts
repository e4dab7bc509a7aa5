// Proves that every alarm leads to a page that is there, that each page has its four parts, and that what it tells to
// type names what exists.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as aws from '../../aws/component/alarms.ts';
import * as azure from '../../azure/component/alarms.ts';
import { graphOf } from '../../local/graph.ts';
import { blocksOf } from './doc-blocks.ts';

const FILE = 'docs/operations.md';
const text = readFileSync(FILE, 'utf8');
const PARTS = ['What it means.', 'How to look.', 'How to fix.', 'How to undo.'];
const ALARMS = [...aws.alarmSpecs(6), ...azure.alarmSpecs(6)];
const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/contoso';

/** As a page of Markdown is shown: each heading is an anchor, in lower case, without signs, with hyphens. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
}

const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));

/** What stands below a heading, up to the next one. */
function pageOf(anchor: string): string {
  const [, ...sections] = text.split(/^#+ /m);
  return sections.find((section) => anchorOf(section.split('\n', 1)[0] ?? '') === anchor) ?? '';
}

describe('an alarm', () => {
  it.each(ALARMS.map(({ description }) => [description.split(' ').at(-1) ?? '', description] as const))(
    'leads to a page with its four parts: %s',
    (link, description) => {
      expect(description).toMatch(/ Runbook: \S+$/);
      const [file, anchor = ''] = link.split('#');
      expect(file).toBe(FILE);
      const parts = [...pageOf(anchor).matchAll(/^\*\*(.+?)\*\* ?(.*)$/gm)];
      expect(parts.map(([, part]) => part)).toEqual(PARTS);
      const [, ...below] = pageOf(anchor).split(/^\*\*.+?\*\*/m);
      for (const words of below) expect(words.trim().length).toBeGreaterThan(40);
    },
  );

  it('has a page that shows how to look by a query or a command', () => {
    for (const { description } of ALARMS) {
      const page = pageOf(description.split('#').at(-1) ?? '');
      const [, observation = ''] = /\*\*How to look\.\*\*(.*)\*\*How to fix/s.exec(page) ?? [];
      expect(observation).toMatch(/^```(logs|kusto|sh)$/m);
    }
  });
});

describe('the pages', () => {
  it('are those of the alarms, and no others', () => {
    const pages = headings.filter((heading) => /^(aws|azure)-/.test(heading));
    expect(pages).toEqual(ALARMS.map(({ description }) => description.split('#').at(-1)));
  });

  it('lead to headings that are there, each once', () => {
    expect(new Set(headings).size).toBe(headings.length);
    const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(links.length).toBeGreaterThan(ALARMS.length);
    for (const anchor of links) expect(headings).toContain(anchor);
    for (const shown of ['the-dashboard', 'the-workbook']) {
      expect(headings).toContain(shown);
      const source = readFileSync(
        `${shown === 'the-dashboard' ? 'aws/component/dashboard-body' : 'azure/component/workbook'}.ts`,
        'utf8',
      );
      expect(source).toContain(`docs/operations.md#${shown}`);
    }
  });

  it('name outputs, config keys and commands that exist', async () => {
    const { outputs } = await graphOf({
      'pullgate:clouds': ['aws', 'azure'],
      'pullgate:notifyEmails': ['a@example.com'],
      'pullgate:azure': { registries: [REGISTRY] },
    });
    const others = ['README.md', 'docs/permissions.md', 'docs/security.md', 'docs/undo.md'];
    const all = [text, ...others.map((file) => readFileSync(file, 'utf8'))].join('\n');
    const asked = [...all.matchAll(/stack output --json (aws|azure) \| jq -r \.(\w+)/g)];
    const lists = [...all.matchAll(/outputs? (?:`(?:aws|azure)\.\w+`(?:, | and )?)+/g)].join('\n');
    const named = [...lists.matchAll(/`(aws|azure)\.(\w+)`/g)];
    expect(asked.length).toBeGreaterThan(10);
    expect(named.length).toBeGreaterThan(8);
    for (const [, cloud = '', name = ''] of [...asked, ...named])
      expect([cloud, name, (outputs[cloud] as Record<string, unknown>)[name]]).toEqual([
        cloud,
        name,
        expect.any(String),
      ]);

    const keys = readFileSync('Pulumi.yaml', 'utf8');
    const set = [...text.matchAll(/pulumi config (?:set|rm) (?:--path )?(\w+)(?:\.(\w+))?/g)];
    expect(set.length).toBeGreaterThan(3);
    for (const [, key, below] of set) {
      expect(keys).toContain(`${key}:`);
      if (below !== undefined) expect(keys).toContain(below);
    }
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    for (const [, script = ''] of text.matchAll(/npm run (\w+)/g)) expect(Object.keys(scripts)).toContain(script);
  });

  it('have blocks of three languages only, and a test reads each', () => {
    const languages = [...text.matchAll(/^```(\w+)$/gm)].map(([, language]) => language);
    expect(new Set(languages)).toEqual(new Set(['sh', 'logs', 'kusto']));
    const read = ['sh', 'logs', 'kusto'].flatMap((language) => blocksOf(text, language));
    expect(read).toHaveLength(languages.length);
  });
});
