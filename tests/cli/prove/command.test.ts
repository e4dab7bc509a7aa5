// Tests the real `prove` as a process: wrong usage, the question, Ctrl-C, and what it prints.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { selectRegistry } from '../../../cli/prove/connect.ts';
import type { Report } from '../../../cli/prove/report.ts';
import { graphOf } from '../../../local/graph.ts';
import { programConfig, type Stage, stage } from '../../e2e/aws/stage.ts';
import { graphFor } from '../../e2e/azure/stage.ts';
import { COMPILED } from '../../process-group.ts';
import { asOperator, COMMAND, FOLDER, fileOf, outputsOf, pullgate } from '../command.ts';
import { leastToProve, scratchRepositories } from './aws-proof.ts';

const environmentOn = (s: Stage) => asOperator(s.cloud, leastToProve(s.graph));

describe('wrong usage', () => {
  it.each([
    ['--timeout soon', '--timeout "soon": expected hours, minutes or both'],
    ['--timeout 25h', '--timeout "25h": expected hours, minutes or both'],
    ['--registry acmeimages --aws', '--registry is for Azure only: leave it out'],
    ['', 'a run proves one cloud of the stack: add --aws or --azure'],
    ['--azure --registry other', '--registry "other" is not a registry of the stack: use one of acmeimages'],
  ])('%s', async (options, sentence) => {
    const both = { ...(await graphOf(programConfig({}))).outputs, ...(await graphFor()).outputs };
    const given = options.split(' ').filter((word) => word !== '');
    const { code, stdout, stderr } = await pullgate(['prove', ...given, '--outputs', fileOf(JSON.stringify(both))]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(sentence);
  });

  it('of several registries, one must be named, by its name or id', () => {
    const ids = ['one', 'two'].map((name) => `/subscriptions/S/registries/${name}`);
    expect(() => selectRegistry(ids, undefined)).toThrow('add --registry with one of one, two');
    expect(selectRegistry(ids, 'TWO')).toBe(ids[1]);
    expect(selectRegistry(ids, ids[0])).toBe(ids[0]);
    expect(selectRegistry(ids.slice(1), undefined)).toBe(ids[1]);
  });
});

it('shows the plan, and makes nothing without an answer', async () => {
  const s = await stage();
  const { code, stdout, stderr } = await pullgate(['prove', '--outputs', outputsOf(s.graph)], environmentOn(s));
  expect([code, stderr]).toEqual([2, '']);
  expect(stdout).toMatch(
    /^ {2}repository {2}pullgate-prove\/[0-9a-f]{16} in 123456789012[.]dkr[.]ecr[.]eu-west-1[.]amazonaws[.]com, /m,
  );
  expect(stdout).toContain('Nothing was changed: there was no answer. In a script, use --yes.');
  expect(s.calls('ecr:CreateRepository')).toBe(0);
});

it('stops before anything is made, and says what to do', async () => {
  const s = await stage({ mode: 'audit' });
  const { code, stdout, stderr } = await pullgate(
    ['prove', '--yes', '--outputs', outputsOf(s.graph)],
    environmentOn(s),
  );
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(
    'pullgate: the stack dev is not ready, and nothing was made:\n  - the mode is audit for pullgate-prove/',
  );
  expect(stderr).toContain('        - repositories: ["pullgate-prove/**"]\n          mode: enforce\n');
});

it('a request that fails before anything is made is no failed run', async () => {
  const s = await stage();
  const error = { kind: 'error', code: 'AccessDeniedException', message: 'not allowed', status: 400 } as const;
  s.cloud.faults.add({ ...error, where: ({ operation }) => operation === 'DescribeRepositories', times: 100 });
  const { code, stderr } = await pullgate(['prove', '--yes', '--outputs', outputsOf(s.graph)], environmentOn(s));
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^pullgate: the request to AWS failed[.] .+not allowed/)]);
  expect(s.calls('ecr:CreateRepository')).toBe(0);
});

it.each([
  ['a folder', FOLDER],
  ['in no folder', join(FOLDER, 'nowhere', 'prove.html')],
])('a page that cannot be written is refused before anything is made: %s', async (_name, html) => {
  const s = await stage();
  const args = ['prove', '--yes', '--html', html, '--outputs', outputsOf(s.graph)];
  const { code, stderr } = await pullgate(args, environmentOn(s));
  expect([code, stderr]).toEqual([2, expect.stringContaining(`${html} cannot be written (`)]);
  expect(s.calls('ecr:CreateRepository')).toBe(0);
});

/** Runs `prove` until it waits for the scanner, sends it a signal, and returns how it ended. */
async function interrupted(
  s: Stage,
  signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP',
  ...options: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const args = [COMMAND, 'prove', '--yes', '--outputs', outputsOf(s.graph), ...options];
  const child = spawn(process.execPath, args, { env: { ...environmentOn(s), ...COMPILED } });
  const remove = s.cloud.calls.after(({ operation }) => {
    if (operation !== 'ListFindings') return;
    remove();
    // npm forwards a signal that its child has, too.
    for (const _ of ['terminal', 'npm']) child.kill(signal);
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, stdout, stderr };
}

it('Ctrl-C ends the wait, cleans up, and prints the report without the names of the account', async () => {
  const s = await stage();
  const html = join(FOLDER, 'prove.html');
  const { code, stdout, stderr } = await interrupted(s, 'SIGINT', '--json', '--html', html);
  expect(code).toBe(1);
  expect(stderr).toContain('Ending after the current call, then cleaning up. Press Ctrl-C again to end at once.\n');
  expect(stderr).toMatch(/^ {2}stopped {3}.+Found by the scanner\n {2}ok {8}.+Cleaned up, nothing left behind: /m);
  expect(stderr).toContain('Not proven on AWS: you ended the run.');
  const report = JSON.parse(stdout) as Report;
  expect(report).toMatchObject({ format: 1, command: 'prove', cloud: 'aws', result: 'interrupted', left: [] });
  expect(report.steps.map(({ state }) => state)).toEqual([
    ...['done', 'done', 'done', 'interrupted', ...Array<string>(10).fill('notRun'), 'done'],
  ]);
  expect(stdout).not.toContain('123456789012');
  expect(readFileSync(html, 'utf8')).toContain('not proven: the run was ended');
  expect(scratchRepositories(s.cloud)).toEqual([]);
});

it('a page that can no longer be written at the end costs no report', async () => {
  const s = await stage();
  const folder = mkdtempSync(join(FOLDER, 'page-'));
  s.cloud.calls.after(({ operation }) => {
    if (operation === 'CreateRepository') rmSync(folder, { recursive: true });
  });
  const { code, stdout, stderr } = await interrupted(s, 'SIGINT', '--json', '--html', join(folder, 'prove.html'));
  expect([code, JSON.parse(stdout).result]).toEqual([1, 'interrupted']);
  expect(stderr).toMatch(/pullgate: .+prove[.]html cannot be written [(]ENOENT/);
  expect(scratchRepositories(s.cloud)).toEqual([]);
});

it.each(['SIGTERM', 'SIGHUP'] as const)('%s does the same', async (signal) => {
  const s = await stage();
  const { code, stdout } = await interrupted(s, signal);
  expect(code).toBe(1);
  expect(stdout).toContain('Cleaned up, nothing left behind');
  expect(scratchRepositories(s.cloud)).toEqual([]);
});

it('a second Ctrl-C ends at once, and names what is left with the command that removes it', async () => {
  const s = await stage();
  s.cloud.faults.add({ kind: 'timeout', where: ({ operation }) => operation === 'DeleteRepository' });
  const args = [COMMAND, 'prove', '--yes', '--outputs', outputsOf(s.graph)];
  const child = spawn(process.execPath, args, { env: { ...environmentOn(s), ...COMPILED } });
  let isFirst = true;
  s.cloud.calls.before(({ operation }) => {
    if (operation === 'DeleteRepository') setTimeout(() => child.kill('SIGINT'), 1_100);
    if (operation !== 'ListFindings' || !isFirst) return;
    isFirst = false;
    child.kill('SIGINT');
  });
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /\nLEFT BEHIND: the repository pullgate-prove\/[0-9a-f]{16}, possibly closed by pullgate[.] To do: run: aws ecr delete-repository --force /,
  );
  expect(scratchRepositories(s.cloud)).toHaveLength(1);
});
