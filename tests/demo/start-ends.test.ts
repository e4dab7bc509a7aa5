// What `npm start` does on one cloud, if a step fails, and on Ctrl-C: it says what happened, and leaves no process
// behind.
import { describe, expect, test } from 'vitest';
import type { Cloud } from '../../config/config.ts';
import { playStory, type Step } from '../../demo/story/story.ts';
import { expectNoneLeft, interrupt, isRunning, waitForOutput } from '../process-group.ts';
import { HEADLINES, start, stepsIn } from './story-output.ts';

describe('npm start', () => {
  test.each([
    ['AWS', 'aws', 'Azure'],
    ['Azure', 'azure', 'AWS'],
  ])('plays every step on %s alone, and exits with 0', async (name, word, other) => {
    const started = start([word]);
    expect(await started.ended, started.said()).toBe(0);
    const text = started.said();
    expect(stepsIn(text)).toEqual(HEADLINES.map((headline, index) => [index + 1, headline]));
    // In the last step, each cloud has two blocks.
    const blocksOf = (cloud: string) => [...text.matchAll(new RegExp(`^ {4}${cloud.padEnd(7)}`, 'gm'))].length;
    expect([blocksOf(name), blocksOf(other)]).toEqual([HEADLINES.length + 1, 0]);
    await expectNoneLeft(started);
  });

  test('names the step that failed, and exits with 1', async () => {
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
    ['while the program runs', 'pullgate blocks pulls'],
    ['while the functions run', '`pulumi up` deploys the stack'],
  ])('ends at once on Ctrl-C %s, and leaves no process behind', async (_when, sign) => {
    const started = start();
    const { said, ended } = started;
    await waitForOutput(started, sign);
    expect(isRunning(started.child.pid ?? 0)).toBe(true);
    interrupt(started);
    expect(await ended).toBe(130);
    expect(said()).toMatch(/\nInterrupted[.]\n$/);
    await expectNoneLeft(started);
  });
});

describe('the story', () => {
  const play = async (clouds: readonly Cloud[], config: Readonly<Record<string, unknown>>) => {
    const steps: Step[] = [];
    const printer = { title: () => {}, note: () => {}, step: (step: Step) => void steps.push(step) };
    const error = await playStory(printer, { clouds, config }).catch((reason: unknown) => reason);
    return { headlines: steps.map(({ headline }) => headline), error };
  };

  test.each<[string, readonly Cloud[], Readonly<Record<string, unknown>>, number, string | undefined]>([
    [
      'fails at the third step on AWS if the stack is in audit mode',
      ['aws'],
      { 'pullgate:mode': 'audit' },
      2,
      'Step 3 (The scanner reports a finding, and the gate closes): AWS: pullgate’s statement in the repository’s policy: expected true, got false. The function’s last decision: shop/checkout is open, waiting: it is in audit mode, which closes nothing: ',
    ],
    [
      'fails at the third step on Azure if the stack is in audit mode',
      ['azure'],
      { 'pullgate:mode': 'audit' },
      2,
      'Step 3 (The scanner reports a finding, and the gate closes): Azure: the manifest’s readEnabled: expected false, got true. The function’s last decision: shop/checkout@sha256:',
    ],
    [
      'plays to the end if CI is not exempt, because a push needs no pull',
      ['aws'],
      { 'pullgate:aws': {} },
      8,
      undefined,
    ],
    [
      'fails at the third step if the config excludes the repository',
      ['aws'],
      { 'pullgate:aws': { repositories: { exclude: ['shop/**'] } } },
      2,
      'Step 3 (The scanner reports a finding, and the gate closes): AWS: pullgate’s statement in the repository’s policy: expected true, got false',
    ],
    [
      'fails at the first step if the config is invalid',
      ['aws', 'azure'],
      { 'pullgate:severityThreshold': 'worst' },
      0,
      'Step 1 (`pulumi up` deploys the stack): The config of this stack is invalid:\n',
    ],
  ])('%s', async (_name, clouds, config, steps, message) => {
    const { headlines, error } = await play(clouds, config);
    expect(headlines).toEqual(HEADLINES.slice(0, steps));
    if (message === undefined) expect(error).toBeUndefined();
    else expect((error as Error).message.slice(0, message.length)).toBe(message);
  });
});
