// Gates that are open although they have a blocker: audit mode, a pause, the brake, and repositories that serve Lambda
// functions.
import { describe, expect, it } from 'vitest';
import { brakeCounts, brakeKey, IDLE_BRAKE } from '../../../shared/gate/brake.ts';
import type { GateRecord } from '../../../shared/gate/record.ts';
import { reconcile } from '../../../shared/reconcile/reconcile.ts';
import type { Rules } from '../../../shared/reconcile/rules.ts';
import type { Decision } from '../../../shared/report/decision.ts';
import { anOverride, daysLater, digest, finding, GATE, hoursLater, NOW, policy, record, rules } from '../samples.ts';
import { newWorld, type World } from './world.ts';

const VIOLATING = { findings: [finding()] };
const NO_ROOM = rules({ maxClosesPerHour: 0 });

async function reconcileOnce(world: World, byRules: Rules = rules(), repository = 'team/app'): Promise<Decision> {
  const request = {
    gate: { ...GATE, repository },
    scope: [digest(1)],
    triggers: ['finding'],
    namedReports: [],
  } as const;
  return (await reconcile(request, byRules, world.ports)).decision;
}

function violating(repository = 'team/app', world = newWorld()): World {
  world.repository(repository).images.set(digest(1), VIOLATING);
  return world;
}

const notified = (world: World) =>
  world.created().map((notice) => (notice.kind === 'waiting' ? `waiting for ${notice.waiting?.for}` : notice.kind));
const ours = (world: World) => world.repository().ours;

describe('a mode that closes nothing', () => {
  it.each(['audit', 'pause'] as const)('(%s) closes nothing and is notified once', async (mode) => {
    const world = violating();
    const { to } = await reconcileOnce(world, rules({ mode }));
    await reconcileOnce(world, rules({ mode }));
    expect([to, ours(world), notified(world)]).toEqual([
      { kind: 'waiting', for: mode },
      'absent',
      [`waiting for ${mode}`],
    ]);
  });

  it.each(['audit', 'pause'] as const)('(%s) opens the gates that pullgate closed', async (mode) => {
    const world = violating();
    await reconcileOnce(world);
    const { to, action } = await reconcileOnce(world, rules({ mode }));
    expect([to, action, ours(world), notified(world)]).toEqual([
      { kind: 'waiting', for: mode },
      'opened',
      'absent',
      ['closed', 'opened'],
    ]);
  });

  it('closes the waiting gates when it ends', async () => {
    const world = violating();
    await reconcileOnce(world, rules({ mode: 'audit' }));
    expect([(await reconcileOnce(world)).action, notified(world)]).toEqual(['closed', ['waiting for audit', 'closed']]);
  });

  it('is not notified again if audit mode becomes a pause, and keeps the time since when it waits', async () => {
    const world = violating();
    await reconcileOnce(world, rules({ mode: 'audit' }));
    world.now = hoursLater(1);
    const { action, to } = await reconcileOnce(world, rules({ mode: 'pause' }));
    expect([action, to, notified(world)]).toEqual([
      'nothing',
      { kind: 'waiting', for: 'pause' },
      ['waiting for audit'],
    ]);
    expect(world.record(GATE)).toMatchObject({ state: to, waitingSince: NOW });
  });

  it('clears a waiting gate when its blocker is gone', async () => {
    const world = violating();
    await reconcileOnce(world, rules({ mode: 'audit' }));
    world.repository().images.delete(digest(1));
    const { to, action } = await reconcileOnce(world, rules({ mode: 'audit' }));
    expect([to, action, notified(world)]).toEqual([{ kind: 'open' }, 'cleared', ['waiting for audit', 'cleared']]);
  });
});

const LAMBDA = { by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' };

describe('a repository that serves Lambda functions', () => {
  it.each<[string, boolean, readonly string[]]>([
    ['is notified, not closed', false, ['waiting for inUse']],
    ['is closed with closesInUse', true, ['closed']],
  ])('%s', async (_name, closesInUse, notices) => {
    const world = violating();
    world.repository().inUse = LAMBDA;
    await reconcileOnce(world, rules({ closesInUse }));
    expect(notified(world)).toEqual(notices);
  });

  it.each<[string, (world: World) => void, string, string]>([
    ['stays closed if it began to serve them while closed', () => {}, 'nothing', 'current'],
    [
      'is closed again if the statement was removed',
      (world) => {
        world.repository().ours = 'absent';
      },
      'restored',
      'current',
    ],
    ['is opened like any other', (world) => world.repository().images.clear(), 'opened', 'absent'],
  ])('%s: a grant does not open a closed gate', async (_name, happens, done, statement) => {
    const world = violating();
    await reconcileOnce(world);
    world.repository().inUse = LAMBDA;
    happens(world);
    expect([(await reconcileOnce(world)).action, ours(world)]).toEqual([done, statement]);
  });

  it('and is closed already: people are notified once, then once a week', async () => {
    const world = violating();
    await reconcileOnce(world);
    world.repository().inUse = LAMBDA;
    for (const days of [0, 6, 7, 13]) {
      world.now = daysLater(days);
      await reconcileOnce(world);
    }
    expect(notified(world)).toEqual(['closed', 'closedInUse', 'closedInUse']);
    expect(world.notices[1]).toMatchObject({ inUse: LAMBDA, images: [{ digest: digest(1) }] });
  });

  it('and is closed although the config allows that: no notice says so', async () => {
    const world = violating();
    world.repository().inUse = LAMBDA;
    for (const _ of [1, 2]) await reconcileOnce(world, rules({ closesInUse: true }));
    expect(notified(world)).toEqual(['closed']);
  });

  it('and is open: people are reminded once a week', async () => {
    const world = violating();
    world.repository().inUse = LAMBDA;
    for (const days of [0, 6, 7, 13]) {
      world.now = daysLater(days);
      await reconcileOnce(world);
    }
    expect(notified(world)).toEqual(['waiting for inUse', 'waiting for inUse']);
  });
});

describe('the brake', () => {
  it('closes 25 of 400 repositories in an hour and notifies 375 with a limit of 25; an exempt exploit closes at once', async () => {
    const world = newWorld();
    const names = Array.from({ length: 400 }, (_, number) => `team/app-${number}`);
    for (const name of names) violating(name, world);
    world.repository('team/app-399').images.set(digest(1), { findings: [finding({ exploited: true })] });
    const exempt = rules({ brakeExempt: 'exploited', policy: policy({ exploited: 'high' }) });
    for (const name of names) await reconcileOnce(world, exempt, name);
    const closed = names.filter((name) => world.repository(name).ours === 'current');
    expect(closed).toEqual([...names.slice(0, 25), 'team/app-399']);
    await world.deliver();
    expect(world.notices.filter((notice) => notice.kind === 'waiting' && notice.waiting.for === 'brake').length).toBe(
      374,
    );
  });

  it('closes a waiting gate after an hour', async () => {
    const world = violating();
    const one = rules({ maxClosesPerHour: 1 });
    await reconcileOnce(violating('team/first', world), one, 'team/first');
    const first = await reconcileOnce(world, one);
    world.now = hoursLater(1);
    const second = await reconcileOnce(world, one);
    expect([first.to, second.to]).toEqual([{ kind: 'waiting', for: 'brake' }, { kind: 'closed' }]);
  });

  it('counts a gate once, even if crashes repeat its request', async () => {
    const world = violating();
    world.around = (call, when) => {
      if (call === 'save brake' && when === 'after') throw new Error('crash');
    };
    await expect(reconcileOnce(world)).rejects.toThrow('crash');
    world.around = () => {};
    expect([
      (await reconcileOnce(world, rules({ maxClosesPerHour: 1 }))).action,
      world.brake.value?.closings.length,
    ]).toEqual(['closed', 1]);
  });

  it('counts a gate once while its write fails for hours, and again after a day', async () => {
    const world = violating();
    const one = rules({ maxClosesPerHour: 1, maxClosesPerDay: 1 });
    world.around = (call) => {
      if (call.startsWith('write')) throw new Error('unavailable');
    };
    for (const hours of [0, 1.5, 3, 23.9]) {
      world.now = hoursLater(hours);
      await expect(reconcileOnce(world, one)).rejects.toThrow('unavailable');
      expect(brakeCounts(world.brake.value ?? IDLE_BRAKE, world.now, one).closedThisDay).toBe(1);
    }
    world.now = hoursLater(26);
    await expect(reconcileOnce(world, one)).rejects.toThrow('unavailable');
    expect(world.brake.value?.closings).toEqual([{ gate: brakeKey(GATE), at: hoursLater(26) }]);
    world.around = () => {};
    world.now = hoursLater(40);
    expect((await reconcileOnce(world, one)).action).toBe('closed');
    expect([world.brake.value?.closings.length, world.record(GATE)?.admittedAt]).toEqual([1, undefined]);
  });

  it('does not count a closing that a person ordered, although its write failed', async () => {
    const world = violating();
    world.around = (call) => {
      if (call.startsWith('write')) throw new Error('unavailable');
    };
    world.save(record({ state: { kind: 'open' }, blockers: [], override: anOverride({ kind: 'closed' }) }));
    await expect(reconcileOnce(world)).rejects.toThrow('unavailable');
    expect([world.record(GATE)?.state.kind, world.record(GATE)?.admittedAt, world.brake.value]).toEqual([
      'closing',
      undefined,
      undefined,
    ]);
  });

  it('does not count a closing that the registry refused', async () => {
    const world = violating();
    const two = rules({ maxClosesPerHour: 2 });
    await reconcileOnce(violating('team/first', world), two, 'team/first');
    world.repository().refuses = 'too long';
    const refused = await reconcileOnce(world, two);
    expect([refused.action, world.brake.value?.closings]).toEqual([
      'refused',
      [{ gate: brakeKey({ ...GATE, repository: 'team/first' }), at: NOW }],
    ]);
    expect((await reconcileOnce(violating('team/second', world), two, 'team/second')).to.kind).toBe('closed');
  });

  it.each<[string, (world: World) => Promise<unknown>]>([
    ['whose lock is missing and cannot be restored', async (world) => (world.repository().ours = 'absent')],
    [
      'of a gate that was opened since and cannot be closed again',
      async (world) => {
        const { images } = world.repository();
        const before = new Map(images);
        images.clear();
        await reconcileOnce(world);
        for (const [name, image] of before) images.set(name, image);
      },
    ],
  ])('still counts a closing %s', async (_name, happens) => {
    const world = violating();
    await reconcileOnce(world);
    const closings = [{ gate: brakeKey(GATE), at: NOW }];
    world.now = hoursLater(0.5);
    await happens(world);
    world.repository().refuses = 'too long';
    expect([(await reconcileOnce(world)).action, world.brake.value?.closings]).toEqual(['refused', closings]);
  });

  it('does not change for a refused closing of an exempt exploit, or a refused opening', async () => {
    const world = newWorld();
    world.repository().images.set(digest(1), { findings: [finding({ exploited: true })] });
    world.repository().refuses = 'too long';
    const exempt = rules({ brakeExempt: 'exploited', policy: policy({ exploited: 'high' }) });
    const closing = await reconcileOnce(world, exempt);
    world.repository().ours = 'current';
    world.save(record());
    world.repository().images.clear();
    const opening = await reconcileOnce(world);
    expect([closing, opening].map(({ action, to }) => [action, to.kind])).toEqual([
      ['refused', 'waiting'],
      ['refused', 'opening'],
    ]);
    expect(world.calls.filter((call) => call.endsWith('brake'))).toEqual(['load brake']);
  });

  it('does not apply to a gate that is already closed', async () => {
    const world = violating();
    await reconcileOnce(world);
    world.repository().ours = 'absent';
    expect((await reconcileOnce(world, NO_ROOM)).action).toBe('restored');
  });

  it('does not apply to a closing that was written but not confirmed', async () => {
    const world = violating();
    world.save(record({ state: { kind: 'closing' }, closedSince: undefined, blockers: [] }));
    world.repository().ours = 'current';
    expect((await reconcileOnce(world, NO_ROOM)).action).toBe('closed');
  });
});

describe('a state after a crash', () => {
  it.each<[string, 'closing' | 'opening', 'current' | 'absent', boolean, string, readonly string[]]>([
    [
      'closing, not written, and the blocker is gone: open, and no closing is notified',
      'closing',
      'absent',
      false,
      'nothing',
      [],
    ],
    [
      'closing, written, and the blocker is gone: opened, and both changes are notified',
      'closing',
      'current',
      false,
      'opened',
      ['closed', 'opened'],
    ],
    ['closing, not written, and the blocker is present: closed', 'closing', 'absent', true, 'closed', ['closed']],
    ['opening, not written, and the blocker is gone: opened', 'opening', 'current', false, 'opened', ['opened']],
    ['opening, written, and the blocker is gone: opened', 'opening', 'absent', false, 'opened', ['opened']],
    [
      'opening, written, and a blocker is present: closed, and both changes are notified',
      'opening',
      'absent',
      true,
      'closed',
      ['opened', 'closed'],
    ],
    [
      'opening, not written, and a blocker is present: it was never open, and nothing is notified',
      'opening',
      'current',
      true,
      'nothing',
      [],
    ],
  ])('%s', async (_name, kind, statement, isThere, done, notices) => {
    const world = newWorld();
    world.save(record({ state: { kind }, closedSince: kind === 'opening' ? NOW : undefined, blockers: [] }));
    world.repository().ours = statement;
    if (isThere) violating('team/app', world);
    const decision = await reconcileOnce(world);
    expect([decision.action, notified(world), world.record(GATE)?.state.kind]).toEqual([
      done,
      notices,
      isThere ? 'closed' : 'open',
    ]);
  });

  it.each<[string, 'absent' | 'current', boolean, string, readonly string[]]>([
    ['not written, and the blocker is there: restored', 'absent', true, 'restored', ['restored']],
    ['written, and the blocker is there: restored', 'current', true, 'restored', ['restored']],
    ['not written, and the blocker is gone: opened', 'absent', false, 'opened', ['opened']],
    ['written, and the blocker is gone: both are notified', 'current', false, 'opened', ['restored', 'opened']],
  ])('an intent to restore, %s', async (_name, statement, isThere, done, notices) => {
    const world = newWorld();
    world.save(record({ state: { kind: 'closing' }, closedSince: NOW }));
    world.repository().ours = statement;
    if (isThere) violating('team/app', world);
    // A gate that was closed needs no room in the brake.
    const decision = await reconcileOnce(world, NO_ROOM);
    expect([decision.action, notified(world), world.record(GATE)?.state.kind]).toEqual([
      done,
      notices,
      isThere ? 'closed' : 'open',
    ]);
  });

  it.each<[string, Partial<GateRecord>, string]>([
    ['closing, in audit mode: waits', { state: { kind: 'closing' }, closedSince: undefined }, 'waiting'],
    ['opening, in audit mode: opened', { state: { kind: 'opening' } }, 'opened'],
  ])('%s', async (_name, changes, done) => {
    const world = violating();
    world.save(record({ ...changes, blockers: [] }));
    const decision = await reconcileOnce(world, rules({ mode: 'audit' }));
    expect([decision.action, decision.to]).toEqual([done, { kind: 'waiting', for: 'audit' }]);
  });
});
