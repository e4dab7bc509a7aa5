// What a person decides: exceptions, audit, a pause, a lock by hand, another granularity. Each takes effect with the next tick, and none leaves a gap.
import { TableClient } from '@azure/data-tables';
import { describe, expect, test } from 'vitest';
import { tableOf } from '../../../azure/function/records.ts';
import type { Call } from '../../../local/azure/calls.ts';
import type { PauseState } from '../../../shared/sweep.ts';
import {
  type Config,
  CRITICAL,
  DAY,
  graphFor,
  HOUR,
  MINUTE,
  REPOSITORY,
  type Stage,
  stage,
  type World,
} from './stage.ts';

const CLOSED: World = {
  locked: ['team/app:v1 readEnabled'],
  records: { 'team/app:v1': 'closed' },
  told: ['closed team/app:v1'],
  poison: [],
};
const SPARED: World = {
  locked: [],
  records: { 'team/app:v1': 'open (spared)' },
  told: ['closed team/app:v1', 'opened team/app:v1'],
  poison: [],
};
const AUDITED: World = {
  locked: [],
  records: { 'team/app:v1': 'waiting: audit' },
  told: ['NOT closed team/app:v1'],
  poison: [],
};
const excepting = (expires: string): Config => ({
  policy: { exceptions: [{ id: CRITICAL.id, expires, reason: 'not reachable here' }] },
});

describe('the policy', () => {
  test('an exception is added: opens within one tick; it ends: closes again', async () => {
    const s = await stage();
    await s.close('v1');
    await s.cloud.deploy(await graphFor(excepting('2026-03-03')));
    await s.cloud.advance(5 * MINUTE);
    expect(await s.world()).toEqual(SPARED);
    expect(await s.pull('v1')).toBe('pulled');
    expect(s.cloud.mails.at(-1)?.plainText).toContain('its findings do not violate any more');
    s.cloud.clock.advance(2 * DAY);
    await s.tick();
    expect(await s.world()).toEqual({ ...CLOSED, told: [...SPARED.told, 'closed team/app:v1'] });
  });

  test('a higher threshold opens, a lower one closes: with the next tick', async () => {
    const s = await stage();
    const image = s.push('v1');
    await s.report(image, { cves: [{ ...CRITICAL, severity: 'High', score: 8 }] });
    await s.settle();
    await s.redeploy({ severityThreshold: 'critical' });
    expect(await s.world()).toEqual(SPARED);
    await s.redeploy({});
    expect((await s.world()).locked).toEqual(CLOSED.locked);
  });
});

describe('modes', () => {
  test('`audit`: decides, tells and closes nothing; then `enforce`: closes with the next tick; then `audit` again: opens', async () => {
    const s = await stage({ mode: 'audit' });
    const image = await s.close('v1');
    expect(await s.world()).toEqual(AUDITED);
    expect(s.lastDecision(image)).toMatchObject({ verdict: 'block', done: 'waiting', mode: 'audit' });
    expect(s.calls('acr:UpdateManifest')).toBe(0);
    await s.redeploy({});
    expect(await s.world()).toEqual({ ...CLOSED, told: [...AUDITED.told, ...CLOSED.told] });
    await s.redeploy({ mode: 'audit' });
    expect(await s.world()).toEqual({ ...AUDITED, told: [...AUDITED.told, ...CLOSED.told, 'opened team/app:v1'] });
  });

  test('a pause by hand opens with the next tick and closes nothing; it ends: closes again', async () => {
    const s = await stage();
    await s.close('v1');
    await setPause(s, true);
    await s.tick();
    expect(await s.world()).toEqual({ ...SPARED, records: { 'team/app:v1': 'waiting: pause' } });
    await s.close('v2');
    const paused = await s.world();
    expect(paused.locked).toEqual([]);
    expect(paused.told.slice(2)).toEqual(['NOT closed team/app:v2']);
    await setPause(s, false);
    await s.tick();
    expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled', 'team/app:v2 readEnabled']);
  });
});

/** As the command `pullgate release` does. */
async function setPause({ cloud }: Stage, paused: boolean): Promise<void> {
  const operator = cloud.principals.add('operator', [
    { role: 'Storage Table Data Contributor', scope: cloud.table.id },
  ]);
  const client = new TableClient(cloud.table.url, cloud.table.name, operator, cloud.clientOptions);
  const pause = tableOf(client).row<PauseState>('pause');
  const { version } = await pause.load();
  await pause.save({ paused, at: cloud.clock.now().toISOString(), by: 'somebody' }, version);
}

describe('locks of somebody else', () => {
  test('a manifest locked by someone else (no record): never opened, reported once', async () => {
    const s = await stage();
    const image = s.push('v1');
    s.registry.setAttributes(REPOSITORY, { readEnabled: false }, image);
    const ids = await s.report(image);
    await s.settle();
    const locked: World = {
      locked: ['team/app:v1 readEnabled'],
      records: { 'team/app:v1': 'waiting: lockedByOthers' },
      told: ['NOT closed team/app:v1'],
      poison: [],
    };
    expect(await s.world()).toEqual(locked);
    expect(s.cloud.mails[0]?.plainText).toContain('somebody else has locked it, and pullgate leaves that lock alone');
    await s.sweep();
    await s.sweep();
    expect(await s.world()).toEqual(locked);
    await s.setStatus(ids, 'Healthy');
    expect(await s.world()).toEqual({
      ...locked,
      records: { 'team/app:v1': 'open' },
      told: [...locked.told, 'clear team/app:v1'],
    });
    await s.sweep();
    expect((await s.world()).locked).toEqual(locked.locked);
    expect(s.calls('acr:UpdateManifest')).toBe(0);
  });

  test('a foreign lock that is taken away: pullgate closes the gate itself', async () => {
    const s = await stage();
    const image = s.push('v1');
    s.registry.setAttributes(REPOSITORY, { readEnabled: false }, image);
    await s.report(image);
    await s.settle();
    s.registry.setAttributes(REPOSITORY, { readEnabled: true }, image);
    await s.sweep();
    expect(await s.world()).toEqual({ ...CLOSED, told: ['NOT closed team/app:v1', 'closed team/app:v1'] });
  });

  test('other attributes, and other images’ locks, are left as they are', async () => {
    const s = await stage();
    const image = s.push('v1');
    const other = s.push('v2');
    s.registry.setAttributes(REPOSITORY, { writeEnabled: false, deleteEnabled: false }, image);
    s.registry.setAttributes(REPOSITORY, { readEnabled: false }, other);
    s.registry.setAttributes(REPOSITORY, { deleteEnabled: false });
    const ids = await s.report(image);
    await s.settle();
    await s.setStatus(ids, 'Healthy');
    await s.sweep();
    expect((await s.world()).locked).toEqual([
      'team/app deleteEnabled',
      'team/app:v1 deleteEnabled writeEnabled',
      'team/app:v2 readEnabled',
    ]);
  });

  test('somebody opens our gate by hand: the sweep closes it again, and says so', async () => {
    const s = await stage();
    const image = await s.close('v1');
    s.registry.setAttributes(REPOSITORY, { readEnabled: true }, image);
    await s.sweep();
    expect(await s.world()).toEqual({ ...CLOSED, told: [...CLOSED.told, 'closed again team/app:v1'] });
    expect(s.lastDecision(image)).toMatchObject({ done: 'restored' });
  });
});

describe('`granularity: repository`', () => {
  const BY_REPOSITORY: Config = { azure: { granularity: 'repository' } };

  test("the repository's read attribute, its good images too; opens when no closer is left", async () => {
    const s = await stage(BY_REPOSITORY);
    s.push('good');
    s.push('v1', 'team/other');
    const first = await s.close('v1');
    const second = await s.close('v2');
    const closed: World = {
      locked: ['team/app readEnabled'],
      records: { 'team/app': 'closed' },
      told: ['closed team/app'],
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
      told: ['closed team/app', 'opened team/app'],
      poison: [],
    });
    expect(await s.pull('good')).toBe('pulled');
  });

  test('image -> repository -> image: no gap in which the image can be pulled; the old gates open, the new ones close', async () => {
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
      told: ['closed team/app:v1', 'closed team/app', 'opened team/app:v1'],
    });
    await s.redeploy({});
    expect(await s.world()).toMatchObject({
      locked: ['team/app:v1 readEnabled'],
      records: { 'team/app': 'open (outOfScope)', 'team/app:v1': 'closed' },
      told: [...byRepository.told, 'closed team/app:v1', 'opened team/app'],
      poison: [],
    });
    release();
    expect(gap).toBe(false);
    expect(changes).toEqual(['UpdateRepository', 'UpdateManifest', 'UpdateManifest', 'UpdateRepository']);
    expect(await s.pull('v1')).toBe('refused');
  });

  test('image -> repository while the brake is used up: the image’s gate stays until the repository is closed', async () => {
    const s = await stage({ maxClosesPerHour: 1 });
    await s.close('v1');
    await s.redeploy({ ...BY_REPOSITORY, maxClosesPerHour: 1 });
    expect(await s.world()).toMatchObject({
      locked: ['team/app:v1 readEnabled'],
      records: { 'team/app': 'waiting: brake', 'team/app:v1': 'closed' },
    });
    await s.cloud.advance(HOUR + 5 * MINUTE);
    await s.sweep();
    expect(await s.world()).toMatchObject({
      locked: ['team/app readEnabled'],
      records: { 'team/app': 'closed', 'team/app:v1': 'open (outOfScope)' },
    });
  });

  test('repository -> image with more images than the brake lets through: the repository stays closed until each image is', async () => {
    const s = await stage({ ...BY_REPOSITORY, maxClosesPerHour: 2 });
    await s.close('v1');
    await s.close('v2');
    await s.redeploy({ maxClosesPerHour: 2 });
    const between = await s.world();
    expect(between.records).toMatchObject({ 'team/app': 'closed' });
    expect(between.locked).toHaveLength(2);
    await s.cloud.advance(HOUR + 5 * MINUTE);
    await s.sweep();
    expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled', 'team/app:v2 readEnabled']);
  });

  test.each([
    ['image', BY_REPOSITORY, 'team/app readEnabled'],
    ['repository', {}, 'team/app:v1 readEnabled'],
  ] as const)(
    'from %s, and nothing reports the finding any more: it is handed over, since absence opens nothing',
    async (from, next, kept) => {
      const s = await stage(from === 'repository' ? BY_REPOSITORY : {});
      await s.close('v1');
      s.cloud.workspace.forgetRows();
      await s.redeploy(next);
      const { locked, records } = await s.world();
      expect(locked).toEqual([kept]);
      expect(Object.values(records).toSorted()).toEqual(['closed', 'open (outOfScope)']);
      await s.sweep();
      expect(await s.pull('v1')).toBe('refused');
      expect((await s.world()).told).toHaveLength(3);
    },
  );

  test.each([
    ['image', BY_REPOSITORY, 'UpdateRepository', 'team/app:v1 readEnabled'],
    ['repository', {}, 'UpdateManifest', 'team/app readEnabled'],
  ] as const)(
    'from %s, and the registry refuses the new gate: the old one stays',
    async (from, next, operation, kept) => {
      const s = await stage(from === 'repository' ? BY_REPOSITORY : {});
      await s.close('v1');
      s.cloud.faults.add({
        kind: 'error',
        code: 'DENIED',
        message: 'no',
        status: 403,
        service: 'acr',
        operation,
        times: 9,
      });
      await s.redeploy(next);
      expect((await s.world()).locked).toEqual([kept]);
      s.cloud.faults.clear();
      await s.sweep();
      expect((await s.world()).locked).toEqual([from === 'image' ? 'team/app readEnabled' : 'team/app:v1 readEnabled']);
    },
  );
});
