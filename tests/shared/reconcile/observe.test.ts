// Observations: after a push, after a delete, and once more before an opening.
import { describe, expect, it } from 'vitest';
import { digest, GATE, NOW, record, rules } from '../samples.ts';
import { reconcileOnce, resultOnce, VIOLATING, violating } from './reconciling.ts';
import type { World } from './world.ts';

describe('a missing lock', () => {
  it('is restored from the record, without an observation', async () => {
    const world = await violating(true);
    world.repository().ours = 'absent';
    world.repository().images.clear();
    const { action } = await reconcileOnce(world, { scope: 'all', triggers: ['lock'] });
    expect([action, world.repository().ours, world.scopes]).toEqual(['restored', 'current', [[]]]);
  });

  it('of a gate that waits for it to go: all images are observed', async () => {
    const world = await violating();
    world.repository().bearsNoMarks = true;
    world.repository().ours = 'unmarked';
    await reconcileOnce(world);
    world.repository().ours = 'absent';
    world.scopes.length = 0;
    const { action } = await reconcileOnce(world, { scope: 'all', triggers: ['lock'] });
    expect([action, world.scopes]).toEqual(['closed', ['all']]);
  });

  it('is restored with a notice that names the change, if it is known', async () => {
    const world = await violating(true);
    world.repository().ours = 'absent';
    const changedBy = { who: 'terraform', call: 'DeleteLock', at: NOW };
    await reconcileOnce(world, { scope: 'all', triggers: ['lock'], changedBy });
    expect(world.created()).toMatchObject([{ kind: 'restored', was: 'closed', removedBy: changedBy }]);
  });

  it('is not why a gate closes again after a pause, so its notice names no change', async () => {
    const world = await violating(true);
    await reconcileOnce(world, { scope: [], triggers: ['pause'] }, rules({ mode: 'pause' }));
    await reconcileOnce(world, { triggers: ['settings', 'lock'], changedBy: { who: 'x', call: 'y', at: NOW } });
    expect(world.created().at(-1)).toMatchObject({ kind: 'restored', was: { for: 'pause' } });
    expect(world.created().at(-1)).not.toHaveProperty('removedBy');
  });

  it.each<[string, (world: World) => unknown]>([
    ['has no record', () => {}],
    ['is open by its record', (world) => world.save(record({ state: { kind: 'open' }, closedSince: undefined }))],
    ['was released', (world) => world.save(record({ state: { kind: 'waiting', for: 'release' } }))],
    ['is being opened', (world) => world.save(record({ state: { kind: 'opening' } }))],
  ])('is not missing if the gate %s: nothing is observed or changed', async (_name, begin) => {
    const world = await violating();
    begin(world);
    const before = world.record(GATE);
    const { kind, decision } = await resultOnce(world, { scope: 'all', triggers: ['lock'] });
    const state = before?.state ?? { kind: 'open' };
    expect([kind, decision]).toEqual(['done', world.decisions[0]]);
    expect(decision).toMatchObject({ action: 'nothing', from: state, to: state, images: [] });
    expect([world.calls, world.record(GATE)]).toEqual([['load', 'read'], before]);
  });

  it('that is in place costs no observation and no write', async () => {
    const world = await violating(true);
    const { action } = await reconcileOnce(world, { scope: 'all', triggers: ['lock'] });
    expect([action, world.calls]).toEqual(['nothing', ['load', 'observe', 'read']]);
  });
});

describe('the observation before an opening', () => {
  const untagged = { ...VIOLATING, tags: [] };

  /** A stale observation recorded that the first blocker is out of scope, but it is in scope again. */
  async function withStaleMemory(others: number) {
    const world = await violating(true);
    for (let number = 2; number < others + 2; number++) {
      world.repository().images.set(digest(number), VIOLATING);
      await reconcileOnce(world, { scope: [digest(number)] });
    }
    world.repository().images.set(digest(1), untagged);
    await reconcileOnce(world);
    world.repository().images.set(digest(1), VIOLATING);
    for (let number = 2; number < others + 2; number++) world.repository().images.delete(digest(number));
    return world;
  }

  it('includes every blocker, even inactive ones: one that is in scope again keeps the gate closed', async () => {
    const world = await withStaleMemory(1);
    const { to } = await reconcileOnce(world, { scope: [digest(2)] });
    expect([to.kind, world.repository().ours]).toEqual(['closed', 'current']);
  });

  it('includes all images if there are more than a hundred blockers', async () => {
    const world = await withStaleMemory(101);
    await reconcileOnce(world, { scope: Array.from({ length: 101 }, (_, number) => digest(number + 2)) });
    expect([world.record(GATE)?.state.kind, world.repository().ours]).toEqual(['closed', 'current']);
  });

  it('also precedes the clearing of a gate that waits', async () => {
    const world = await violating();
    const braked = rules({ maxClosesPerHour: 0 });
    await reconcileOnce(world, {}, braked);
    let observations = 0;
    world.repository().images.set(digest(1), untagged);
    world.around = (call, when) => {
      if (call === 'observe' && when === 'after' && ++observations === 1)
        world.repository().images.set(digest(1), VIOLATING);
    };
    const { to } = await reconcileOnce(world, {}, braked);
    expect(to).toEqual({ kind: 'waiting', for: 'brake' });
  });

  it('does not happen in a release, even after a conflict, because a release needs no permission to observe', async () => {
    const world = await violating(true);
    let saves = 0;
    world.around = (call, when) => {
      if (call === 'save' && when === 'before' && ++saves === 1) world.save(world.record(GATE) ?? record({}));
    };
    const paused = rules({ mode: 'pause' });
    await reconcileOnce(world, { scope: [], triggers: ['release'] }, paused);
    expect(world.repository().ours).toBe('absent');
    expect(world.scopes).toEqual([[], []]);
  });
});
