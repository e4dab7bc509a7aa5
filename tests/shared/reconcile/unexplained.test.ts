// Locks of ours that the record does not explain: how they are found, what opens them, and what the record keeps.
import { describe, expect, it } from 'vitest';
import { newRecord } from '../../../shared/gate/record.ts';
import type { ListedImage, Scan } from '../../../shared/reconcile/observation.ts';
import type { ReconcileRequest } from '../../../shared/reconcile/request.ts';
import type { Rules } from '../../../shared/reconcile/rules.ts';
import { anOverride, digest, finding, GATE, hoursLater, NOW, policy, record, rules } from '../samples.ts';
import { notified, reconcileOnce, writes } from './reconciling.ts';
import { newWorld, type World } from './world.ts';

const SEARCHED: Partial<ReconcileRequest> = { scope: 'all', triggers: ['lock'] };
const SWEPT: Partial<ReconcileRequest> = { scope: 'all', triggers: ['sweep'] };
const finished = (hours: number): Scan => ({ kind: 'finished', at: hoursLater(hours) });
const listed = (number: number, tagged = true): ListedImage => ({ digest: digest(number), tagged });

/** A repository with our lock and no record. */
function lost(images: readonly ListedImage[] = [listed(1)]): World {
  const world = newWorld();
  const repository = world.repository();
  repository.ours = 'current';
  for (const { digest: name, tagged } of images) repository.images.set(name, { tags: tagged ? ['1.0'] : [] });
  Object.assign(world.ports.registry, { images: async () => images });
  return world;
}

/** The same, found by a search. */
async function found(images?: readonly ListedImage[]): Promise<World> {
  const world = lost(images);
  await reconcileOnce(world, SEARCHED);
  return world;
}

/** The image has this scan. */
function scanned(world: World, number: number, scan: Scan): void {
  const { images } = world.repository();
  images.set(digest(number), { ...images.get(digest(number)), scan });
}

/** What a sweep does hours after the lock was found. */
async function sweptAfter(world: World, hours: number, byRules: Rules = rules()) {
  world.now = hoursLater(hours);
  const { action, to } = await reconcileOnce(world, SWEPT, byRules);
  return [action, to.kind, world.repository().ours];
}

describe('a lock without a record', () => {
  it('that a search found stays, and is announced once', async () => {
    const world = await found();
    expect(world.record(GATE)).toMatchObject({ state: { kind: 'unexplained' }, unexplainedSince: NOW });
    expect(await sweptAfter(world, 1)).toEqual(['nothing', 'unexplained', 'current']);
    expect([notified(world), writes(world)]).toEqual([['unexplained'], []]);
  });

  it('is not read for an event about a clean image', async () => {
    const world = lost();
    await reconcileOnce(world);
    expect(world.calls.filter((call) => call.startsWith('read'))).toEqual([]);
  });

  it('is announced in another form, too, and not rewritten', async () => {
    const world = lost();
    world.repository().ours = 'otherForm';
    const { action, to } = await reconcileOnce(world, SEARCHED);
    expect([action, to.kind, writes(world)]).toEqual(['unexplained', 'unexplained', []]);
  });

  it('is closed for a blocker that is found, and unexplained again once that is gone', async () => {
    const world = lost();
    world.repository().images.set(digest(1), { findings: [finding()] });
    expect(await sweptAfter(world, 0)).toEqual(['closed', 'closed', 'current']);
    world.repository().images.delete(digest(1));
    expect(await sweptAfter(world, 1)).toEqual(['unexplained', 'unexplained', 'current']);
    world.repository().images.set(digest(2), { findings: [finding()] });
    expect(await sweptAfter(world, 2)).toEqual(['closed', 'closed', 'current']);
  });

  it('is put back while a blocker is known, and keeps its doubt', async () => {
    const world = lost();
    world.repository().images.set(digest(1), { findings: [finding()] });
    await sweptAfter(world, 0);
    world.repository().ours = 'absent';
    expect(await sweptAfter(world, 1)).toEqual(['restored', 'closed', 'current']);
    expect(world.record(GATE)?.unexplainedSince).toBe(NOW);
  });
});

describe('an unexplained lock is removed', () => {
  it.each<[string, readonly ListedImage[]]>([
    ['if each image has a newer scan and no finding', [listed(1), listed(2)]],
    ['whatever an image without a tag has', [listed(1), listed(3, false)]],
  ])('%s', async (_name, images) => {
    const world = await found(images);
    for (const { digest: name, tagged } of images)
      if (tagged) world.repository().images.set(name, { scan: finished(1) });
    expect(await sweptAfter(world, 2)).toEqual(['opened', 'open', 'absent']);
    expect(world.record(GATE)?.unexplainedSince).toBeUndefined();
    expect(notified(world)).toEqual(['unexplained', 'opened']);
  });

  it.each<[string, Rules]>([
    ['in a pause', rules({ mode: 'pause' })],
    ['in audit mode', rules({ mode: 'audit' })],
    ['by a release', rules({ mode: 'release' })],
  ])('%s', async (_name, byRules) => {
    expect(await sweptAfter(await found(), 1, byRules)).toEqual(['opened', 'open', 'absent']);
  });

  it('at once if the repository has no image', async () => {
    expect((await reconcileOnce(lost([]), SEARCHED)).action).toBe('opened');
  });

  it('if the config excludes the repository', async () => {
    const byRules = rules({ repositories: { include: ['**'], exclude: ['team/*'] } });
    expect(await sweptAfter(await found(), 1, byRules)).toEqual(['opened', 'open', 'absent']);
  });

  it('by an override that opens it', async () => {
    const world = await found();
    world.save({ ...(world.record(GATE) ?? newRecord(GATE, NOW)), override: anOverride() });
    expect(await sweptAfter(world, 1)).toEqual(['opened', 'open', 'absent']);
  });

  it('by a person in the registry: the record follows', async () => {
    const world = await found();
    world.repository().ours = 'absent';
    expect(await sweptAfter(world, 1)).toEqual(['opened', 'open', 'absent']);
  });
});

describe('an unexplained lock stays', () => {
  it.each<[string, Scan | undefined]>([
    ['without a scan', undefined],
    ['after a scan from before the discovery', finished(-1)],
    ['after a scan that finished a minute ago', finished(2 - 1 / 60)],
    ['after a scan that is no proof', { kind: 'unproven', detail: 'not scanned any more' }],
  ])('%s', async (_name, scan) => {
    const world = await found([listed(1), listed(2)]);
    scanned(world, 1, finished(1));
    if (scan !== undefined) scanned(world, 2, scan);
    expect(await sweptAfter(world, 2)).toEqual(['nothing', 'unexplained', 'current']);
  });

  it('for an image without a tag, if all images count', async () => {
    const world = lost([listed(1, false)]);
    const byRules = rules({ policy: policy({ images: 'all' }) });
    const { action, to } = await reconcileOnce(world, SEARCHED, byRules);
    expect([action, to.kind, world.repository().ours]).toEqual(['unexplained', 'unexplained', 'current']);
  });

  it('for a finding whose severity is unknown', async () => {
    const world = await found();
    world.repository().images.set(digest(1), {
      findings: [finding({ severity: 'UNTRIAGED' })],
      scan: finished(1),
    });
    expect(await sweptAfter(world, 2)).toEqual(['nothing', 'unexplained', 'current']);
  });

  it('for a request about a lock, which observes no image', async () => {
    const world = await found();
    scanned(world, 1, finished(1));
    world.now = hoursLater(2);
    expect((await reconcileOnce(world, SEARCHED)).to.kind).toBe('unexplained');
  });

  it('after a pause, if its gate was closed for a blocker and closes again', async () => {
    const world = lost();
    world.repository().images.set(digest(1), { findings: [finding()] });
    await sweptAfter(world, 0);
    expect(await sweptAfter(world, 1, rules({ mode: 'pause' }))).toEqual(['opened', 'waiting', 'absent']);
    expect(await sweptAfter(world, 2)).toEqual(['restored', 'closed', 'current']);
    world.repository().images.delete(digest(1));
    expect(await sweptAfter(world, 3)).toEqual(['unexplained', 'unexplained', 'current']);
  });

  it('for an event: only a sweep observes all images', async () => {
    const world = await found();
    scanned(world, 1, finished(1));
    world.now = hoursLater(2);
    expect((await reconcileOnce(world)).to.kind).toBe('unexplained');
  });
});

describe('an opening in audit mode', () => {
  it('of a gate whose record was lost is announced, although the worker crashes before it is confirmed', async () => {
    const world = lost();
    world.repository().images.set(digest(1), { findings: [finding()] });
    world.around = (call, when) => {
      if (call === 'write open' && when === 'after') throw new Error('killed');
    };
    const audit = rules({ mode: 'audit' });
    await expect(reconcileOnce(world, SWEPT, audit)).rejects.toThrow('killed');
    world.around = () => {};
    expect(await sweptAfter(world, 0, audit)).toEqual(['opened', 'waiting', 'absent']);
    expect(world.record(GATE)?.closedSince).toBeUndefined();
  });
});

describe('a lock is explained', () => {
  it('if it could not be rewritten, although its gate waits then', async () => {
    const world = lost();
    world.save(record());
    Object.assign(world.repository(), { ours: 'otherForm', refuses: 'too long' });
    world.repository().images.set(digest(1), { findings: [finding()] });
    expect((await reconcileOnce(world)).to).toMatchObject({ kind: 'waiting', for: 'refused' });
    world.repository().refuses = undefined;
    await reconcileOnce(world, SEARCHED);
    expect(world.record(GATE)).toMatchObject({ state: { kind: 'closed' } });
    expect(world.record(GATE)?.unexplainedSince).toBeUndefined();
  });

  it('if its gate has an override', async () => {
    const world = lost();
    world.save({ ...newRecord(GATE, NOW), override: anOverride() });
    expect((await reconcileOnce(world, SEARCHED)).action).toBe('opened');
  });
});

describe('an older record', () => {
  it('from before the closing does not open the gate', async () => {
    const world = lost();
    world.save({ ...newRecord(GATE, hoursLater(-48)), pending: [] });
    expect(await sweptAfter(world, 0)).toEqual(['unexplained', 'unexplained', 'current']);
  });

  it('that claims the lock explains it', async () => {
    const world = lost();
    world.save(record({ blockers: [] }));
    expect(await sweptAfter(world, 0)).toEqual(['opened', 'open', 'absent']);
  });
});
