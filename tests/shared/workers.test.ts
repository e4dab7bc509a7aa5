// Two workers on one gate at the same time, in every interleaving of their calls with up to four changes between them.
import { describe, expect, it } from 'vitest';
import { reconcile } from '../../shared/reconcile.ts';
import { everyInterleaving } from './interleavings.ts';
import { closer, digest, finding, GATE, record, rules } from './samples.ts';
import { newWorld, type World } from './world.ts';

/** Four changes of worker: enough for one to come back twice between the other's calls. */
const MAX_CHANGES = 4;
const VIOLATING = { findings: [finding()] };

/** A worker that was woken for one image. */
function lookingAt(number: number) {
  return (ports: World['ports']) =>
    reconcile({ gate: GATE, scope: [digest(number)], triggers: ['finding'], activeFindings: [] }, rules(), ports);
}

function expectClosed(world: World, digests: readonly string[]): void {
  const stored = world.record(GATE);
  const holding = stored?.closers.filter((one) => one.departed === undefined).map((one) => one.digest);
  expect([world.repository().ours, stored?.state.kind, holding?.toSorted(), stored?.untold]).toEqual([
    'current',
    'closed',
    digests,
    [],
  ]);
}

describe('two workers on one repository', () => {
  it('one closing, one opening, in every interleaving of their calls: ends closed', async () => {
    const count = await everyInterleaving(() => {
      // The gate is closed for an image that has just been deleted, which one worker comes to see; the other comes for a new image.
      const world = newWorld();
      world.save(record({ closers: [closer()] }));
      world.repository().ours = 'current';
      world.repository().images.set(digest(2), VIOLATING);
      return {
        ports: world.ports,
        workers: [lookingAt(1), lookingAt(2)],
        check: () => expectClosed(world, [digest(2)]),
      };
    }, MAX_CHANGES);
    expect(count).toBeGreaterThan(100);
  });

  it('both closing, in every interleaving of their calls: ends closed, with both closers', async () => {
    const count = await everyInterleaving(() => {
      const world = newWorld();
      world.save(record({ state: { kind: 'open' }, closers: [] }));
      for (const number of [1, 2]) world.repository().images.set(digest(number), VIOLATING);
      return {
        ports: world.ports,
        workers: [lookingAt(1), lookingAt(2)],
        check: () => expectClosed(world, [digest(1), digest(2)]),
      };
    }, MAX_CHANGES);
    expect(count).toBeGreaterThan(100);
  });
});
