// Two concurrent workers on one gate, in every interleaving of their calls and of a concurrent event.
import { describe, expect, it } from 'vitest';
import type { Ports } from '../../../shared/reconcile/ports.ts';
import { reconcile } from '../../../shared/reconcile/reconcile.ts';
import { everyInterleaving, type Step, type Turn } from '../../interleavings.ts';
import { blocker, digest, finding, GATE, hoursLater, NOW, record, rules } from '../samples.ts';
import { newWorld, type World, type WorldImage } from './world.ts';

const VIOLATING = { findings: [finding()] };
const UNTAGGED = { ...VIOLATING, tags: [] };

/** A worker that was triggered for one image. */
function lookingAt(world: World, number: number) {
  return (turn: Turn) =>
    reconcile(
      { gate: GATE, scope: [digest(number)], triggers: ['finding'], namedReports: [] },
      rules(),
      inTurns(world.ports, turn),
    );
}

/** Wraps the ports: each call with an effect that another worker could notice waits for its turn. */
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
      observe: inTurn('world', false, registry.observe),
      scans: inTurn('world', false, registry.scans),
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

/** An event, followed by the worker that it triggers. */
function wokenBy(happens: () => void, worker: (turn: Turn) => Promise<unknown>) {
  return async (turn: Turn) => {
    await turn({ thing: 'world', writes: true });
    happens();
    return worker(turn);
  };
}

const AT_ONCE: Turn = async () => {};

/** A gate that is closed for the first image, which is gone if no image is given. */
function closed(bearsNoMarks: boolean, image?: WorldImage): World {
  const world = open(bearsNoMarks, image);
  world.save(record({ claimed: true, blockers: [blocker({ violatedAt: NOW, closedAt: NOW })] }));
  world.repository().ours = 'current';
  return world;
}

/** A gate that is open, even if the first image exists. */
function open(bearsNoMarks: boolean, image?: WorldImage): World {
  const world = newWorld();
  world.repository().bearsNoMarks = bearsNoMarks;
  if (image !== undefined) world.repository().images.set(digest(1), image);
  return world;
}

function expectClosed(world: World, digests: readonly string[]): void {
  const stored = world.record(GATE);
  const holding = stored?.blockers.filter((one) => one.inactive === undefined).map((one) => one.digest);
  expect([world.repository().ours, stored?.state.kind, holding?.toSorted(), stored?.pending]).toEqual([
    'current',
    'closed',
    digests,
    [],
  ]);
}

describe.each([
  ['one repository', false],
  ['one gate with unmarked locks', true],
])('two workers on %s', (_name, bearsNoMarks) => {
  it('one closing, one opening: closed in the end', async () => {
    const count = await everyInterleaving(() => {
      // The gate is closed for an image that was just deleted. The deletion triggers one worker, a new image the other.
      const world = closed(bearsNoMarks);
      world.repository().images.set(digest(2), VIOLATING);
      return {
        workers: [lookingAt(world, 1), lookingAt(world, 2)],
        check: () => expectClosed(world, [digest(2)]),
      };
    });
    expect(count).toBeGreaterThan(100);
  });

  it('both closing: closed in the end, with both blockers', async () => {
    const count = await everyInterleaving(() => {
      const world = open(bearsNoMarks);
      world.save(record({ state: { kind: 'open' }, blockers: [] }));
      for (const number of [1, 2]) world.repository().images.set(digest(number), VIOLATING);
      return {
        workers: [lookingAt(world, 1), lookingAt(world, 2)],
        check: () => expectClosed(world, [digest(1), digest(2)]),
      };
    });
    expect(count).toBeGreaterThan(100);
  });

  it('one opening for an untagged image, one triggered when the tag is restored: closed in the end', async () => {
    const count = await everyInterleaving(() => {
      const world = closed(bearsNoMarks, UNTAGGED);
      const tag = () => world.repository().images.set(digest(1), VIOLATING);
      return {
        workers: [lookingAt(world, 1), wokenBy(tag, lookingAt(world, 1))],
        check: () => expectClosed(world, [digest(1)]),
      };
    });
    expect(count).toBeGreaterThan(100);
  });

  it('one opening after a clean scan, one triggered by a new finding: closed in the end', async () => {
    const count = await everyInterleaving(() => {
      const world = closed(bearsNoMarks, { scan: { kind: 'finished', at: hoursLater(1) } });
      world.now = hoursLater(2);
      const find = () => world.repository().images.set(digest(1), VIOLATING);
      return {
        workers: [lookingAt(world, 1), wokenBy(find, lookingAt(world, 1))],
        check: () => expectClosed(world, [digest(1)]),
      };
    });
    expect(count).toBeGreaterThan(100);
  });

  it('one that observes a violation in a closed gate, one triggered by the deletion: open in the end', async () => {
    const count = await everyInterleaving(() => {
      const world = closed(bearsNoMarks, VIOLATING);
      const remove = () => world.repository().images.delete(digest(1));
      return {
        workers: [lookingAt(world, 1), wokenBy(remove, lookingAt(world, 1))],
        check() {
          const { ours } = world.repository();
          expect([ours, world.record(GATE)?.state.kind, world.record(GATE)?.pending]).toEqual(['absent', 'open', []]);
        },
      };
    });
    expect(count).toBeGreaterThan(10);
  });

  it('one closing, one triggered by the deletion: open after the next reconciliation', async () => {
    const count = await everyInterleaving(() => {
      const world = open(bearsNoMarks, VIOLATING);
      const remove = () => world.repository().images.delete(digest(1));
      return {
        workers: [lookingAt(world, 1), wokenBy(remove, lookingAt(world, 1))],
        async check() {
          await lookingAt(world, 1)(AT_ONCE);
          expect([world.repository().ours, world.record(GATE)?.state.kind ?? 'open']).toEqual(['absent', 'open']);
        },
      };
    });
    expect(count).toBeGreaterThan(10);
  });

  it('one observes an untagged blocker, the tag is restored, and the other has nothing to write: the first does not open', async () => {
    const world = closed(bearsNoMarks, UNTAGGED);
    const reconcileOnce = () => lookingAt(world, 1)(AT_ONCE);
    let other: unknown;
    world.around = async (call, when) => {
      if (call !== 'observe' || when !== 'after' || world.calls.filter((one) => one === 'observe').length > 1) return;
      world.repository().images.set(digest(1), VIOLATING);
      const calls = world.calls.length;
      const { decision } = await reconcileOnce();
      other = { action: decision.action, calls: world.calls.slice(calls) };
    };
    await reconcileOnce();
    expect(other).toEqual({ action: 'nothing', calls: ['load', 'observe', 'read'] });
    expect(world.calls.filter((call) => call.startsWith('write'))).toEqual([]);
    expectClosed(world, [digest(1)]);
  });
});
