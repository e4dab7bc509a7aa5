// Observations: after a push, after a delete, and once more before an opening.
import { describe, expect, it } from 'vitest';
import { digest, GATE, record, rules } from '../samples.ts';
import { reconcileOnce, VIOLATING, violating } from './reconciling.ts';

describe('a missing lock', () => {
  it('is restored from the record, without an observation', async () => {
    const world = await violating(true);
    world.repository().ours = 'absent';
    world.repository().images.clear();
    const { action } = await reconcileOnce(world, { scope: 'all', triggers: ['lock'] });
    expect([action, world.repository().ours, world.scopes]).toEqual(['restored', 'current', [[]]]);
  });

  it('of a gate that is not closed by its record: all images are observed', async () => {
    const world = await violating();
    const { action } = await reconcileOnce(world, { scope: 'all', triggers: ['lock'] });
    expect([action, world.scopes]).toEqual(['closed', ['all']]);
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
    const paused = { ...rules(), mode: 'pause' } as const;
    await reconcileOnce(world, { scope: [], triggers: ['release'] }, paused);
    expect(world.repository().ours).toBe('absent');
    expect(world.scopes).toEqual([[], []]);
  });
});
