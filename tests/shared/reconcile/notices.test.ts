// Which notices a reconciliation sends at once, which it leaves to the tick, and how often it tells of restorations.
import { describe, expect, it } from 'vitest';
import { currentRules, type Rules } from '../../../shared/reconcile/rules.ts';
import { TRIGGERS, type Trigger } from '../../../shared/reconcile/trigger.ts';
import { anOverride, digest, finding, GATE, hoursLater, record, ruleSettings, rules } from '../samples.ts';
import { reconcileOnce, VIOLATING, violating } from './reconciling.ts';
import { newWorld, type World } from './world.ts';

const AT_ONCE: readonly Trigger[] = ['finding', 'scan', 'push', 'delete', 'override'];
const sent = (world: World) => world.notices.map(({ kind }) => kind);
const pending = (world: World) => (world.record(GATE)?.pending ?? []).map(({ kind }) => kind);

/** A world whose gate is about to change, and the rules for it. */
type Change = () => Promise<readonly [World, Rules]>;
const CLOSING: Change = async () => [await violating(), rules()];
const OPENING: Change = async () => {
  const world = await violating(true);
  world.repository().images.clear();
  return [world, rules()];
};
const RESTORING: Change = async () => {
  const world = await violating(true);
  world.repository().ours = 'absent';
  return [world, rules()];
};
const WAITING: Change = async () => [await violating(), rules({ mode: 'audit' })];
const CLEARING: Change = async () => {
  const world = await violating();
  await reconcileOnce(world, {}, rules({ mode: 'audit' }));
  await world.deliver();
  world.notices.length = 0;
  world.repository().images.clear();
  return [world, rules({ mode: 'audit' })];
};

describe('a notice', () => {
  const changes: readonly (readonly [string, Change, readonly Trigger[]])[] = [
    ['closed', CLOSING, AT_ONCE],
    ['opened', OPENING, AT_ONCE],
    ['restored', RESTORING, AT_ONCE],
    ['waiting', WAITING, ['override']],
    ['cleared', CLEARING, ['override']],
  ];
  // A missing lock is restored from the record alone, so nothing else happens then.
  const triggersOf = (change: Change) => TRIGGERS.filter((trigger) => change === RESTORING || trigger !== 'lock');
  const rows = changes.flatMap(([kind, change, atOnce]) =>
    triggersOf(change).map(
      (trigger) => [kind, trigger, atOnce.includes(trigger) ? 'sent at once' : 'left to the tick', change] as const,
    ),
  );

  it.each(rows)('(%s) of a reconciliation by %s is %s', async (kind, trigger, how, change) => {
    const [world, byRules] = await change();
    await reconcileOnce(world, { triggers: [trigger], scope: [digest(1)] }, byRules);
    expect([sent(world), pending(world)]).toEqual(how === 'sent at once' ? [[kind], []] : [[], [kind]]);
    await world.deliver();
    expect([sent(world), pending(world)]).toEqual([[kind], []]);
  });

  it('of an override is sent at once, whatever reconciles its gate', async () => {
    const world = newWorld();
    world.save({
      ...record({ state: { kind: 'open' }, closedSince: undefined, blockers: [] }),
      override: anOverride({ notified: 'nothing' }),
    });
    await reconcileOnce(world, { triggers: ['sweep'], scope: 'all' });
    expect([sent(world), pending(world)]).toEqual([['override'], []]);
  });

  it('that is sent at once goes after those of the gate that wait for the tick', async () => {
    const world = await violating();
    await reconcileOnce(world, {}, rules({ mode: 'audit' }));
    expect(pending(world)).toEqual(['waiting']);
    await reconcileOnce(world);
    expect([sent(world), pending(world)]).toEqual([['waiting', 'closed'], []]);
  });

  it('that cannot be sent for long is one of at most 20, and the others are counted', async () => {
    const world = await violating();
    world.around = (call) => {
      if (call === 'notify' || call === 'send') throw new Error('no such topic');
    };
    for (let turn = 0; turn < 30; turn++) {
      if (turn % 2 === 0) world.repository().images.set(digest(1), VIOLATING);
      else world.repository().images.clear();
      expect(await reconcileOnce(world)).toMatchObject({ notifyError: 'Error: no such topic' });
      world.now = hoursLater(turn);
      await world.deliver();
    }
    expect(world.record(GATE)?.pending).toHaveLength(20);
    world.around = () => {};
    world.now = hoursLater(31);
    await world.deliver();
    expect([world.notices.length, world.notices[0]?.droppedBefore, pending(world)]).toEqual([20, 10, []]);
  });
});

describe('a lock that is removed again and again', () => {
  const strip = async (world: World, hours: number, trigger: Trigger = 'lock') => {
    world.now = hoursLater(hours);
    world.repository().ours = 'absent';
    expect(await reconcileOnce(world, { triggers: [trigger], scope: 'all' })).toMatchObject({ action: 'restored' });
    await world.deliver();
  };
  const repeated = (world: World) =>
    world.notices.map((notice) => (notice.kind === 'restored' ? (notice.repeated ?? 'one') : notice.kind));

  it('is one notice, then one a day with the number of restorations', async () => {
    const world = await violating(true);
    for (const hours of [0, 1, 2, 3]) await strip(world, hours);
    expect(repeated(world)).toEqual(['one']);
    await strip(world, 24);
    expect(repeated(world)).toEqual(['one', { times: 4, since: hoursLater(0) }]);
    for (const hours of [25, 30, 47]) await strip(world, hours);
    await strip(world, 48);
    expect(repeated(world).slice(2)).toEqual([{ times: 4, since: hoursLater(24) }]);
  });

  it('is sent by the next reconciliation a day later, although the lock is no longer removed', async () => {
    const world = await violating(true);
    for (const hours of [0, 1, 2]) await strip(world, hours);
    world.now = hoursLater(23);
    await reconcileOnce(world, { triggers: ['sweep'], scope: 'all' });
    await world.deliver();
    expect(repeated(world)).toEqual(['one']);
    world.now = hoursLater(29);
    await reconcileOnce(world, { triggers: ['sweep'], scope: 'all' });
    await world.deliver();
    expect(repeated(world)).toEqual(['one', { times: 2, since: hoursLater(0) }]);
    expect(world.record(GATE)?.restorations).toEqual({ notifiedAt: hoursLater(29), since: 0 });
    world.now = hoursLater(60);
    await reconcileOnce(world, { triggers: ['sweep'], scope: 'all' });
    expect(world.record(GATE)).toMatchObject({ pending: [] });
    expect(world.record(GATE)?.restorations).toBeUndefined();
  });

  it('is told although the gate is open by then, before what opened it', async () => {
    const world = await violating(true);
    for (const hours of [0, 1, 2]) await strip(world, hours);
    world.now = hoursLater(30);
    world.repository().images.clear();
    await reconcileOnce(world);
    expect(repeated(world)).toEqual(['one', { times: 2, since: hoursLater(0) }, 'opened']);
  });

  it('does not count a gate that closes again after a pause', async () => {
    const world = await violating(true);
    const paused = { load: async () => ({ value: { paused: true, at: world.now, by: 'ada' }, version: 1 }) };
    const pause = await currentRules(ruleSettings(), paused, world.now);
    for (let turn = 0; turn < 2; turn++) {
      await reconcileOnce(world, { triggers: ['settings'], scope: 'all' }, pause);
      await reconcileOnce(world, { triggers: ['settings'], scope: 'all' });
    }
    expect(pending(world)).toEqual(['opened', 'restored', 'opened', 'restored']);
    expect(world.record(GATE)?.restorations).toBeUndefined();
  });

  it('and a new finding in between: the finding is in the record, and no notice is lost', async () => {
    const world = await violating(true);
    await strip(world, 0);
    world.repository().images.set(digest(2), { findings: [finding({ vulnerability: 'CVE-2026-2' })] });
    await strip(world, 1, 'finding');
    expect(repeated(world)).toEqual(['one']);
    expect(world.record(GATE)?.restorations).toEqual({ notifiedAt: hoursLater(0), since: 1 });
  });
});
