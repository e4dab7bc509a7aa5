// Tests that commands print no control characters, and the exit code if the output cannot be written.
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../../cli/command.ts';
import { pauseStack } from '../../../cli/pause/pause.ts';
import type { Client } from '../../../cli/stack/client.ts';
import { runAnswering } from '../../../cli/terminal/answer.ts';
import { sentenceOf, UsageError } from '../../../cli/terminal/ending.ts';
import { processTerminal } from '../../../cli/terminal/terminal.ts';
import { blocker, finding, GATE, NOW, record } from '../../shared/samples.ts';
import { FOLDER, fileOf, pullgate, withBrokenStdout } from '../command.ts';

const EVIL = 'x\u001b]0;owned\u0007\u001b[2J\u009b\u202e';

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Captures what is written to a stream of this process. */
function written(stream: NodeJS.WriteStream): () => string {
  const write = vi.spyOn(stream, 'write').mockReturnValue(true);
  return () => write.mock.calls.map(([piece]) => String(piece)).join('');
}

describe('control characters are replaced in', () => {
  it('the name of a package, which the author of the image chooses, in the output of a pause', async () => {
    const out = written(process.stdout);
    const held = record({
      state: { kind: 'closed' },
      blockers: [blocker({ findings: [finding({ package: { name: EVIL, version: '1' } })] })],
    });
    const client = {
      cloud: 'aws',
      pause: { load: async () => ({ value: undefined, version: 0 }) },
      async *gates() {
        yield { ...GATE, state: 'closed' };
      },
      records: { load: async () => ({ value: held, version: 1 }) },
    } as unknown as Client;
    const terminal = processTerminal();
    const code = await pauseStack({
      stack: 'dev',
      label: 'the stack dev',
      isWhole: true,
      clients: [client],
      terminal,
      now: () => NOW,
      yes: false,
      by: 'ada',
      dryRun: true,
    });
    expect([code, /[^\P{Cc}\n]|\p{Cf}/u.test(out())]).toEqual([0, false]);
    expect(out()).toContain(
      '1 blocker, worst: CVE-2024-6119 (critical) in x\ufffd]0;owned\ufffd\ufffd[2J\ufffd\ufffd 1: ',
    );
    terminal.print(`one\n${EVIL}`);
    expect(out()).toMatch(/\none\nx\ufffd\]0;owned/);
  });

  it.each([[[]], [['--json']], [['--all']]])('a report, in the output and notes of simulate %j', async (words) => {
    const matches = [
      { vulnerability: { id: 'CVE-2026-1001', severity: EVIL }, artifact: { name: EVIL, version: EVIL } },
      { vulnerability: { id: 'CVE-2026-1002', severity: 'Critical' }, artifact: { name: EVIL, version: EVIL } },
    ];
    // The report is incomplete, so a note names the file. The sender of a report chooses the name of the file.
    const target = { userInput: `reg.test/${EVIL}:1` };
    const report = join(FOLDER, `report${EVIL}.json`);
    writeFileSync(report, JSON.stringify({ matches, source: { target }, nextToken: 'more' }));
    const policy = fileOf('{"severityThreshold":"high"}');
    const { code, stdout, stderr } = await pullgate(['simulate', report, '--policy', policy, ...words]);
    expect([code, stdout.includes('CVE-2026-1002'), stderr.includes('is incomplete')]).toEqual([1, true, true]);
    for (const said of [stdout, stderr]) expect(said).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
  });

  it.each([
    ['changes something', run, 2],
    ['only reads', runAnswering, 2],
  ] as const)('the error of a command that %s', async (_name, runs, code) => {
    const said = written(process.stderr);
    await runs(() => Promise.reject(new UsageError(`the key ${EVIL}\n  is wrong`)));
    expect([process.exitCode, said()]).toEqual([
      code,
      'pullgate: the key x\ufffd]0;owned\ufffd\ufffd[2J\ufffd\ufffd\n  is wrong\n',
    ]);
  });
});

describe('the exit code', () => {
  /** Runs a read-only command with a stdout that cannot be written to. */
  function check(stdout: 'pipe' | number) {
    const policy = fileOf('{"severityThreshold":"high"}');
    return withBrokenStdout(['check', '--json', '--policy', policy], stdout);
  }

  it('is the code of the answer, without a message, if the output is closed early', async () => {
    expect(await check('pipe')).toEqual([0, '']);
  });

  it('is the code for no answer, with a message, if the disk is full', async () => {
    const full = openSync('/dev/full', 'w');
    const lost = 'pullgate: the output of this command could not be written: ENOSPC: no space left on device, write\n';
    expect(await check(full)).toEqual([2, lost]);
    closeSync(full);
  });
});

it('names the network, not a role, if a registry refuses the network', () => {
  const message =
    "client with IP '203.0.113.5' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.";
  const request = { url: 'https://contoso.azurecr.io/acr/v1/_catalog' };
  const error = Object.assign(new Error(message), { name: 'RestError', statusCode: 403, code: 'DENIED', request });
  expect(sentenceOf(error, 'reads')).toBe(
    'contoso.azurecr.io returned 403: it does not admit your network; run this command from a network that it admits',
  );
});
