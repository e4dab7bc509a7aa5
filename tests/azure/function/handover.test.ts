// What obsolete gates hand over after a change of the granularity, and when they may open. Uses the core's test
// records.
import { describe, expect, it } from 'vitest';
import { handOver, rulesForObsolete } from '../../../azure/function/handover.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { GateRecord } from '../../../shared/gate/record.ts';
import { newWorld } from '../../shared/reconcile/world.ts';
import { blocker, digest, finding, NOW, record, rules } from '../../shared/samples.ts';
import { REGISTRY_ID } from './samples.ts';

const REPOSITORY: Gate = { registry: REGISTRY_ID, repository: 'team/app' };
const image = (number: number): Gate => ({ ...REPOSITORY, digest: digest(number) });
/** The gate of an image: with `granularity: image` the image, with `repository` its repository. */
const TO_IMAGES = (one: string): Gate => ({ ...REPOSITORY, digest: one });
const TO_REPOSITORY = (): Gate => REPOSITORY;
const GONE = { at: NOW, why: 'gone' } as const;

const blockerOf = (number: number) => blocker({ digest: digest(number) });

type Saved = Partial<GateRecord> & { readonly gate: Gate };

/** Records of gates, closed by default. */
function stage(...saved: readonly Saved[]) {
  const world = newWorld();
  for (const one of saved) world.save(record(one));
  const blockersOf = (gate: Gate) => world.record(gate)?.blockers.map((one) => one.digest);
  return { world, records: world.ports.records, blockersOf };
}

describe('what obsolete gates hand over', () => {
  it('is nothing if no gate is obsolete', async () => {
    const { records, world } = stage();
    expect(await handOver([], TO_IMAGES, records, NOW)).toEqual([]);
    expect(world.calls).toEqual([]);
  });

  it('is each blocker of a repository, to the gate of its image', async () => {
    const { world, records, blockersOf } = stage({ gate: REPOSITORY, blockers: [blockerOf(1), blockerOf(2)] });
    expect(await handOver([REPOSITORY], TO_IMAGES, records, NOW)).toEqual([image(1), image(2)]);
    expect([blockersOf(image(1)), blockersOf(image(2))]).toEqual([[digest(1)], [digest(2)]]);
    // The handover only adds the blocker. The reconciliation closes the gate.
    expect(world.record(image(1))).toMatchObject({ state: { kind: 'open' }, since: NOW, pending: [] });
    expect(blockersOf(REPOSITORY)).toEqual([digest(1), digest(2)]);
  });

  it('is the blockers of all images, to their repository with one write', async () => {
    const { world, records, blockersOf } = stage(
      { gate: image(1), blockers: [blockerOf(1)] },
      { gate: image(2), blockers: [blockerOf(2)] },
    );
    expect(await handOver([image(1), image(2)], TO_REPOSITORY, records, NOW)).toEqual([REPOSITORY]);
    expect(blockersOf(REPOSITORY)).toEqual([digest(1), digest(2)]);
    expect(world.calls.filter((call) => call === 'save')).toHaveLength(1);
  });

  it('is not an inactive blocker', async () => {
    const { records, blockersOf } = stage({
      gate: REPOSITORY,
      blockers: [{ ...blockerOf(1), inactive: GONE }, blockerOf(2)],
    });
    expect(await handOver([REPOSITORY], TO_IMAGES, records, NOW)).toEqual([image(2)]);
    expect(blockersOf(image(1))).toBeUndefined();
  });

  it('is nothing if the record of the gate was deleted meanwhile', async () => {
    const { records, world } = stage();
    expect(await handOver([REPOSITORY], TO_IMAGES, records, NOW)).toEqual([]);
    expect(world.calls).toEqual(['load']);
  });

  it('is added to the blockers of the successor, which keeps its own findings', async () => {
    const own = blocker({ digest: digest(1), findings: [finding({ vulnerability: 'CVE-OWN' })] });
    const { world, records, blockersOf } = stage(
      { gate: REPOSITORY, state: { kind: 'closing' }, blockers: [own] },
      { gate: image(1), blockers: [blockerOf(1)] },
      { gate: image(2), blockers: [blockerOf(2)] },
    );
    await handOver([image(1), image(2)], TO_REPOSITORY, records, NOW);
    expect(blockersOf(REPOSITORY)).toEqual([digest(1), digest(2)]);
    expect(world.record(REPOSITORY)).toMatchObject({ state: { kind: 'closing' }, blockers: [own, {}] });
  });

  it('is not written again if the successor already has it', async () => {
    const { world, records } = stage(
      { gate: REPOSITORY, blockers: [blockerOf(1)] },
      { gate: image(1), blockers: [{ ...blockerOf(1), inactive: GONE }] },
    );
    expect(await handOver([REPOSITORY], TO_IMAGES, records, NOW)).toEqual([image(1)]);
    expect(world.calls).not.toContain('save');
  });

  it('is not written over the record of a faster worker, and the obsolete gate does not open', async () => {
    const { world, records, blockersOf } = stage({ gate: REPOSITORY, blockers: [blockerOf(1)] });
    world.around = (call, when) => {
      if (call !== 'save' || when !== 'before') return;
      world.around = () => {};
      world.save(record({ gate: image(1), state: { kind: 'open' }, blockers: [] }));
    };
    expect(await handOver([REPOSITORY], TO_IMAGES, records, NOW)).toEqual([image(1)]);
    expect(blockersOf(image(1))).toEqual([]);
    const stackRules = rules();
    expect(await rulesForObsolete(REPOSITORY, TO_IMAGES, records, stackRules)).toBe(stackRules);
  });

  it('fails if a record cannot be read', async () => {
    const { world, records } = stage({ gate: REPOSITORY });
    world.around = () => {
      throw new Error('503');
    };
    await expect(handOver([REPOSITORY], TO_IMAGES, records, NOW)).rejects.toThrow('503');
  });
});

describe('an obsolete gate', () => {
  const closed = { gate: REPOSITORY, blockers: [blockerOf(1), blockerOf(2)] };
  const successor = (number: number, changes: Partial<GateRecord> = {}) => ({
    gate: image(number),
    blockers: [blockerOf(number)],
    ...changes,
  });

  it.each<[string, readonly Saved[], 'opens' | 'stays']>([
    ['has no record', [], 'opens'],
    ['is open', [{ ...closed, state: { kind: 'open' } }], 'opens'],
    ['waits', [{ ...closed, state: { kind: 'waiting', for: 'brake' } }], 'opens'],
    ['is closed, and its successors have no record', [closed], 'stays'],
    ['is being closed', [{ ...closed, state: { kind: 'closing' } }], 'stays'],
    ['is being opened', [{ ...closed, state: { kind: 'opening' } }], 'stays'],
    ['is closed, and each successor is closed', [closed, successor(1), successor(2)], 'opens'],
    ['is closed, and one successor has no record', [closed, successor(1)], 'stays'],
    [
      'is closed, and one successor waits for the brake',
      [closed, successor(1), successor(2, { state: { kind: 'waiting', for: 'brake' } })],
      'stays',
    ],
    [
      'is closed, and one successor is still being closed',
      [closed, successor(1), successor(2, { state: { kind: 'closing' } })],
      'stays',
    ],
    [
      'is closed, and one successor is closed for another image',
      [closed, successor(1), successor(2, { blockers: [blockerOf(3)] })],
      'stays',
    ],
    [
      'is closed, and one successor is closed, but its blocker is inactive',
      [closed, successor(1), successor(2, { blockers: [{ ...blockerOf(2), inactive: GONE }] })],
      'stays',
    ],
    [
      'is closed for one image, and its other blocker is inactive',
      [{ ...closed, blockers: [blockerOf(1), { ...blockerOf(2), inactive: GONE }] }, successor(1)],
      'opens',
    ],
  ])('that %s %s', async (_what, saved, fate) => {
    const stackRules = rules({ repositories: { include: ['team/**'], exclude: [] } });
    const of = await rulesForObsolete(REPOSITORY, TO_IMAGES, stage(...saved).records, stackRules);
    expect(of.includes('team/app')).toBe(fate === 'stays');
    const [own, stack] = [of.of(REPOSITORY), stackRules.of(REPOSITORY)];
    expect(own.includes('team/app')).toBe(fate === 'stays');
    expect({ ...own, includes: undefined }).toEqual({ ...stack, includes: undefined });
  });

  it('of an image stays until its repository is closed for the image', async () => {
    const stackRules = rules();
    const rulesOver = (...saved: readonly Saved[]) =>
      rulesForObsolete(
        image(1),
        TO_REPOSITORY,
        stage({ gate: image(1), blockers: [blockerOf(1)] }, ...saved).records,
        stackRules,
      );
    expect(await rulesOver()).toBe(stackRules);
    expect(await rulesOver({ gate: REPOSITORY, blockers: [blockerOf(2)] })).toBe(stackRules);
    const after = await rulesOver({ gate: REPOSITORY, blockers: [blockerOf(2), blockerOf(1)] });
    expect(after.includes('team/app')).toBe(false);
  });
});
