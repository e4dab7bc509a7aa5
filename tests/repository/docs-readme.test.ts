// Proves that the README can be read in five minutes, and that its table and its screenshot are those of the project.
import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const readme = readFileSync('README.md', 'utf8');
const project = parse(readFileSync('Pulumi.yaml', 'utf8')) as {
  readonly description: string;
  readonly config: Readonly<Record<string, { readonly default: unknown; readonly description: string }>>;
};

/** The rows of the table of the config: key, default, meaning. */
const rows = [...readme.matchAll(/^\| `(\w+)` \| (.+?) \| (.+) \|$/gm)].map(
  ([, key = '', value = '', meaning = '']) => ({
    key,
    value,
    meaning,
  }),
);

describe('the README', () => {
  it('has at most 150 lines and 1,500 words, as wc counts them', () => {
    expect(readme.split('\n').length - 1).toBeLessThanOrEqual(150);
    expect(readme.split(/\s+/).filter((word) => word !== '').length).toBeLessThanOrEqual(1500);
  });

  it('has a row for every key of the config, with its default', () => {
    const defaults = Object.entries(project.config).map(([key, { default: value }]) => [
      key,
      typeof value === 'object' ? JSON.stringify(value).replaceAll('"', '') : String(value),
    ]);
    expect(rows.map(({ key, value }) => [key, value]).toSorted()).toEqual(defaults.toSorted());
  });

  it.each(['aws', 'azure'])('names every key below `%s`, and no other', (cloud) => {
    const described = [...(project.config[cloud]?.description ?? '').matchAll(/(?<=[.] |: |\n|^)(\w+): /g)]
      .map(([, key = '']) => key)
      .filter((key) => key !== 'Example');
    const named = [...(rows.find(({ key }) => key === cloud)?.meaning ?? '').matchAll(/`(\w+)`/g)];
    expect(named.length).toBeGreaterThan(5);
    // The description of `repositories` begins with its form: {include, exclude}.
    expect(named.map(([, key]) => key).toSorted()).toEqual([...new Set(described)].toSorted());
  });

  it('shows a screenshot that loads fast', () => {
    const [, file = ''] = /!\[[^\]]{20,}\]\(([^)]+[.]png)\)/.exec(readme) ?? [];
    expect([...readFileSync(file).subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
    expect(statSync(file).size).toBeLessThan(250_000);
  });

  it('is summed up in one sentence, which the package and the program share', () => {
    const { description } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly description: string };
    expect(description).toBe(project.description);
  });
});
