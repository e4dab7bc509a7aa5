// Two workers on one gate at the same time, in every interleaving of their calls.
import { describe, expect, it } from 'vitest';
import type { Ports } from '../../shared/ports.ts';
import { reconcile } from '../../shared/reconcile.ts';
import { everyInterleaving, type Step, type Turn } from '../interleavings.ts';
import { closer, digest, finding, GATE, record, rules } from './samples.ts';
import { newWorld, type World } from './world.ts';

const VIOLATING = { findings: [finding()] };

/** A worker that was woken for one image. */
function lookingAt(world: World, number: number) {
  return (turn: Turn) =>
    reconcile(
      { gate: GATE, scope: [digest(number)], triggers: ['finding'], activeFindings: [] },
      rules(),
      inTurns(world.ports, turn),
    );
}

/** The same ports, each of whose calls that another worker could notice waits for its turn. */
function inTurns<Snapshot>(ports: Ports<Snapshot>, turn: Turn): Ports<Snapshot> {
  const { registry, records, brake } = ports;
  const inTurn =
    <Args extends unknown[], T>(thing: string, writes: Step['writes'], call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      await turn({ thing, writes });
      return call(...args);
    };
  return {
    ...ports,
    registry: {
      ...registry,
      read: inTurn('policy', false, registry.read),
      write: inTurn('policy', true, registry.write),
    },
    records: {
      load: inTurn('record', false, records.load),
      save: inTurn('record', true, records.save),
      remove: inTurn('record', true, records.remove),
    },
    brake: { load: inTurn('brake', false, brake.load), save: inTurn('brake', true, brake.save) },
  };
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
        workers: [lookingAt(world, 1), lookingAt(world, 2)],
        check: () => expectClosed(world, [digest(2)]),
      };
    });
    expect(count).toBeGreaterThan(100);
  });

  it('both closing, in every interleaving of their calls: ends closed, with both closers', async () => {
    const count = await everyInterleaving(() => {
      const world = newWorld();
      world.save(record({ state: { kind: 'open' }, closers: [] }));
      for (const number of [1, 2]) world.repository().images.set(digest(number), VIOLATING);
      return {
        workers: [lookingAt(world, 1), lookingAt(world, 2)],
        check: () => expectClosed(world, [digest(1), digest(2)]),
      };
    });
    expect(count).toBeGreaterThan(100);
  });
});
