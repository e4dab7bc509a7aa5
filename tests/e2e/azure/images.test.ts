// Images that are deleted and pushed again, and children of an index.
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE, REGISTRY, REPOSITORY, stage, UNTOUCHED, type World } from './stage.ts';

const CLOSED: World = {
  locked: ['team/app:v1 readEnabled'],
  records: { 'team/app:v1': 'closed' },
  notified: ['closed team/app:v1'],
  poison: [],
};
const GONE: World = {
  locked: [],
  records: { 'team/app:v1': 'open (gone)' },
  notified: ['closed team/app:v1', 'opened team/app:v1'],
  poison: [],
};

describe('images that are deleted and pushed again', () => {
  test('deleted, and the same digest pushed again within 30 days: the record is kept, and the next tick locks the image again', async () => {
    const s = await stage();
    const digest = s.registry.push(REPOSITORY, { tag: 'v1', content: 'built once' });
    const image = s.name({ registry: REGISTRY, repository: REPOSITORY, digest }, 'team/app:v1');
    const ids = await s.report(image);
    await s.runUntilIdle();
    expect(await s.world()).toEqual(CLOSED);
    s.push('v2');
    s.registry.delete(REPOSITORY, digest);
    await s.sweep();
    expect(await s.world()).toEqual(GONE);
    s.cloud.defender.forget(ids);
    s.cloud.clock.advance(29 * DAY);
    await s.tick();
    expect(await s.world()).toEqual(GONE);
    // A tick that does not sweep reads that the image is gone, and does nothing else.
    await s.tick();
    expect(s.lines('tick').at(-1)).toMatchObject({ locksRead: 1, locksMissing: 0 });
    expect(s.registry.push(REPOSITORY, { tag: 'v1', content: 'built once' })).toBe(digest);
    expect(await s.pull('v1')).toBe('pulled');
    await s.tick();
    expect(await s.world()).toEqual({ ...CLOSED, notified: [...GONE.notified, 'closed again team/app:v1'] });
    expect(await s.pull('v1')).toBe('refused');
  });

  test('deleted with the whole repository: nothing fails', async () => {
    const s = await stage();
    await s.close('v1');
    s.registry.deleteRepository(REPOSITORY);
    await s.sweep();
    expect(await s.world()).toEqual(GONE);
    expect(s.lines('failed')).toEqual([]);
  });

  test('deleted more than 30 days ago: forgotten', async () => {
    const s = await stage();
    const image = await s.close('v1');
    s.push('v2');
    s.registry.delete(REPOSITORY, image.digest);
    await s.sweep();
    s.cloud.defender.forget(image.ids);
    s.cloud.clock.advance(31 * DAY);
    await s.tick();
    s.cloud.clock.advance(31 * DAY);
    await s.tick();
    expect(await s.world()).toEqual({ ...GONE, records: {} });
  });

  test('deleted, and the same digest pushed at once, which resets its lock: the sweep restores the lock', async () => {
    const s = await stage();
    const digest = s.registry.push(REPOSITORY, { tag: 'v1', content: 'built once' });
    const image = s.name({ registry: REGISTRY, repository: REPOSITORY, digest }, 'team/app:v1');
    await s.report(image);
    await s.runUntilIdle();
    s.registry.delete(REPOSITORY, digest);
    s.registry.push(REPOSITORY, { tag: 'v1', content: 'built once' });
    expect(await s.pull('v1')).toBe('pulled');
    await s.sweep();
    expect(await s.world()).toEqual({ ...CLOSED, notified: [...CLOSED.notified, 'closed again team/app:v1'] });
    expect(s.lastDecision(image)).toMatchObject({ action: 'restored', from: 'closed', to: 'closed' });
    expect(await s.pull('v1')).toBe('refused');
  });

  test('deleted before the event is handled: nothing is closed or moved to the poison queue', async () => {
    const s = await stage();
    const image = s.push('v1');
    await s.report(image);
    s.registry.delete(REPOSITORY, image.digest);
    await s.runUntilIdle();
    expect(await s.world()).toEqual(UNTOUCHED);
  });
});

describe('indexes', () => {
  test("a vulnerable child of an index, pulled by the index's tag: refused", async () => {
    const s = await stage();
    const child = s.registry.push(REPOSITORY, { architecture: 'amd64' });
    const good = s.registry.push(REPOSITORY, { architecture: 'arm64' });
    const index = s.registry.pushIndex(REPOSITORY, { tag: 'multi', children: [child, good] });
    const image = s.name({ registry: REGISTRY, repository: REPOSITORY, digest: child }, 'team/app:amd64');
    expect(await s.pull(child)).toBe('pulled');
    await s.report(image);
    await s.runUntilIdle();
    expect(await s.world()).toEqual({
      locked: ['team/app:amd64 readEnabled'],
      records: { 'team/app:amd64': 'closed' },
      notified: ['closed team/app:amd64'],
      poison: [],
    });
    // A client pulls the index, and then the child for its platform.
    expect(await s.pull('multi')).toBe('pulled');
    expect([await s.pull(child), await s.pull(good)]).toEqual(['refused', 'pulled']);
    await s.sweep();
    expect((await s.world()).locked).toEqual(['team/app:amd64 readEnabled']);
    s.registry.delete(REPOSITORY, index);
    await s.sweep();
    // What runs may name the digest.
    expect((await s.world()).records).toEqual({ 'team/app:amd64': 'closed' });
  });

  test('a child of an index inside an index: each found by the sweep', async () => {
    const s = await stage();
    const child = s.registry.push(REPOSITORY, { architecture: 'amd64' });
    const inner = s.registry.pushIndex(REPOSITORY, { children: [child] });
    s.registry.pushIndex(REPOSITORY, { tag: 'multi', children: [inner] });
    s.cloud.faults.addToBus({ kind: 'lose' });
    await s.report(s.name({ registry: REGISTRY, repository: REPOSITORY, digest: child }, 'team/app:amd64'));
    await s.tick();
    expect((await s.world()).locked).toEqual(['team/app:amd64 readEnabled']);
  });

  test('a repository with 250 manifests: every page is read', async () => {
    const s = await stage();
    for (let number = 0; number < 250; number++) s.registry.push(REPOSITORY, { tag: `old-${number}` });
    const image = s.push('v1');
    s.cloud.faults.addToBus({ kind: 'lose' });
    await s.report(image);
    await s.tick();
    expect(await s.world()).toEqual(CLOSED);
    expect(s.lines('reconcile').at(-1)).toMatchObject({ repository: REPOSITORY, images: 1, allowed: 0 });
  });

  test('a sweep logs how many images it observed, and how many of them are allowed', async () => {
    const s = await stage();
    const good = s.push('v0');
    await s.report(good, { cves: [], package: 'zlib', status: 'Healthy' });
    s.cloud.clock.advance(MINUTE);
    await s.close('v1');
    const { length } = s.decisions();
    s.cloud.clock.advance(HOUR);
    await s.tick();
    expect(s.lines('reconcile').at(-1)).toMatchObject({ repository: REPOSITORY, images: 2, allowed: 1 });
    expect(s.decisions()).toHaveLength(length + 1);
  });
});
