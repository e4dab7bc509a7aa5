// What a gate covers: one image or a whole repository. A change from one to the other leaves no gap.
import { describe, expect, test } from 'vitest';
import type { Call } from '../../../local/azure/calls.ts';
import { type Config, graphFor, REPOSITORY, stage, type World } from './stage.ts';

describe('`granularity: repository`', () => {
  const BY_REPOSITORY: Config = { azure: { granularity: 'repository' } };

  test("closes the repository's read attribute, including its good images, and opens when no blocker is left", async () => {
    const s = await stage(BY_REPOSITORY);
    s.push('good');
    s.push('v1', 'team/other');
    const first = await s.close('v1');
    const second = await s.close('v2');
    const closed: World = {
      locked: ['team/app readEnabled'],
      records: { 'team/app': 'closed' },
      notified: ['closed team/app'],
      poison: [],
    };
    expect(await s.world()).toEqual(closed);
    expect(await Promise.all(['good', 'v1', 'v2'].map((tag) => s.pull(tag)))).toEqual([
      'refused',
      'refused',
      'refused',
    ]);
    expect(await s.pull('v1', 'team/other')).toBe('pulled');
    await s.setStatus(first.ids, 'Healthy');
    expect(await s.world()).toEqual(closed);
    s.registry.delete(REPOSITORY, second.digest);
    await s.sweep();
    expect(await s.world()).toEqual({
      locked: [],
      records: { 'team/app': 'open (gone)' },
      notified: ['closed team/app', 'opened team/app'],
      poison: [],
    });
    expect(await s.pull('good')).toBe('pulled');
  });

  test('image -> repository -> image: the image can never be pulled in between, the old gates open, and the new ones close', async () => {
    const s = await stage();
    const image = await s.close('v1');
    const changes: string[] = [];
    let gap = false;
    const release = s.cloud.calls.after(({ service, operation }: Call) => {
      if (service === 'acr' && operation.startsWith('Update')) changes.push(operation);
      const repository = s.registry.attributes(REPOSITORY).readEnabled;
      if (repository && s.registry.attributes(REPOSITORY, image).readEnabled) gap = true;
    });
    await s.redeploy(BY_REPOSITORY);
    const byRepository = await s.world();
    expect(byRepository).toMatchObject({
      locked: ['team/app readEnabled'],
      records: { 'team/app': 'closed', 'team/app:v1': 'open (outOfScope)' },
      notified: ['closed team/app:v1', 'closed again team/app', 'opened team/app:v1'],
    });
    await s.redeploy({});
    expect(await s.world()).toMatchObject({
      locked: ['team/app:v1 readEnabled'],
      records: { 'team/app': 'open (outOfScope)', 'team/app:v1': 'closed' },
      // A mail has the notices in the order of its gates.
      notified: [...byRepository.notified, 'opened team/app', 'closed again team/app:v1'],
      poison: [],
    });
    release();
    expect(gap).toBe(false);
    expect(changes).toEqual(['UpdateRepository', 'UpdateManifest', 'UpdateManifest', 'UpdateRepository']);
    expect(await s.pull('v1')).toBe('refused');
  });

  test('image -> repository while the brake is exhausted: what was closed needs no room, and the repository closes', async () => {
    const s = await stage({ maxClosesPerHour: 1 });
    await s.close('v1');
    await s.redeploy({ ...BY_REPOSITORY, maxClosesPerHour: 1 });
    expect(await s.world()).toMatchObject({
      locked: ['team/app readEnabled'],
      records: { 'team/app': 'closed', 'team/app:v1': 'open (outOfScope)' },
    });
  });

  test('image -> repository before its sweep: the missing lock of an image closes the repository', async () => {
    const s = await stage();
    const { registry, repository, digest } = await s.close('v1');
    await s.cloud.deploy(await graphFor(BY_REPOSITORY));
    s.registry.setAttributes(REPOSITORY, { readEnabled: true }, { digest });
    s.send({ pullgate: 'reconcile', registry, repository, digest, trigger: 'lock' });
    await s.runUntilIdle();
    expect(await s.world()).toMatchObject({
      locked: ['team/app readEnabled'],
      records: { 'team/app': 'closed', 'team/app:v1': 'open (outOfScope)' },
      poison: [],
    });
  });

  test('repository -> image with more images than the brake admits: what was closed needs no room, and every image closes', async () => {
    const s = await stage({ ...BY_REPOSITORY, maxClosesPerHour: 1 });
    await s.close('v1');
    await s.close('v2');
    await s.redeploy({ maxClosesPerHour: 1 });
    expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled', 'team/app:v2 readEnabled']);
  });
});
