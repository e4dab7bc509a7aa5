// Tests the errors that the user can correct: each is a sentence without a stack trace that says what is needed, and
// the exit code is 2.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findStack } from '../../../cli/stack/stack.ts';
import { SUBSCRIPTION } from '../../../local/azure/graph-mocks.ts';
import { graphOf } from '../../../local/graph.ts';
import { stage } from '../../e2e/aws/stage.ts';
import { asOperator, fileOf, leastToOpen, outputsOf, pullgate } from '../command.ts';

const IMAGE = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4';
const REGISTRIES = 'Microsoft.ContainerRegistry/registries';
const HINT = 'Log in (`pulumi login`) and select the stack (--stack NAME), or give its outputs (--outputs FILE).\n';

/** Creates a folder with a `pulumi` command that runs this shell script. */
function pulumiThat(script: string): string {
  const folder = dirname(fileOf(''));
  writeFileSync(join(folder, 'pulumi'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'pulumi'), 0o755);
  return folder;
}

describe('a command with wrong usage', () => {
  const missing = join(dirname(fileOf('')), 'missing.json');
  const rows: readonly (readonly [string, readonly string[], string])[] = [
    [
      'a release without a gate',
      ['release'],
      "pullgate: give what to release: a gate (team/app), a glob ('team/**') or --orphans with a Sid or registries; to open all gates, run `pullgate pause`\n",
    ],
    [
      'a missing file',
      ['pause', '--outputs', missing],
      `pullgate: --outputs ${missing} cannot be read (ENOENT: no such file or directory, open '${missing}'): give a file with the output of \`pulumi stack output --json\`\n`,
    ],
    [
      'a file that is not JSON',
      ['pause', '--outputs', fileOf('aws: {}')],
      "pullgate: the stack's outputs are not JSON: give a file with the output of `pulumi stack output --json` (--outputs FILE)\n",
    ],
    [
      'no `pulumi` command',
      ['pause'],
      `pullgate: \`pulumi stack output --json\` failed: the command \`pulumi\` is not installed. See https://www.pulumi.com/docs/install/.\n${HINT}`,
    ],
    [
      'no `pulumi` command for resume',
      ['resume', '--stack', 'dev'],
      `pullgate: \`pulumi stack output --json --stack dev\` failed: the command \`pulumi\` is not installed. See https://www.pulumi.com/docs/install/.\n${HINT}`,
    ],
  ];
  test.each(rows)('%s', async (_name, args, stderr) => {
    expect(await pullgate(args)).toEqual({ code: 2, stdout: '', stderr });
  });

  test.each([
    ['release --all', "unknown option '--all'"],
    ['status --jsn', "unknown option '--jsn' (Did you mean --json?)"],
    ['statsu', "unknown command 'statsu' (Did you mean status?)"],
    ['why', "missing required argument 'image'"],
    ['why a b', "too many arguments for 'why'. Expected 1 argument but got 2: a, b"],
    ['override open x --nonsense', "unknown option '--nonsense'"],
  ])('%s is answered in one line', async (line, what) => {
    const answer = { code: 2, stdout: '', stderr: `pullgate: ${what}; see --help\n` };
    expect(await pullgate(line.split(' '))).toEqual(answer);
  });

  test('--version prints the version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(await pullgate(['--version'])).toEqual({ code: 0, stdout: `pullgate ${version}\n`, stderr: '' });
  });

  test.each([
    ['of another program', '{"bucket":"logs"}', ['aws and azure are missing']],
    ['with missing fields', '{"aws":{"region":"eu-west-1","accountId":7}}', ['aws.accountId', 'aws.tableName', 'text']],
  ])('outputs %s: every problem is reported', async (_name, text, parts) => {
    const { code, stdout, stderr } = await pullgate(['pause', '--outputs', fileOf(text)]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^pullgate: the stack's outputs do not come from pullgate \(did `pulumi up` run\?\):\n/);
    for (const part of parts) expect(stderr).toContain(part);
    expect(stderr).not.toContain('    at ');
  });

  test('settings of another version', async () => {
    const { outputs } = await graphOf({});
    const aws = outputs['aws'] as Record<string, unknown>;
    const file = fileOf(JSON.stringify({ ...outputs, aws: { ...aws, settings: { mode: 'dry' } } }));
    const { code, stderr } = await pullgate(['pause', '--outputs', file]);
    expect(code).toBe(2);
    expect(stderr).toContain("pullgate: the settings in the stack's outputs do not match this version of pullgate");
    expect(stderr).toContain('enforce or audit');
    expect(stderr).not.toContain('    at ');
  });

  test.each([
    [
      ['pause', '--for', '8d'],
      '--for "8d": expected hours, minutes or both, such as 30m, 4h or 1h30m; at least 1m, at most 168h',
    ],
    [
      ['pause', '--wait', 'long'],
      '--wait "long": expected hours, minutes or both, such as 30m, 4h or 1h30m; at least 1m, at most 24h',
    ],
  ])('%j', async (args, sentence) => {
    expect(await pullgate(args)).toEqual({ code: 2, stdout: '', stderr: `pullgate: ${sentence}\n` });
  });

  test.each([
    'pause',
    'resume',
    'release team/app',
    'status',
    'check',
    'simulate',
    `why ${IMAGE}`,
    `override clear ${IMAGE}`,
  ])('%s --azure for a stack without Azure', async (command) => {
    const args = [...command.split(' '), '--azure', '--outputs', outputsOf(await graphOf({}))];
    expect(await pullgate(args)).toEqual({
      code: 2,
      stdout: '',
      stderr: 'pullgate: --azure: the stack dev is not deployed to Azure\n',
    });
  });

  test('no credentials', async () => {
    const { code, stderr } = await pullgate(['pause', '--outputs', outputsOf(await graphOf({}))], {
      AWS_EC2_METADATA_DISABLED: 'true',
      HOME: '/nonexistent',
    });
    expect(code).toBe(2);
    expect(stderr).toBe(
      'pullgate: no AWS credentials found (Could not load credentials from any providers): log in, or set AWS_PROFILE\n',
    );
  });
});

describe('the name of a stack', () => {
  const azure = { registries: [`/subscriptions/${SUBSCRIPTION}/resourceGroups/shop/providers/${REGISTRIES}/contoso`] };
  const ON_AZURE = { 'pullgate:clouds': ['azure'], 'pullgate:azure': azure };
  test.each([
    [{}, /^Pullgate[0-9a-f]{12}$/],
    [ON_AZURE, /^pullgate-group[0-9a-f]{8}$/],
  ])(
    "is in its outputs. A user's own program may not export it, so that --stack or the component's id names it",
    async (config, id) => {
      const { stack, ...outputs } = (await graphOf(config)).outputs;
      const nameIn = async (printed: object, options = {}) =>
        (await findStack({ outputs: fileOf(JSON.stringify(printed)), ...options })).name;
      expect(await nameIn({ stack, ...outputs })).toBe('dev');
      expect(await nameIn(outputs, { stack: 'shop' })).toBe('shop');
      expect(await nameIn(outputs)).toMatch(id);
    },
  );
});

describe('without --outputs', () => {
  test('the Pulumi CLI is run for the selected stack', async () => {
    const s = await stage();
    const graph = await graphOf({});
    const folder = pulumiThat(`[ "$*" = "stack output --json --stack dev" ] && exec /bin/cat ${outputsOf(graph)}`);
    const environment = { ...asOperator(s.cloud, leastToOpen(graph)), PATH: folder };
    const { code, stdout, stderr } = await pullgate(['pause', '--yes', '--stack', 'dev'], environment);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^The stack dev keeps no repository closed[.]\n/);
  });

  test('the error message of the Pulumi CLI is printed', async () => {
    const folder = pulumiThat("echo 'error: no stack named dev found' >&2; exit 255");
    expect(await pullgate(['resume', '--stack', 'dev'], { PATH: folder })).toEqual({
      code: 2,
      stdout: '',
      stderr: `pullgate: \`pulumi stack output --json --stack dev\` failed: error: no stack named dev found\n${HINT}`,
    });
  });
});
