// Cases that are easy to get wrong: rows older than their event, states that prove nothing, and a service that fails
// for one of many registries.
import { describe, expect, test } from 'vitest';
import type { Call } from '../../../local/azure/calls.ts';
import type { Fault } from '../../../local/azure/faults.ts';
import {
  type Config,
  CRITICAL,
  DAY,
  EVENT_WAIT,
  expectWaited,
  HOUR,
  MINUTE,
  REGISTRY,
  registryId,
  stage,
  UNTOUCHED,
  type World,
} from './stage.ts';

const CLOSED: World = {
  locked: ['team/app:v1 readEnabled'],
  records: { 'team/app:v1': 'closed' },
  notified: ['closed team/app:v1'],
  poison: [],
};
const LOW = { id: 'CVE-2026-9', severity: 'Low', score: 2 };
const FOR_EVER = 1_000_000;

describe('a row that is older than the event', () => {
  test('does not confirm it: the message is retried, and the gate closes once the new row arrives', async () => {
    const s = await stage();
    s.cloud.workspace.ingestionDelayMilliseconds = EVENT_WAIT + 3 * MINUTE;
    const image = s.push('v1');
    await s.report(image, { cves: [LOW] });
    await s.runUntilIdle();
    s.cloud.clock.advance(10 * MINUTE);
    const before = s.lines('retried').length;
    await s.report(image, { cves: [LOW, CRITICAL] });
    await s.deliver();
    expect({ ...(await s.world()), records: {} }).toEqual(UNTOUCHED);
    await s.runUntilIdle();
    expect(await s.world()).toEqual(CLOSED);
    const returned = s.lines('retried').slice(before);
    expect(returned.map(({ minutes }) => minutes)).toEqual([1, 2]);
    expect(returned[0]?.['why']).toMatch(/: the scanner still shows [^ ]+ as it was before the event$/);
  });

  test('and no newer one within half an hour: the message is done, and needs no attention', async () => {
    const s = await stage();
    const { ids } = await s.close('v1');
    s.cloud.clock.advance(10 * MINUTE);
    s.cloud.faults.addToBus({ kind: 'lose', to: 'Workspace' });
    const start = s.cloud.clock.now().getTime();
    await s.cloud.defender.setStatus(ids, 'Healthy');
    await s.runUntilIdle();
    expect(await s.world()).toEqual(CLOSED);
    expect(s.lines('retried').map(({ minutes, deadLettered }) => minutes ?? deadLettered)).toEqual([
      1,
      2,
      4,
      8,
      16,
      false,
    ]);
    expectWaited(s.cloud.clock.now().getTime() - start, 31 * MINUTE);
    expect(s.cloud.queue.messages()).toEqual([]);
  });
});

describe('a disabled recommendation (NotApplicable, but not Exempt)', () => {
  test.each([
    ['OffByPolicy', 'individual'],
    ['OffByPolicy', 'grouped'],
    ['', 'individual'],
    ['', 'grouped'],
  ] as const)('with the cause %j (%s) opens nothing and closes nothing', async (cause, shape) => {
    const s = await stage();
    const closed = s.push('v1');
    const ids = await s.report(closed, { shape });
    await s.runUntilIdle();
    const open = s.push('v2');
    const others = await s.report(open, { shape, event: false });
    s.cloud.clock.advance(MINUTE);
    await s.cloud.defender.setStatus([...ids, ...others], 'NotApplicable', cause);
    await s.runUntilIdle();
    await s.sweep();
    expect(await s.world()).toEqual(CLOSED);
    expect(s.lastDecision(closed).message).toContain('proof is missing');
    expect(await s.pull('v2')).toBe('pulled');
    await s.setStatus(ids, 'Healthy');
    expect(await s.pull('v1')).toBe('pulled');
  });
});

describe('one registry of two', () => {
  const OTHER = registryId('otherimages');
  const BOTH: Config = { maxClosesPerHour: 2, azure: { registries: [REGISTRY, OTHER] } };

  test.each([
    [404, 'ResourceNotFound'],
    [403, 'AuthorizationFailed'],
  ])(
    'fails in Resource Manager with %i: the other is swept, its gates get their turns, people are notified, and the scanner is reported as unhealthy',
    async (status, code) => {
      const s = await stage(BOTH, { registries: { [OTHER]: {} } });
      await s.close('v1');
      s.cloud.faults.add({ kind: 'throttle', service: 'mail' });
      for (const tag of ['v2', 'v3']) {
        await s.report(s.push(tag));
        await s.deliver();
      }
      const release = s.cloud.faults.addToBus({ kind: 'lose' });
      await s.report(s.push('v4'));
      release();
      expect((await s.world()).records).toMatchObject({ 'team/app:v3': 'waiting: brake' });
      const isOther = ({ input }: Call) => String(input['id']).toLowerCase() === OTHER.toLowerCase();
      s.cloud.faults.add({
        kind: 'error',
        service: 'arm',
        code,
        message: 'no',
        status,
        where: isOther,
        times: FOR_EVER,
      });
      await s.sweep();
      const world = await s.world();
      expect(world.locked).toEqual(['v1', 'v2', 'v3', 'v4'].map((tag) => `team/app:${tag} readEnabled`));
      expect(world.notified.toSorted()).toEqual([
        'NOT closed team/app:v3',
        'closed team/app:v1',
        'closed team/app:v2',
        'closed team/app:v3',
        'closed team/app:v4',
      ]);
      expect(s.lines('tick')[0]).toMatchObject({ sweepAgeHours: 0, waiting: 1, admitted: 1 });
      const [{ healthy, why } = {}] = s.lines('scanner');
      expect(healthy).toBe(false);
      expect(why).toContain(`Resource Manager did not describe the registry ${OTHER} (`);
      expect(s.lines('failed')).toMatchObject([{ repository: 'team/app' }]);
    },
  );
});

describe('a scanner without data', () => {
  test('has no tables yet: the tick logs that the scanner is unhealthy, and sweeps nothing', async () => {
    const s = await stage();
    const message = "'union' operator: Failed to resolve table expression named 'SecurityRecommendation'";
    s.cloud.faults.add({
      kind: 'error',
      service: 'logs',
      code: 'BadArgumentError',
      message,
      status: 400,
      times: FOR_EVER,
    });
    await s.tick();
    expect(s.lines('scanner')).toMatchObject([
      { healthy: false, why: expect.stringContaining('in the last ten days') },
    ]);
    expect(s.lines('sweep')).toEqual([{ kind: 'sweep', gates: 0, closed: 0 }]);
    expect(s.lines('tick')).toMatchObject([{ sweepAgeHours: 0, waiting: 0, poison: 0 }]);
    expect(s.lines('failed')).toEqual([]);
    expect(await s.world()).toEqual(UNTOUCHED);
  });
});

describe('a message in the poison queue', () => {
  test('waits for a person for months, and gets all its retries again when it is moved back', async () => {
    const s = await stage();
    const image = s.push('v1');
    const release = s.cloud.faults.addToBus({ kind: 'lose', to: 'Workspace' });
    const ids = await s.report(image);
    await s.runUntilIdle();
    release();
    s.cloud.clock.advance(90 * DAY);
    const [deadLettered, ...others] = (await s.world()).poison;
    expect([deadLettered, others]).toMatchObject([
      { resourceAdditionalData: expect.stringContaining(image.digest), tries: 0 },
      [],
    ]);
    await s.cloud.defender.setStatus(ids, 'Healthy');
    await s.runUntilIdle();
    const before = s.lines('retried').length;
    s.cloud.workspace.forgetRows();
    s.cloud.poisonQueue.purge();
    // The process that has observed the image in the meantime has ended.
    await s.cloud.host.kill();
    s.send(deadLettered);
    await s.runUntilIdle();
    expect(s.lines('retried').slice(before)).toHaveLength(8);
    expect((await s.world()).poison).toEqual([deadLettered]);
  });
});

describe('a repository whose findings exceed one answer', () => {
  const isOfRepository = ({ operation, input }: Call) => {
    const query = String(input['query']);
    return (
      operation === 'Query' &&
      query.includes('let Digest = "";') &&
      query.includes('let Repository = "team/app";') &&
      !query.includes('distinct ImageDigest')
    );
  };
  const TOO_LARGE: Fault = {
    kind: 'error',
    service: 'logs',
    code: 'ResponsePayloadTooLarge',
    message: 'too much',
    status: 413,
    where: isOfRepository,
    times: FOR_EVER,
  };
  // More of this: tests/azure/function/gates.test.ts.
  test('with image gates: each image gets a separate message', async () => {
    const s = await stage();
    const images = ['v1', 'v2', 'v3'].map((tag) => s.push(tag));
    s.cloud.faults.addToBus({ kind: 'lose' });
    for (const image of images) await s.report(image);
    s.cloud.faults.add(TOO_LARGE);
    await s.tick();
    expect((await s.world()).locked).toEqual(['v1', 'v2', 'v3'].map((tag) => `team/app:${tag} readEnabled`));
    expect(s.lines('reconcile')).toMatchObject([{ repository: 'team/app', images: 3, each: 'alone' }]);
    // One query for the repository, and one for each image.
    expect(s.calls('queue:Put')).toBe(4);
    expect(s.decisions().map(({ triggers }) => triggers)).toEqual(Array(3).fill(['settings']));
    expect(s.lines('failed')).toEqual([]);
  });

  const kinds = [
    ['413', TOO_LARGE],
    ['PartialFailure', undefined],
  ] as const;

  test.each(kinds)('(%s) with a repository gate: queried image by image', async (_name, fault) => {
    const s = await stage({ azure: { granularity: 'repository' } });
    const images = ['v1', 'v2', 'v3'].map((tag) => s.push(tag));
    s.cloud.faults.addToBus({ kind: 'lose' });
    for (const image of images) await s.report(image);
    if (fault !== undefined) s.cloud.faults.add(fault);
    else s.cloud.calls.before((call) => void (isOfRepository(call) && s.cloud.workspace.failPartially(1)));
    await s.tick();
    expect(await s.world()).toEqual({
      locked: ['team/app readEnabled'],
      records: { 'team/app': 'closed' },
      notified: ['closed team/app'],
      poison: [],
    });
    expect((await s.record({ registry: REGISTRY, repository: 'team/app' }))?.blockers).toHaveLength(3);
    expect(s.calls('queue:Put')).toBe(1);
    expect(s.lines('failed')).toEqual([]);
  });
});

describe('the mail service is throttled (429)', () => {
  test('nothing waits for it, each decision is logged, and the next tick sends one mail about all changes', async () => {
    const s = await stage();
    s.cloud.faults.add({ kind: 'throttle', service: 'mail', times: 3 });
    const start = s.cloud.clock.now().getTime();
    const images = ['v1', 'v2', 'v3'].map((tag) => s.push(tag));
    for (const image of images) await s.report(image);
    await s.deliver();
    const locked = ['v1', 'v2', 'v3'].map((tag) => `team/app:${tag} readEnabled`);
    expect(await s.world()).toMatchObject({ locked, notified: [] });
    expect(s.decisions().map(({ action }) => action)).toEqual(['closed', 'closed', 'closed']);
    expect(s.cloud.clock.now().getTime()).toBe(start + EVENT_WAIT);
    // One try per mail.
    expect(s.calls('mail:Send')).toBe(3);
    await s.cloud.advance(5 * MINUTE);
    expect(s.cloud.mails.map(({ subject }) => subject)).toEqual(['[pullgate] 3 state changes']);
    expect((await s.world()).notified.toSorted()).toEqual(['v1', 'v2', 'v3'].map((tag) => `closed team/app:${tag}`));
    expect(s.lines('notified')).toEqual([{ kind: 'notified', gates: 3 }]);
    await s.cloud.advance(HOUR);
    expect(s.cloud.mails).toHaveLength(1);
  });
});
