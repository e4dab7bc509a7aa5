// When a repository blocks no fix, although it is closed or has blockers.
import { describe, expect, it } from 'vitest';
import type { Blocker } from '../../../shared/gate/record.ts';
import type { ReconcileRequest } from '../../../shared/reconcile/request.ts';
import { anOverride, daysLater, digest, finding, GATE, hoursLater, policy, record, rules } from '../samples.ts';
import { reconcileOnce, VIOLATING } from './reconciling.ts';
import { newWorld, type World, type WorldImage } from './world.ts';

const FIX = digest(5);
const CLEAN: WorldImage = { tags: ['1.5'], pushedAt: hoursLater(-2), scan: { kind: 'finished', at: hoursLater(-1) } };
const SWEEP: Partial<ReconcileRequest> = { triggers: ['sweep'], scope: 'all' };

const blocked = (world: World) => world.record(GATE)?.remedy?.blocked;
const kinds = (world: World) => world.created().map(({ kind }) => kind);
const looked = (world: World) => world.calls.includes('pushed');

describe('nothing blocks a fix', () => {
  const keptOpen = { ...VIOLATING, tags: ['1.4'] };

  it.each<[string, (world: World) => void, Parameters<typeof rules>[0]?]>([
    ['in audit mode', () => {}, { mode: 'audit' }],
    ['during a pause', () => {}, { mode: 'pause' }],
    [
      'that is undetermined',
      ({ repository }) =>
        void repository().images.set(FIX, { ...CLEAN, findings: [finding({ severity: 'UNTRIAGED' })] }),
    ],
    ['that is older', ({ repository }) => void repository().images.set(FIX, { ...CLEAN, pushedAt: daysLater(-2) })],
    ['while an override keeps the gate open', (world) => save(world, { override: anOverride({ kind: 'open' }) })],
    ['while an override keeps the gate closed', (world) => save(world, { override: anOverride({ kind: 'closed' }) })],
    ['if not all blockers are on record', (world) => save(world, { omittedBlockers: 3 })],
  ])('%s', async (_when, change, by = {}) => {
    const world = newWorld();
    world.repository().images.set(digest(1), keptOpen).set(FIX, CLEAN);
    change(world);
    await reconcileOnce(world, SWEEP, rules(by));
    expect([world.record(GATE)?.remedy, kinds(world).includes('remedy')]).toEqual([undefined, false]);
  });

  it('in the gate of an image', async () => {
    const world = newWorld();
    const gate = { ...GATE, digest: digest(1) };
    world.repository().images.set(digest(1), keptOpen).set(FIX, CLEAN);
    expect(await reconcileOnce(world, { ...SWEEP, gate, scope: [digest(1)] })).toMatchObject({ action: 'closed' });
    expect([looked(world), world.record(gate)?.remedy]).toEqual([false, undefined]);
  });

  it('with `images: all`, an untagged blocker still does', async () => {
    const world = newWorld();
    world
      .repository()
      .images.set(digest(1), { ...VIOLATING, tags: [] })
      .set(FIX, CLEAN);
    await reconcileOnce(world, SWEEP, rules({ policy: policy({ images: 'all' }) }));
    expect(blocked(world)?.blockedBy).toEqual([{ digest: digest(1), tags: [] }]);
  });
});

/** Saves the record of the closed gate with these changes. */
function save(world: World, changes: Partial<ReturnType<typeof record>>): void {
  const [first] = record().blockers as readonly [Blocker];
  world.repository().ours = 'current';
  world.save({ ...record(), blockers: [first], ...changes });
}
