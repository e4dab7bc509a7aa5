// What the user can put right: each is a sentence that says what was needed, without a stack trace, and the exit code
// is 2.
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { graphOf } from '../../../local/graph.ts';
import { stage } from '../../e2e/aws/stage.ts';
import { asOperator, fileOf, leastToOpen, outputsOf, pullgate } from '../command.ts';

const IMAGE = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4';
const HINT = 'Log in (`pulumi login`) and name the stack (--stack NAME), or give its outputs (--outputs FILE).\n';

/** A folder with a `pulumi` that is this shell script. */
function pulumiThat(script: string): string {
  const folder = dirname(fileOf(''));
  writeFileSync(join(folder, 'pulumi'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'pulumi'), 0o755);
  return folder;
}

describe('a command that is wrong', () => {
  const missing = join(dirname(fileOf('')), 'missing.json');
  const rows: readonly (readonly [string, readonly string[], string])[] = [
    [
      'nothing named to release',
      ['release'],
      "pullgate: name what to release: one gate (team/app), a glob ('team/**') or --orphans SID; to open everything, run `pullgate pause`\n",
    ],
    [
      'a file that is not there',
      ['pause', '--outputs', missing],
      `pullgate: --outputs ${missing} cannot be read (ENOENT: no such file or directory, open '${missing}'): give a file that \`pulumi stack output --json\` wrote\n`,
    ],
    [
      'a file that is not JSON',
      ['pause', '--outputs', fileOf('aws: {}')],
      "pullgate: the stack's outputs are not JSON: give a file that `pulumi stack output --json` wrote (--outputs FILE)\n",
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

  test('an option that does not exist: the help is shown', async () => {
    const { code, stderr } = await pullgate(['release', '--all']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: unknown option '--all'\n\nUsage: pullgate release \[options\] \[gate\]\n/);
  });

  test.each([
    ['of another program', '{"bucket":"logs"}', ['neither aws nor azure is there']],
    ['with fields missing', '{"aws":{"region":"eu-west-1","accountId":7}}', ['aws.accountId', 'aws.tableName', 'text']],
  ])('outputs %s: every problem is named', async (_name, text, parts) => {
    const { code, stdout, stderr } = await pullgate(['pause', '--outputs', fileOf(text)]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^pullgate: the stack's outputs are not those of pullgate \(has `pulumi up` run\?\):\n/);
    for (const part of parts) expect(stderr).toContain(part);
    expect(stderr).not.toContain('    at ');
  });

  test('settings of another version', async () => {
    const { outputs } = await graphOf({});
    const aws = outputs['aws'] as Record<string, unknown>;
    const file = fileOf(JSON.stringify({ ...outputs, aws: { ...aws, settings: { stack: 'dev', mode: 'dry' } } }));
    const { code, stderr } = await pullgate(['pause', '--outputs', file]);
    expect(code).toBe(2);
    expect(stderr).toContain("pullgate: the settings in the stack's outputs are not those of this version of pullgate");
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
    [['release', '--orphans', 'Pullgatedev0123abcd', '--azure'], '--orphans works on AWS only: leave out --azure'],
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
  ])('%s --azure, for a stack that is on AWS only', async (command) => {
    const args = [...command.split(' '), '--azure', '--outputs', outputsOf(await graphOf({}))];
    expect(await pullgate(args)).toEqual({
      code: 2,
      stdout: '',
      stderr: 'pullgate: --azure: the stack dev has nothing on Azure\n',
    });
  });

  test('no credentials', async () => {
    const { code, stderr } = await pullgate(['pause', '--outputs', outputsOf(await graphOf({}))], {
      AWS_EC2_METADATA_DISABLED: 'true',
      HOME: '/nonexistent',
    });
    expect(code).toBe(2);
    expect(stderr).toBe(
      'pullgate: there are no AWS credentials here (Could not load credentials from any providers): log in, or set AWS_PROFILE\n',
    );
  });
});

describe('without --outputs the Pulumi CLI is asked', () => {
  test('for the stack that was named', async () => {
    const s = await stage();
    const graph = await graphOf({});
    const folder = pulumiThat(`[ "$*" = "stack output --json --stack dev" ] && exec /bin/cat ${outputsOf(graph)}`);
    const environment = { ...asOperator(s.cloud, leastToOpen(graph)), PATH: folder };
    const { code, stdout, stderr } = await pullgate(['pause', '--yes', '--stack', 'dev'], environment);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^The stack dev keeps no repository closed[.]\n/);
  });

  test('and its own words are passed on', async () => {
    const folder = pulumiThat("echo 'error: no stack named dev found' >&2; exit 255");
    expect(await pullgate(['resume', '--stack', 'dev'], { PATH: folder })).toEqual({
      code: 2,
      stdout: '',
      stderr: `pullgate: \`pulumi stack output --json --stack dev\` failed: error: no stack named dev found\n${HINT}`,
    });
  });
});
