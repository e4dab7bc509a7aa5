// When a reconciliation looks for the fix that a closed repository blocks, and how often people are notified of it.
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ReconcileRequest } from '../../../shared/reconcile/request.ts';
import { anOverride, daysLater, digest, GATE, hoursLater, NOW, policy, type record, rules } from '../samples.ts';
import { reconcileOnce, resultOnce, VIOLATING } from './reconciling.ts';
import { newWorld, type World, type WorldImage } from './world.ts';

const FIX = digest(5);
const minutesLater = (minutes: number) => hoursLater(minutes / 60);
const SETTLED = { kind: 'finished', at: hoursLater(-1) } as const;
const CLEAN: WorldImage = { tags: ['1.5'], pushedAt: hoursLater(-2), scan: SETTLED };
const SWEEP: Partial<ReconcileRequest> = { triggers: ['sweep'], scope: 'all' };

/** A repository that the first image keeps closed, and an image that was pushed later. */
async function closed(fix: WorldImage = CLEAN): Promise<World> {
  const world = newWorld();
  world.repository().images.set(digest(1), { ...VIOLATING, tags: ['1.4'] });
  await reconcileOnce(world);
  world.repository().images.set(FIX, fix);
  world.notices.length = 0;
  world.calls.length = 0;
  return world;
}

const blocked = (world: World) => world.record(GATE)?.remedy?.blocked;
const kinds = (world: World) => world.created().map(({ kind }) => kind);
const looked = (world: World) => world.calls.includes('pushed');

describe('the fix of a closed repository', () => {
  it('is recorded, named in the decision, and announced by the tick', async () => {
    const world = await closed();
    const decision = await reconcileOnce(world, SWEEP);
    const expected = {
      repository: 'registry.example/team/app',
      fix: { digest: FIX, tags: ['1.5'] },
      blockedBy: [{ digest: digest(1), tags: ['1.4'] }],
      moreBlockedBy: 0,
    };
    expect([decision.action, decision.blockedFix, blocked(world)]).toEqual(['nothing', expected, expected]);
    expect(world.record(GATE)?.pending).toMatchObject([{ kind: 'remedy', blockedFix: expected, leftToTick: true }]);
  });

  it('is announced once, and a second reconciliation writes nothing', async () => {
    const world = await closed();
    await reconcileOnce(world, SWEEP);
    await world.deliver();
    world.calls.length = 0;
    await reconcileOnce(world, SWEEP);
    expect([kinds(world), world.calls.includes('save')]).toEqual([['remedy'], false]);
  });

  it('stays announced while its scan is under way again, and a newer one is named without a notice', async () => {
    const world = await closed();
    const { images } = world.repository();
    await reconcileOnce(world, SWEEP);
    images.set(FIX, { ...CLEAN, scan: { kind: 'unproven', detail: '' } });
    await reconcileOnce(world, SWEEP);
    expect(world.record(GATE)?.remedy).toEqual({ blocked: undefined, announced: FIX });
    images.set(FIX, CLEAN).set(digest(6), { ...CLEAN, tags: ['1.6'], pushedAt: hoursLater(-1) });
    await reconcileOnce(world, SWEEP);
    expect([kinds(world), blocked(world)?.fix.tags]).toEqual([['remedy'], ['1.6']]);
  });

  it.each([
    ['is gone', undefined],
    ['is a blocker, too', { ...VIOLATING, tags: ['1.5'] }],
  ])('is followed by another notice if the announced one %s', async (_why, now) => {
    const world = await closed();
    const { images } = world.repository();
    await reconcileOnce(world, SWEEP);
    if (now === undefined) images.delete(FIX);
    else images.set(FIX, now);
    await reconcileOnce(world, SWEEP);
    expect(world.record(GATE)?.remedy).toBeUndefined();
    images.set(digest(6), { ...CLEAN, tags: ['1.6'], pushedAt: hoursLater(-1) });
    await reconcileOnce(world, SWEEP);
    expect([kinds(world), blocked(world)?.fix.tags]).toEqual([['remedy', 'remedy'], ['1.6']]);
  });

  it('is forgotten when the gate opens, and announced again by the next closing', async () => {
    const world = await closed();
    const { images } = world.repository();
    await reconcileOnce(world, SWEEP);
    images.set(digest(1), { ...VIOLATING, tags: [] });
    await reconcileOnce(world, SWEEP);
    expect(world.record(GATE)?.remedy).toBeUndefined();
    images.set(digest(1), { ...VIOLATING, tags: ['1.4'] });
    await reconcileOnce(world, SWEEP);
    expect(kinds(world)).toEqual(['remedy', 'opened', 'restored']);
    expect(world.created().at(-1)).toMatchObject({ blockedFix: { fix: { digest: FIX } } });
  });

  it.each<[string, Partial<ReturnType<typeof record>>]>([
    ['an override keeps the gate closed', { override: anOverride({ kind: 'closed' }) }],
    ['not all blockers are on record', { omittedBlockers: 3 }],
  ])('stays announced while %s', async (_why, change) => {
    const world = await closed();
    await reconcileOnce(world, SWEEP);
    const before = stored(world);
    world.save({ ...before, ...change });
    await reconcileOnce(world, SWEEP);
    expect(world.record(GATE)?.remedy).toEqual({ blocked: undefined, announced: FIX });
    world.save({ ...stored(world), override: undefined, omittedBlockers: 0 });
    await reconcileOnce(world, SWEEP);
    expect([kinds(world).filter((kind) => kind === 'remedy').length, blocked(world)?.fix.digest]).toEqual([1, FIX]);
  });

  it('stays announced while the registry refuses the lock', async () => {
    const world = await closed();
    await reconcileOnce(world, SWEEP);
    const repository = world.repository();
    Object.assign(repository, { ours: 'absent', refuses: 'no permission' });
    expect(await reconcileOnce(world, SWEEP)).toMatchObject({ action: 'refused', to: { kind: 'waiting' } });
    expect(world.record(GATE)?.remedy).toEqual({ blocked: undefined, announced: FIX });
    repository.refuses = undefined;
    await reconcileOnce(world, SWEEP);
    expect(world.record(GATE)?.remedy).toMatchObject({ blocked: { fix: { digest: FIX } }, announced: FIX });
  });

  it('that is there at the closing is named in its notice alone', async () => {
    const world = newWorld();
    world
      .repository()
      .images.set(digest(1), { ...VIOLATING, tags: ['1.4'] })
      .set(FIX, CLEAN);
    await reconcileOnce(world);
    await reconcileOnce(world, SWEEP);
    expect(world.created()).toMatchObject([{ kind: 'closed', blockedFix: { fix: { digest: FIX } } }]);
  });

  it('has a notice of its own if that of a restoration is folded', async () => {
    const world = await closed({ ...CLEAN, scan: { kind: 'unproven', detail: '' } });
    for (const _turn of [1, 2]) {
      world.repository().ours = 'absent';
      await reconcileOnce(world, SWEEP);
      world.repository().images.set(FIX, CLEAN);
    }
    expect(kinds(world)).toEqual(['restored', 'remedy']);
  });
});

describe('a reconciliation looks for the fix', () => {
  it.each<[string, Partial<ReconcileRequest>, boolean]>([
    ['in a sweep', SWEEP, true],
    ['after an event about another image', { triggers: ['scan'], scope: [FIX] }, true],
    ['after a push, which observes the blockers, too', { triggers: ['push'], scope: [FIX] }, true],
    ['but not after an event about a known blocker', { triggers: ['finding'], scope: [digest(1)] }, false],
    ['but not for a lock that is in place', { triggers: ['lock'], scope: 'all' }, false],
    ['but not for a command', { triggers: ['override'], scope: [] }, false],
  ])('%s', async (_when, request, expected) => {
    const world = await closed();
    await reconcileOnce(world, request);
    expect([looked(world), blocked(world)?.fix.digest]).toEqual([expected, expected ? FIX : undefined]);
  });

  it('when a newer blocker appears, which ends the fix', async () => {
    const world = await closed();
    await reconcileOnce(world, SWEEP);
    world.repository().images.set(digest(6), { ...VIOLATING, pushedAt: hoursLater(-1) });
    await reconcileOnce(world, { scope: [digest(6)] });
    expect(blocked(world)).toBeUndefined();
  });

  it('not while a missing lock is put back, and keeps what is known', async () => {
    const world = await closed();
    await reconcileOnce(world, SWEEP);
    world.repository().ours = 'absent';
    world.calls.length = 0;
    await reconcileOnce(world, { triggers: ['lock'], scope: 'all' });
    expect([looked(world), blocked(world)?.fix.digest]).toEqual([false, FIX]);
  });

  it('and reads the indexes that may be the fix, and those that they list', async () => {
    const world = await closed({ ...CLEAN, children: [digest(6), digest(9)] });
    world
      .repository()
      .images.set(digest(6), { tags: [], children: [digest(7)] })
      .set(digest(7), { tags: [], scan: SETTLED });
    await reconcileOnce(world, SWEEP);
    expect(blocked(world)?.fix.digest).toBe(FIX);
    expect(world.calls.filter((call) => call === 'childrenOf').length).toBe(2);
  });

  it('and asks for nothing else if no tagged image is newer than every blocker', async () => {
    const world = await closed({ ...CLEAN, tags: [] });
    world.repository().images.set(digest(8), { tags: ['index'], pushedAt: daysLater(-2), children: [digest(1)] });
    world.repository().images.set(digest(1), { ...VIOLATING, tags: [] });
    await reconcileOnce(world, SWEEP, rules({ policy: policy({ images: 'all' }) }));
    const asked = ['pushed', 'childrenOf', 'judged'].map((call) => world.calls.includes(call));
    expect([asked, blocked(world)]).toEqual([[true, false, false], undefined]);
  });

  it('and judges nothing if the only newer image is an index that is gone when it is read', async () => {
    const world = await closed({ ...CLEAN, children: [digest(6)] });
    Object.assign(world.ports.fixes, { childrenOf: async () => new Map() });
    await reconcileOnce(world, SWEEP);
    expect([world.calls.includes('judged'), world.record(GATE)?.remedy]).toEqual([false, undefined]);
  });

  it('again with a tick if the image was scanned only minutes ago, and its message is done', async () => {
    const recent = { kind: 'finished', at: hoursLater(-0.05) } as const;
    const world = await closed({ ...CLEAN, scan: recent });
    const event: Partial<ReconcileRequest> = { triggers: ['scan'], scope: [FIX] };
    expect(await resultOnce(world, event)).toMatchObject({ kind: 'done' });
    const remedy = { blocked: undefined, announced: undefined, lookAgainAt: minutesLater(5) };
    expect(world.record(GATE)?.remedy).toEqual(remedy);
    world.calls.length = 0;
    world.now = minutesLater(1);
    await reconcileOnce(world, event);
    expect([world.record(GATE)?.remedy, world.calls.includes('save')]).toEqual([remedy, false]);
    world.now = minutesLater(5);
    expect(await resultOnce(world, { triggers: ['tick'], scope: 'all' })).toMatchObject({ kind: 'done' });
    expect(world.record(GATE)?.remedy).toMatchObject({ blocked: { fix: { digest: FIX } }, announced: FIX });
    expect(world.record(GATE)?.remedy?.lookAgainAt).toBeUndefined();
  });

  it('with the next sweep instead of the tick if the search fails', async () => {
    const world = await closed();
    world.repository().images.set(FIX, { ...CLEAN, scan: { kind: 'finished', at: NOW } });
    await reconcileOnce(world, SWEEP);
    world.around = (call) => {
      if (call === 'judged') throw new Error('throttled');
    };
    world.now = minutesLater(6);
    expect(await reconcileOnce(world, SWEEP)).toMatchObject({ remedyError: 'Error: throttled' });
    expect(world.record(GATE)?.remedy?.lookAgainAt).toBeUndefined();
  });

  it('and keeps one that is being scanned again', async () => {
    const world = await closed();
    await reconcileOnce(world, SWEEP);
    world.repository().images.set(FIX, { ...CLEAN, scan: { kind: 'finished', at: hoursLater(0) } });
    expect(await resultOnce(world, SWEEP)).toMatchObject({ kind: 'done' });
    expect(world.record(GATE)?.remedy).toMatchObject({
      blocked: { fix: { digest: FIX } },
      lookAgainAt: minutesLater(5),
    });
  });

  it('without delaying a closing: an error is in the decision, and the next sweep looks again', async () => {
    const world = newWorld();
    world.repository().images.set(digest(1), VIOLATING).set(FIX, CLEAN);
    world.around = (call) => {
      if (call === 'judged') throw new Error('throttled');
    };
    expect(await reconcileOnce(world)).toMatchObject({ action: 'closed', remedyError: 'Error: throttled' });
    world.around = () => {};
    await reconcileOnce(world, SWEEP);
    expect(kinds(world)).toEqual(['closed', 'remedy']);
  });
});

describe('the search is limited', () => {
  afterEach(() => void vi.useRealTimers());

  it('to the newest 20 images, and an older one stays announced', async () => {
    const world = await closed();
    await reconcileOnce(world, SWEEP);
    for (let number = 6; number < 25; number++)
      world.repository().images.set(digest(number), { tags: [`1.${number}`], pushedAt: hoursLater(-1) });
    await reconcileOnce(world, SWEEP);
    expect(blocked(world)?.fix.digest).toBe(FIX);
    world.repository().images.set(digest(25), { tags: ['1.25'], pushedAt: hoursLater(-1) });
    await reconcileOnce(world, SWEEP);
    expect(world.record(GATE)?.remedy).toEqual({ blocked: undefined, announced: FIX });
    world.repository().images.set(digest(25), { ...CLEAN, tags: ['1.25'], pushedAt: hoursLater(-1) });
    await reconcileOnce(world, SWEEP);
    expect([kinds(world), blocked(world)?.fix.tags]).toEqual([['remedy'], ['1.25']]);
  });

  it('to ten seconds: then the closing is confirmed with its notice, and the next sweep looks again', async () => {
    const world = newWorld();
    world.repository().images.set(digest(1), VIOLATING).set(FIX, CLEAN);
    world.around = async (call) => {
      if (call !== 'judged') return;
      await vi.advanceTimersByTimeAsync(9_999);
      expect(kinds(world)).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      await new Promise(() => {});
    };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    expect(await reconcileOnce(world)).toMatchObject({
      action: 'closed',
      remedyError: 'Error: the search took longer than 10 seconds',
    });
    expect([kinds(world), world.record(GATE)?.state.kind]).toEqual([['closed'], 'closed']);
    vi.useRealTimers();
    world.around = () => {};
    await reconcileOnce(world, SWEEP);
    expect(kinds(world)).toEqual(['closed', 'remedy']);
  });
});

function stored(world: World): NonNullable<ReturnType<World['record']>> {
  const found = world.record(GATE);
  if (found === undefined) throw new Error('the gate has a record');
  return found;
}
