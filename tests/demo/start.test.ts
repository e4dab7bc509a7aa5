// Runs `npm start` as a user does: it plays every step on both clouds, and leaves no process behind.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { layOut, wrap } from '../../demo/layout.ts';
import { expectNoneLeft } from '../process-group.ts';
import { blocksOf as blocksOfPage } from '../repository/doc-blocks.ts';
import { firstLineNotPrinted } from '../repository/doc-outputs.ts';
import { HEADLINES, start, stepsIn } from './story-output.ts';

/** The function's decisions on every cloud, in order. Only the names of the gates differ by cloud. */
const REASONS = [
  / is closed now: sha256:\w{12} violates the policy with CVE-2026-1001 in openssl/,
  / stays closed: sha256:\w{12} is still a blocker, since proof is missing/,
  / is open now: sha256:\w{12} is no longer a blocker: /,
  / is open now: .* its findings no longer violate the policy/,
];
const GATES = { AWS: 'shop/checkout', Azure: 'shop/checkout@sha256:' } as const;

/** What a story prints for one cloud, step by step: the text of each block, joined into one line. */
function blocksOf(text: string, cloud: keyof typeof GATES): readonly string[] {
  const blocks = text.matchAll(new RegExp(`^ {4}${cloud.padEnd(7)}(.*(?:\\n {11}.*)*)`, 'gm'));
  return [...blocks].map(([, block = '']) => block.replaceAll(/\n +/g, ' '));
}

/**
 * Checks the lock that the story shows (on AWS a statement next to the team's own, on Azure an attribute), and the
 * refused pull.
 */
function expectShown(cloud: keyof typeof GATES, text: string): void {
  const [, , , pull] = blocksOf(text, cloud);
  if (cloud === 'AWS') {
    expect(text).toContain('\n           + {\n           +   "Sid": "Pullgate');
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
  test('plays every step on both clouds, prints what happened, why, and how long it took, and exits with 0', async () => {
    const started = start();
    const { said, ended } = started;
    expect(await ended, said()).toBe(0);
    const text = said();
    expect(stepsIn(text)).toEqual(HEADLINES.map((headline, index) => [index + 1, headline]));
    for (const cloud of ['AWS', 'Azure'] as const) {
      const blocks = blocksOf(text, cloud);
      // In the last step, each cloud has two blocks.
      expect(blocks).toHaveLength(HEADLINES.length + 1);
      const why = blocks.flatMap((block) => [...block.matchAll(/Why: (.+?)[.](?: |$)/g)].map(([, reason]) => reason));
      expect(why).toEqual(REASONS.map((reason) => expect.stringMatching(reason)));
      expect(why.filter((reason) => !reason?.startsWith(GATES[cloud]))).toEqual([]);
      expectShown(cloud, text);
    }
    expect(text).toMatch(/\nAll 8 steps passed in [\d.]+ s[.]/);
    expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
    expectReadmeTrue(text);
    await expectNoneLeft(started);
  });

  test('prints the usage, the arguments, the options and the exit codes for --help, and exits with 0', async () => {
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
    [['--port', '80'], 'error: --port requires --watch'],
  ])('prints the error and how to get help for %j, and exits with 2', async (words, message) => {
    const { said, ended } = start(words);
    expect(await ended).toBe(2);
    expect(said()).toBe(`${message}\nRun \`npm start -- --help\` for usage.\n`);
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
