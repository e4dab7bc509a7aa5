// Tests the day limit with the real `limit` on both local clouds: a scanner that calls every image critical.
import { describe, expect, it, test } from 'vitest';
import { setDayLimit } from '../../../cli/limit/limit.ts';
import { graphOf } from '../../../local/graph.ts';
import type { BrakeState } from '../../../shared/gate/brake.ts';
import type { Row } from '../../../shared/reconcile/ports.ts';
import { CRITICAL, DAY, HOUR, programConfig, stage } from '../../e2e/aws/stage.ts';
import { stage as azureStage, graphFor } from '../../e2e/azure/stage.ts';
import { hoursLater, NOW } from '../../shared/samples.ts';
import { asOperator, fileOf, outputsOf, pullgate } from '../command.ts';
import { runOn } from '../command-azure.ts';
import { arnOf } from '../command-observing.ts';

const CONFIG = { maxClosesPerHour: 2, maxClosesPerDay: 3 };
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `team/${name}`);
const SHOWN = `: 2 more gates may close now.
  Last hour      0 of 2
  Last 24 hours  0 of `;
const RAISED = /^ {2}Set by {9}\S+ until \d{4}-\d\d-\d\d \d\d:\d\d UTC \(in [^)]+\)\n {2}Reason {9}base-image\n$/m;

describe('a scanner that calls every image critical', () => {
  test('on AWS, it closes the day limit and no more, until a person allows more or a day has passed', async () => {
    const s = await stage(CONFIG);
    const graph = await graphOf(programConfig(CONFIG));
    const outputs = outputsOf(graph);
    const rights = {
      Action: ['dynamodb:GetItem', 'dynamodb:PutItem'],
      Resource: arnOf(graph, 'aws:dynamodb/table:Table'),
    };
    const environment = asOperator(s.cloud, { Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...rights }] });
    const limit = (options: string) =>
      pullgate(['limit', '--outputs', outputs, ...options.split(' ').filter((word) => word !== '')], environment);
    const closed = () => NAMES.filter((name) => s.isClosed(name)).length;
    for (const name of NAMES) await s.pushVulnerable(name, 'v1', CRITICAL);
    await s.cloud.runUntilIdle({ advance: true });
    expect(closed()).toBe(2);
    await s.cloud.advance(6 * HOUR);
    expect(closed()).toBe(3);
    const ticks = s.cloud.logs.flatMap(({ json }) => (json?.['kind'] === 'tick' ? [json] : []));
    expect(ticks.at(-1)).toMatchObject({ waiting: 3, admitted: 0, closedThisDay: 3, leftThisDay: 0 });

    // The clock of the command is the machine's, for which these closings are long over.
    expect(await limit('')).toEqual({ code: 0, stdout: `AWS${SHOWN}3\n`, stderr: '' });
    const dry = await limit('--today 5 --reason base-image --dry-run');
    expect(dry.stdout).toContain('For the next 24 hours, the stack dev would close at most 5 gates within 24 hours.');
    await s.cloud.advance(2 * HOUR);
    expect(closed()).toBe(3);

    const raised = await limit('--today 5 --reason base-image');
    expect([raised.code, raised.stderr]).toEqual([0, '']);
    expect(raised.stdout).toContain(`AWS${SHOWN}5\n`);
    expect(raised.stdout).toMatch(RAISED);
    await s.cloud.advance(6 * HOUR);
    expect(closed()).toBe(5);

    expect((await limit('--clear')).stdout).toBe(`AWS${SHOWN}3\n`);
    await s.cloud.advance(2 * DAY);
    expect(closed()).toBe(6);
  });

  test('on Azure, too', async () => {
    const s = await azureStage(CONFIG);
    const { run } = runOn(s);
    const images = NAMES.map((name) => s.push('v1', name));
    for (const image of images) await s.report(image);
    await s.runUntilIdle();
    const closed = async () => (await s.world()).locked.length;
    expect(await closed()).toBe(2);
    await s.cloud.advance(6 * HOUR);
    expect(await closed()).toBe(3);
    expect(s.lines('tick').at(-1)).toMatchObject({ waiting: 3, admitted: 0, closedThisDay: 3, leftThisDay: 0 });
    const dry = await run('limit --today 5 --reason base-image --dry-run --json');
    expect(JSON.parse(dry.stdout)).toMatchObject({
      dryRun: true,
      planned: { maxClosesPerDay: 5, reason: 'base-image' },
      limits: [{ counts: { maxClosesPerDay: 3 } }],
    });
    const raised = await run('limit --today 5 --reason base-image --json');
    expect(JSON.parse(raised.stdout)).toMatchObject({
      stack: 'dev',
      limits: [{ cloud: 'azure', counts: { maxClosesPerDay: 5 }, dayLimit: { reason: 'base-image' } }],
    });
    await s.cloud.advance(6 * HOUR);
    expect(await closed()).toBe(5);
    await s.cloud.advance(2 * DAY);
    expect(await closed()).toBe(6);
  });
});

describe('limit', () => {
  it.each([
    ['--today 5', '--reason is missing: expected a reason in one line, at most 500 characters'],
    ['--today 5 --clear', '--today and --clear exclude each other: use one of them'],
    ['--reason why', '--reason needs --today <number>: add it, or leave --reason out'],
    [
      '--today 0 --reason why',
      "pullgate: option '--today <number>' argument '0' is invalid. expected a whole number of gates, 1 to 24000; see --help",
    ],
    ['--today many --reason why', "argument 'many' is invalid. expected a whole number of gates, 1 to 24000"],
  ])('%s is wrong usage', async (options, sentence) => {
    const { code, stdout, stderr } = await pullgate(['limit', ...options.split(' ')]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(sentence);
  });

  it('--today without a cloud is wrong usage if the stack has two, because their limits differ', async () => {
    const outputs = fileOf(
      JSON.stringify({ ...(await graphOf(programConfig({}))).outputs, ...(await graphFor()).outputs }),
    );
    const { code, stderr } = await pullgate(['limit', '--today', '5', '--reason', 'why', '--outputs', outputs]);
    expect([code, stderr]).toEqual([
      2,
      'pullgate: the clouds of a stack have day limits of their own: add --aws or --azure\n',
    ]);
  });

  it('is set again if a worker saves the row first, and loses no closing', async () => {
    const closings = [{ gate: 'a', at: NOW }];
    const before: BrakeState = { closings, turns: [], missed: [] };
    const stored = { value: before, version: 0 };
    let rivals = 1;
    const brake: Row<BrakeState> = {
      load: async () => ({ ...stored }),
      async save(next, version) {
        if (rivals-- > 0)
          Object.assign(stored, { value: { ...before, closings: [...closings, ...closings] }, version: 1 });
        if (version !== stored.version) return undefined;
        return Object.assign(stored, { value: next, version: 2 }).version;
      },
    };
    await setDayLimit({ brake }, { maxClosesPerDay: 7, reason: 'why', by: 'ada' }, NOW);
    expect(stored.value).toEqual({
      ...before,
      closings: [...closings, ...closings],
      dayLimit: { maxClosesPerDay: 7, reason: 'why', by: 'ada', at: NOW, until: hoursLater(24) },
    });
    await setDayLimit({ brake }, undefined, NOW);
    expect(stored.value).toEqual({ ...before, closings: [...closings, ...closings] });
  });
});
