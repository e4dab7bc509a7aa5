// What the user can put right: each is a sentence that says what was needed, without a stack trace, and the exit code is 2.
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { graphOf } from '../../../local/graph.ts';
import { stage } from '../../e2e/aws/stage.ts';
import { asOperator, fileOf, leastToRelease, outputsOf, pullgate } from '../command.ts';

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
      "pullgate: say what to release: one gate (team/app), a glob ('team/**'), or --all, for every gate of the stack; one of them\n",
    ],
    [
      'a file that is not there',
      ['release', '--all', '--outputs', missing],
      `pullgate: --outputs ${missing} cannot be read (ENOENT: no such file or directory, open '${missing}'): give a file that \`pulumi stack output --json\` wrote\n`,
    ],
    [
      'a file that is not JSON',
      ['release', '--all', '--outputs', fileOf('aws: {}')],
      "pullgate: the stack's outputs are not JSON: give a file that `pulumi stack output --json` wrote (--outputs FILE)\n",
    ],
    [
      'no `pulumi` command',
      ['release', '--all'],
      `pullgate: \`pulumi stack output --json\` did not work: there is no command \`pulumi\` here. https://www.pulumi.com/docs/install/ says how to get it.\n${HINT}`,
    ],
    [
      'no `pulumi` command for resume',
      ['resume', '--stack', 'dev'],
      `pullgate: \`pulumi stack output --json --stack dev\` did not work: there is no command \`pulumi\` here. https://www.pulumi.com/docs/install/ says how to get it.\n${HINT}`,
    ],
  ];
  test.each(rows)('%s', async (_name, args, stderr) => {
    expect(await pullgate(args)).toEqual({ code: 2, stdout: '', stderr });
  });

  test('an option that does not exist: the help is shown', async () => {
    const { code, stderr } = await pullgate(['release', '--everything']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: unknown option '--everything'\n\nUsage: pullgate release \[options\] \[gate\]\n/);
  });

  test.each([
    ['of another program', '{"bucket":"logs"}', ['neither aws nor azure is there']],
    ['with fields missing', '{"aws":{"region":"eu-west-1","accountId":7}}', ['aws.accountId', 'aws.tableName', 'text']],
  ])('outputs %s: every problem is named', async (_name, text, parts) => {
    const { code, stdout, stderr } = await pullgate(['release', '--all', '--outputs', fileOf(text)]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^pullgate: the stack's outputs are not those of pullgate \(has `pulumi up` run\?\):\n/);
    for (const part of parts) expect(stderr).toContain(part);
    expect(stderr).not.toContain('    at ');
  });

  test('settings of another version', async () => {
    const { outputs } = await graphOf({});
    const aws = outputs['aws'] as Record<string, unknown>;
    const file = fileOf(JSON.stringify({ ...outputs, aws: { ...aws, settings: { stack: 'dev', mode: 'dry' } } }));
    const { code, stderr } = await pullgate(['release', '--all', '--outputs', file]);
    expect(code).toBe(2);
    expect(stderr).toContain("pullgate: the settings in the stack's outputs are not those of this version of pullgate");
    expect(stderr).toContain('enforce or audit');
    expect(stderr).not.toContain('    at ');
  });

  test('no credentials', async () => {
    const { code, stderr } = await pullgate(['release', '--all', '--outputs', outputsOf(await graphOf({}))], {
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
    const environment = { ...asOperator(s.cloud, leastToRelease(graph)), PATH: folder };
    const { code, stdout, stderr } = await pullgate(['release', '--all', '--yes', '--stack', 'dev'], environment);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^The stack dev keeps no repository closed[.]\n/);
  });

  test('and its own words are passed on', async () => {
    const folder = pulumiThat("echo 'error: no stack named dev found' >&2; exit 255");
    expect(await pullgate(['resume', '--stack', 'dev'], { PATH: folder })).toEqual({
      code: 2,
      stdout: '',
      stderr: `pullgate: \`pulumi stack output --json --stack dev\` did not work: error: no stack named dev found\n${HINT}`,
    });
  });
});
