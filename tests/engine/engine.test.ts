// Runs the program on the real Pulumi CLI and engine: the README's deploy section on both clouds, and every mistake in
// the config at once. Only the plugins are stubs.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { blocksOf } from '../repository/doc-blocks.ts';
import { type Engine, needsPulumi, REGISTRY, startEngine } from './engine.ts';

beforeEach((context) => needsPulumi(context));

const [, deploySection = ''] = readFileSync('README.md', 'utf8').split('\n## Deploy\n');
const [onAws = '', onAzure = ''] = blocksOf(deploySection, 'sh');

/** An engine that the first test starts, because there may be no CLI. */
function lazyEngine(): () => Engine {
  let engine: Engine | undefined;
  afterAll(() => engine?.stop());
  return () => (engine ??= startEngine());
}

/** Runs lines that must succeed. Returns the output of the last one. */
async function succeed({ run }: Engine, ...lines: readonly string[]): Promise<string> {
  let last = '';
  for (const line of lines) {
    const { code, output } = await run(line);
    if (code !== 0) throw new Error(`${line} ended with ${code}:\n${output}`);
    last = output;
  }
  return last;
}

/** Gives the stack another name in another project. */
async function renameTo(engine: Engine, project: string, stack: string): Promise<void> {
  await succeed(engine, `npx pulumi stack rename organization/${project}/${stack}`);
  const file = join(engine.folder, 'Pulumi.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^name: .*$/m, `name: ${project}`));
  await succeed(engine, `npx pulumi stack select ${stack}`);
}

describe.each([
  ['AWS', onAws, { aws: { pullgate: 'aws', region: 'eu-west-1' } }],
  ['Azure', onAzure, { azure: { pullgate: 'azure', registries: [REGISTRY] } }],
])("the README's commands for %s", (_cloud, block, outputs) => {
  const engine = lazyEngine();

  it('deploy the stack', async () => {
    expect(await succeed(engine(), ...block.split('\n'))).toMatch(/Resources:\n +\+ \d+ created\n/);
    expect(JSON.parse(await succeed(engine(), 'npx pulumi stack output --json'))).toMatchObject(outputs);
  });

  it('lead to a stack that a second `up` does not change', async () => {
    await succeed(engine(), 'npm run up -- --expect-no-changes');
  });

  it('lead to a stack that another name of it and of its project does not change', async () => {
    await renameTo(engine(), 'renamed', 'prod');
    await succeed(engine(), 'npx pulumi preview --expect-no-changes');
    await renameTo(engine(), 'pullgate', 'dev');
  });

  it('lead to a stack that takes a limit as text and as a number', async () => {
    await succeed(engine(), 'npx pulumi config set maxClosesPerHour 5 && npx pulumi preview');
    await succeed(engine(), 'npx pulumi config set maxClosesPerHour 5 --type int && npx pulumi preview');
    await succeed(engine(), 'npx pulumi config rm maxClosesPerHour');
  });

  it('lead to a stack that `destroy` refuses to remove once it enforces, before it deletes anything', async () => {
    await succeed(engine(), 'npx pulumi config set mode enforce && npm run up');
    const { code, output } = await engine().run('npx pulumi destroy');
    expect(code).not.toBe(0);
    expect(output).toMatch(/Preview failed: resource ".*" cannot be deleted\n +because it is protected[.]/);
    await succeed(engine(), 'npx pulumi preview --expect-no-changes');
  });

  it('lead to a stack that `destroy` removes without deletion protection', async () => {
    await succeed(engine(), 'npx pulumi config set deletionProtection false && npm run up');
    expect(await succeed(engine(), 'npx pulumi destroy')).toMatch(/Resources:\n +- \d+ deleted\n/);
    await succeed(engine(), 'npx pulumi stack rm dev --preserve-config');
  });
});

describe('`pulumi preview`', () => {
  const engine = lazyEngine();

  it('lists every mistake in the config at once', async () => {
    const mistakes = [
      'treshold=critical',
      'mode=off',
      'sweepHours=25',
      'clouds[0]=azure',
      'notifyEmails[0]=nobody',
      'policy.graceDays.high=soon',
      'policy.exceptions[0].id=CVE-2026-1000',
      'aws.logRetentionDays=2',
    ];
    const options = mistakes.map((mistake) => `--plaintext '${mistake}'`).join(' ');
    await succeed(engine(), `npx pulumi stack init mistakes && npx pulumi config set-all --path ${options}`);
    const { code, output } = await engine().run('npx pulumi preview');
    expect(code).not.toBe(0);
    const [, list = ''] = output.split('    error: The config of this stack is invalid:\n');
    const [lines = ''] = list.split('\n\n', 1);
    expect(lines.split('\n').map((line) => line.trim())).toEqual([
      'pullgate:mode is "off": expected one of enforce, audit',
      'pullgate:sweepHours is 25: expected a whole number of hours, 1 to 24',
      'pullgate:notifyEmails[0] is "nobody": expected an email address, such as security@example.com',
      expect.stringMatching(
        /^pullgate:aws[.]logRetentionDays is 2: expected a number of days that CloudWatch Logs supports: /,
      ),
      'pullgate:treshold: unknown key; did you mean "severityThreshold"?',
      'pullgate:policy.graceDays.high is "soon": expected a whole number of days, 0 to 3650',
      expect.stringMatching(/^pullgate:policy[.]exceptions\[0\][.]expires is missing: expected a date /),
      'pullgate:policy.exceptions[0].reason is missing: expected the reason for the exception',
      expect.stringMatching(/^pullgate:azure[.]registries is missing: expected a list with at least one of: /),
      expect.stringMatching(/^azure-native:location is missing: expected the Azure region to deploy to; /),
    ]);
  });

  it('first has Pulumi itself refuse a value of another type than Pulumi.yaml says', async () => {
    const { code, output } = await engine().run('npx pulumi config set sweepHours often && npx pulumi preview');
    expect(code).not.toBe(0);
    expect(output).toContain("configuration key 'sweepHours' must be of type 'integer'");
  });
});
