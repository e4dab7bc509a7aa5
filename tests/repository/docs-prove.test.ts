// Proves that the report in docs/prove.md is what `prove` prints, on the local AWS.
// `npx vitest run tests/repository/docs-prove --update=all` writes it anew.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { RULE_LINES } from '../../cli/prove/preflight.ts';
import { reportOf, stepLine, summaryLines } from '../../cli/prove/report.ts';
import { provingOn } from '../cli/prove/aws-proof.ts';
import { stage } from '../e2e/aws/stage.ts';

const FILE = join(import.meta.dirname, '../../docs/prove.md');
const page = readFileSync(FILE, 'utf8');

afterEach(() => void vi.unstubAllEnvs());

it('the report is what a run on the local AWS prints', async () => {
  const { run, client } = await provingOn(await stage());
  const report = reportOf(await run({ name: '3f9a1c0de5b27784' }), client, 'repository', '0.1.0');
  const lines = [...report.steps.map(stepLine), ...summaryLines(report)];
  // A digest depends on the version of zlib.
  const text = lines.join('\n').replaceAll(/sha256:[0-9a-f]{64}/g, 'sha256:...');
  const rewritten = page.replace(/(?<=\n## A report\n.*?\n```text\n).*?(?=```\n)/s, () => `${text}\n`);
  expect(text).toContain('Proven on AWS');
  await expect(rewritten).toMatchFileSnapshot(FILE);
});

it('the rule is the one that the command prints', () => {
  const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
  expect(parse(yaml)).toEqual(parse(RULE_LINES.join('\n')));
});

it('names every step', async () => {
  const { run } = await provingOn(await stage());
  const { steps } = await run();
  const named = [...page.matchAll(/^\| ([A-Z][A-Za-z,; ]+) \| /gm)].flatMap(([, cell = '']) => cell.split('; '));
  expect(named).toEqual(steps.map(({ title }) => title));
});
