// `npm start`, as a person runs it: it tells every step, ends well, fails loudly where a step does not go as told, and
// leaves no process behind.
import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import type { Cloud } from '../../config/config.ts';
import { layOut, wrap } from '../../demo/layout.ts';
import { type Step, tellStory } from '../../demo/story/story.ts';
import { expectNoneLeft, interrupt, isRunning, startProgramOf } from '../process-group.ts';
import { blocksOf as blocksOfPage } from '../repository/doc-blocks.ts';
import { firstLineNotPrinted } from '../repository/doc-outputs.ts';

const HEADLINES = [
  '`pulumi up` deploys the stack',
  'CI pushes shop/checkout:1.0, and production pulls it',
  'The scanner reports a finding, and the gate closes',
  'The same pull is refused',
  'What makes it safe again stays possible: CI pushes the fix',
  'The finding disappears without proof, and the gate stays closed',
  'The danger is really gone, and the gate opens',
  'Another image has the same vulnerability, and this time it is excepted',
];
/** What every cloud's function says of its decisions, in order; the gates have names of their own. */
const REASONS = [
  / is closed now: sha256:\w{12} violates the policy with CVE-2026-1001 in openssl/,
  / stays closed: sha256:\w{12} still holds it, proof is missing/,
  / is open now: sha256:\w{12} holds it no longer, /,
  / is open now: .* its findings do not violate any more/,
];
const GATES = { AWS: 'shop/checkout', Azure: 'shop/checkout@sha256:' } as const;

const start = (words: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) =>
  startProgramOf('demo/start.ts', words, environment);

/** What a story says of one cloud, step by step: the text of its blocks, each on one line. */
function blocksOf(text: string, cloud: keyof typeof GATES): readonly string[] {
  const blocks = text.matchAll(new RegExp(`^ {4}${cloud.padEnd(7)}(.*(?:\\n {11}.*)*)`, 'gm'));
  return [...blocks].map(([, block = '']) => block.replaceAll(/\n +/g, ' '));
}

/**
 * What closes is shown: on AWS a statement beside the team's own, on Azure an attribute; and how a pull is refused by
 * it.
 */
function expectShown(cloud: keyof typeof GATES, text: string): void {
  const [, , , pull] = blocksOf(text, cloud);
  if (cloud === 'AWS') {
    expect(text).toContain('\n           + {\n           +   "Sid": "Pullgatedev');
    expect(text).toContain('\n             {\n               "Sid": "PartnerMayPull",\n');
    expect(pull).toMatch(/^Pull: 403[.] .* with an explicit deny in a resource-based policy[.]$/);
  } else {
    expect(text).toContain('\n           + { "readEnabled": false }\n');
    expect(pull).toMatch(/^Pull: 405[.] The operation is disallowed/);
  }
}

/** The lines that the README shows are printed, in this order. */
function expectReadmeTrue(text: string): void {
  const [shown = ''] = blocksOfPage(readFileSync('README.md', 'utf8'), 'text');
  expect(shown.split('\n').length).toBeGreaterThan(10);
  expect(firstLineNotPrinted(` ${shown}`, text)).toBeUndefined();
}

describe('npm start', () => {
  test.each([
    ['on both clouds', [], ['AWS', 'Azure']],
    ['on AWS', ['aws'], ['AWS']],
    ['on Azure', ['azure'], ['Azure']],
  ] as const)(
    'tells every step %s, with what happened, why, and how long it took, and exits with 0',
    async (_where, words, clouds) => {
      const started = start(words);
      const { said, ended } = started;
      expect(await ended, said()).toBe(0);
      const text = said();
      const steps = [...text.matchAll(/^ (\d) {2}(.+) {2}\([\d.]+ m?s\)$/gm)];
      expect(steps.map(([, number, headline]) => [Number(number), headline])).toEqual(
        HEADLINES.map((headline, index) => [index + 1, headline]),
      );
      for (const cloud of ['AWS', 'Azure'] as const) {
        const blocks = blocksOf(text, cloud);
        // In the last step a cloud speaks twice.
        expect(blocks).toHaveLength((clouds as readonly string[]).includes(cloud) ? HEADLINES.length + 1 : 0);
        const why = blocks.flatMap((block) => [...block.matchAll(/Why: (.+?)[.](?: |$)/g)].map(([, reason]) => reason));
        expect(why).toEqual(blocks.length === 0 ? [] : REASONS.map((reason) => expect.stringMatching(reason)));
        expect(why.filter((reason) => !reason?.startsWith(GATES[cloud]))).toEqual([]);
      }
      expect(text).toMatch(/\nAll 8 steps went as told, in [\d.]+ s[.]/);
      expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
      for (const cloud of clouds) expectShown(cloud, text);
      if (words.length === 0) expectReadmeTrue(text);
      await expectNoneLeft(started);
    },
  );

  test('--help: prints the usage, each argument and option, what it does and the exit codes, and exits with 0', async () => {
    const { said, ended } = start(['--help']);
    expect(await ended).toBe(0);
    expect(said()).toMatch(/^Usage: npm start -- \[options\] \[clouds[.]{3}\]\n\nShows what pullgate does /);
    expect(said()).toMatch(/\n {2}clouds .+\(choices: "aws",\s+"azure"\)\n/);
    expect([...said().matchAll(/^ {2}(?:-h, )?(--\S+)/gm)].map(([, name]) => name)).toEqual([
      '--watch',
      '--port',
      '--help',
    ]);
    expect(said()).toContain('\nExit codes: 0 ');
  });

  test.each([
    [['gcp'], "error: command-argument value 'gcp' is invalid for argument 'clouds'. Allowed choices are aws, azure."],
    [['--wach'], "error: unknown option '--wach'\n(Did you mean --watch?)"],
    [
      ['--watch', '--port', 'x'],
      "error: option '--port <number>' argument 'x' is invalid. A port is a whole number from 0 to 65535.",
    ],
    [
      ['--watch', '--port', '65536'],
      "error: option '--port <number>' argument '65536' is invalid. A port is a whole number from 0 to 65535.",
    ],
    [['--port', '80'], 'error: --port is the port of the page; it needs --watch'],
  ])('%j: says what is wrong and where to find what is allowed, and exits with 2', async (words, message) => {
    const { said, ended } = start(words);
    expect(await ended).toBe(2);
    expect(said()).toBe(`${message}\nRun \`npm start -- --help\` to see what is allowed.\n`);
  });

  test('a step that cannot be done is named, and the exit code is 1', async () => {
    const started = start([], { TMPDIR: '/nonexistent' });
    const { said, ended } = started;
    expect(await ended).toBe(1);
    expect(said()).toMatch(
      /\nThe story failed[.] Step 1 \(`pulumi up` deploys the stack\): ENOENT: no such file or\sdirectory,\smkdtemp\s/,
    );
    expect(said()).not.toContain('    at ');
    await expectNoneLeft(started);
  });

  test.each([
    ['while the program runs', 'pullgate closes the gate'],
    ['while the functions run', '`pulumi up` deploys the stack'],
  ])('Ctrl-C %s: it ends at once and leaves no process behind', async (_when, sign) => {
    const started = start();
    const { said, ended } = started;
    await vi.waitFor(() => expect(said()).toContain(sign), { timeout: 20_000, interval: 20 });
    expect(isRunning(started.child.pid ?? 0)).toBe(true);
    interrupt(started);
    expect(await ended).toBe(130);
    expect(said()).toMatch(/\nInterrupted[.]\n$/);
    await expectNoneLeft(started);
  });
});

describe('the story', () => {
  const tell = async (clouds: readonly Cloud[], config: Readonly<Record<string, unknown>>) => {
    const told: Step[] = [];
    const teller = { title: () => {}, note: () => {}, step: (step: Step) => void told.push(step) };
    const error = await tellStory(teller, { clouds, config }).catch((reason: unknown) => reason);
    return { told: told.map(({ headline }) => headline), error };
  };

  test.each<[string, readonly Cloud[], Readonly<Record<string, unknown>>, number, string | undefined]>([
    [
      'closes nothing on AWS: audit',
      ['aws'],
      { 'pullgate:mode': 'audit' },
      2,
      'Step 3 (The scanner reports a finding, and the gate closes): AWS: pullgate’s statement in the repository’s policy: expected true, got false. The function’s last word: shop/checkout is open, waiting: the stack is in audit mode, which closes nothing: ',
    ],
    [
      'closes nothing on Azure: audit',
      ['azure'],
      { 'pullgate:mode': 'audit' },
      2,
      'Step 3 (The scanner reports a finding, and the gate closes): Azure: the manifest’s readEnabled: expected false, got true. The function’s last word: shop/checkout@sha256:',
    ],
    ['does not exempt CI: a push needs no pull', ['aws'], { 'pullgate:aws': {} }, 8, undefined],
    [
      'leaves the repository out',
      ['aws'],
      { 'pullgate:aws': { repositories: { exclude: ['shop/**'] } } },
      2,
      'Step 3 (The scanner reports a finding, and the gate closes): AWS: pullgate’s statement in the repository’s policy: expected true, got false',
    ],
    [
      'is wrong',
      ['aws', 'azure'],
      { 'pullgate:severityThreshold': 'worst' },
      0,
      'Step 1 (`pulumi up` deploys the stack): The config of this stack is invalid:\n',
    ],
  ])('of a stack whose config %s', async (_name, clouds, config, steps, message) => {
    const { told, error } = await tell(clouds, config);
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
