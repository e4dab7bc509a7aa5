// `npm start`, as a person runs it: it tells every step, ends well, fails loudly where a step does not go as told, and leaves no process behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { layOut, wrap } from '../local/layout.ts';
import { type Step, tellStory } from '../local/story.ts';

const HEADLINES = [
  '`pulumi up` deploys the stack',
  'CI pushes shop/checkout:1.0, and production pulls it',
  'Amazon Inspector’s scan reports a finding, and the gate closes',
  'The same pull is refused',
  'Those who make it safe again still can: Inspector scans, CI pushes the fix',
  'The finding disappears without proof, and the gate stays closed',
  'The vulnerable image is deleted, and the gate opens',
  'Another image has the same vulnerability, and this time it is excepted',
];

interface Started {
  readonly child: ChildProcess;
  readonly said: () => string;
  /** How it ended. */
  readonly ended: Promise<number | null>;
}

/** Starts it in a process group of its own, as a terminal does. */
function start(environment: Readonly<Record<string, string>> = {}): Started {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../local/start.ts')], {
    detached: true,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (text += part));
  return { child, said: () => text, ended: once(child, 'close').then(([code]) => code) };
}

/** Is a process of this group still running? One that has ended, and that nobody has asked for its exit code, is not. */
function isRunning(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((name) => {
    const [, state, processGroup] = /^\d+ \(.*\) (\S) \d+ (\d+)/s.exec(/^\d+$/.test(name) ? statOf(name) : '') ?? [];
    return processGroup === String(group) && state !== 'Z';
  });
}

function statOf(id: string): string {
  try {
    return readFileSync(`/proc/${id}/stat`, 'utf8');
  } catch {
    return '';
  }
}

async function expectNoneLeft({ pid }: ChildProcess): Promise<void> {
  await vi.waitFor(() => expect(isRunning(pid ?? 0)).toBe(false), { timeout: 5_000 });
}

describe('npm start', () => {
  test('tells every step with what happened, why, and how long it took, and exits with 0', async () => {
    const { child, said, ended } = start();
    expect(await ended).toBe(0);
    const text = said();
    const steps = [...text.matchAll(/^ (\d) {2}(.+) {2}\([\d.]+ m?s\)$/gm)];
    expect(steps.map(([, number, headline]) => [Number(number), headline])).toEqual(
      HEADLINES.map((headline, place) => [place + 1, headline]),
    );
    const why = [...text.replaceAll(/\n {4}(?=\S)/g, ' ').matchAll(/Why: (.+?)[.](?:\n| )/g)].map(
      ([, reason]) => reason,
    );
    expect(why).toEqual([
      expect.stringMatching(/^shop\/checkout is closed now: sha256:\w{12} violates by CVE-2026-1001 in openssl/),
      expect.stringMatching(/^shop\/checkout stays closed: sha256:\w{12} still holds it, proof is missing/),
      expect.stringMatching(/^shop\/checkout is open now: .* it is gone from the registry \(deleted or archived\)$/),
      expect.stringMatching(/^shop\/checkout is open now: .* its findings do not violate any more/),
    ]);
    expect(text).toContain('\n    + {\n    +   "Sid": "Pullgatedev');
    expect(text).toContain('\n      {\n        "Sid": "PartnerMayPull",\n');
    expect(text).toContain('with an explicit deny in a\n');
    expect(text).toMatch(/\nAll 8 steps went as told, in [\d.]+ s[.]/);
    expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
    await expectNoneLeft(child);
  });

  test('a step that cannot be done is named, and the exit code is 1', async () => {
    const { child, said, ended } = start({ TMPDIR: '/nonexistent' });
    expect(await ended).toBe(1);
    expect(said()).toMatch(
      /\nThe story did not go as told[.] Step 1 \(`pulumi up` deploys the stack\): ENOENT: no such file or\ndirectory, mkdtemp /,
    );
    expect(said()).not.toContain('    at ');
    await expectNoneLeft(child);
  });

  test.each([
    ['while the program runs', 'pullgate closes a repository'],
    ['while the function runs', '`pulumi up` deploys the stack'],
  ])('Ctrl-C %s: it ends at once and leaves no process behind', async (_when, sign) => {
    const { child, said, ended } = start();
    await vi.waitFor(() => expect(said()).toContain(sign), { timeout: 20_000, interval: 20 });
    expect(isRunning(child.pid ?? 0)).toBe(true);
    process.kill(-(child.pid ?? 0), 'SIGINT');
    expect(await ended).toBe(130);
    expect(said()).toMatch(/\nInterrupted[.]\n$/);
    await expectNoneLeft(child);
  });
});

describe('the story', () => {
  const tell = async (config: Readonly<Record<string, unknown>>) => {
    const told: Step[] = [];
    const teller = { title: () => {}, note: () => {}, step: (step: Step) => void told.push(step) };
    const error = await tellStory(teller, { config }).catch((reason: unknown) => reason);
    return { told: told.map(({ headline }) => headline), error };
  };

  test.each([
    [
      'closes nothing: audit',
      { 'pullgate:mode': 'audit' },
      2,
      'Step 3 (Amazon Inspector’s scan reports a finding, and the gate closes): pullgate’s statement in the repository’s policy: expected true, got false. The function’s last word: shop/checkout is open, waiting: the stack is in audit mode, which closes nothing: ',
    ],
    ['does not exempt CI: a push needs no pull', {}, 8, undefined],
    [
      'leaves the repository out',
      { 'pullgate:aws': { repositories: { exclude: ['shop/**'] } } },
      2,
      'Step 3 (Amazon Inspector’s scan reports a finding, and the gate closes): pullgate’s statement in the repository’s policy: expected true, got false',
    ],
    [
      'is wrong',
      { 'pullgate:severityThreshold': 'worst' },
      0,
      'Step 1 (`pulumi up` deploys the stack): The config of this stack is wrong:\n',
    ],
  ])('of a stack whose config %s', async (_name, config, steps, message) => {
    const { told, error } = await tell(config);
    expect(told).toEqual(HEADLINES.slice(0, steps));
    if (message === undefined) expect(error).toBeUndefined();
    else expect((error as Error).message.slice(0, message.length)).toBe(message);
  });
});

describe('the layout', () => {
  test.each([
    ['short', 20, ['short']],
    ['words that go over the edge', 12, ['words that', 'go over the', 'edge']],
    ['  keeps its indentation', 12, ['  keeps its', '  indentation']],
    ['averyverylongword stays whole', 8, ['averyverylongword', 'stays', 'whole']],
    ['', 8, ['']],
  ])('wraps %j at %i', (line, width, lines) => {
    expect(wrap(line, width)).toEqual(lines);
  });

  test.each([
    [{ a: 1 }, 20, ['{ "a": 1 }']],
    [{ a: ['x', 'y'], b: { c: 'z' } }, 20, ['{', '  "a": [ "x", "y" ],', '  "b": { "c": "z" }', '}']],
    [{ a: ['x', 'y'] }, 12, ['{', '  "a": [', '    "x",', '    "y"', '  ]', '}']],
    [{ a: 'a text that does not fit' }, 8, ['{', '  "a": "a text that does not fit"', '}']],
  ])('lays out %j at %i', (value, width, lines) => {
    expect(layOut(value, width)).toEqual(lines);
  });
});
