// What people decide: exceptions, a pause, and locks that they set. Each takes effect with the next tick.
import { describe, expect, test } from 'vitest';
import { type Config, CRITICAL, DAY, graphFor, MINUTE, REPOSITORY, stage, type World } from './stage.ts';

const CLOSED: World = {
  locked: ['team/app:v1 readEnabled'],
  records: { 'team/app:v1': 'closed' },
  notified: ['closed team/app:v1'],
  poison: [],
};
const EXEMPTED: World = {
  locked: [],
  records: { 'team/app:v1': 'open (exempted)' },
  notified: ['closed team/app:v1', 'opened team/app:v1'],
  poison: [],
};
const excepting = (expires: string): Config => ({
  policy: { exceptions: [{ id: CRITICAL.id, expires, reason: 'not reachable here' }] },
});

describe('the policy', () => {
  test('an exception is added: opens within one tick, and the next one sends the notice; the exception ends: closes again', async () => {
    const s = await stage();
    await s.close('v1');
    await s.cloud.deploy(await graphFor(excepting('2026-03-03')));
    await s.cloud.advance(10 * MINUTE);
    expect(await s.world()).toEqual(EXEMPTED);
    expect(await s.pull('v1')).toBe('pulled');
    expect(s.cloud.mails.at(-1)?.plainText).toContain('its findings no longer violate the policy');
    s.cloud.clock.advance(2 * DAY);
    await s.tick();
    expect(await s.world()).toEqual({ ...CLOSED, notified: [...EXEMPTED.notified, 'closed again team/app:v1'] });
  });
});

describe('a pause', () => {
  test('opens with the next tick and closes nothing; the pause ends: closes again', async () => {
    const s = await stage();
    await s.close('v1');
    await s.setPause(true);
    await s.tick();
    expect(await s.world()).toEqual({ ...EXEMPTED, records: { 'team/app:v1': 'waiting: pause' } });
    await s.close('v2');
    await s.tick();
    const paused = await s.world();
    expect(paused.locked).toEqual([]);
    expect(paused.notified.slice(2)).toEqual(['NOT closed team/app:v2']);
    await s.setPause(false);
    await s.tick();
    expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled', 'team/app:v2 readEnabled']);
  });
});

describe('foreign locks', () => {
  test('a manifest locked by someone else (no record): never opened, reported once', async () => {
    const s = await stage();
    const image = s.push('v1');
    s.registry.setAttributes(REPOSITORY, { readEnabled: false }, image);
    const ids = await s.report(image);
    await s.runUntilIdle();
    await s.tick();
    const locked: World = {
      locked: ['team/app:v1 readEnabled'],
      records: { 'team/app:v1': 'waiting: foreignLock' },
      notified: ['NOT closed team/app:v1'],
      poison: [],
    };
    expect(await s.world()).toEqual(locked);
    expect(s.cloud.mails[0]?.plainText).toContain('someone else locked it, and pullgate does not touch that lock');
    await s.sweep();
    await s.sweep();
    expect(await s.world()).toEqual(locked);
    await s.setStatus(ids, 'Healthy');
    await s.tick();
    expect(await s.world()).toEqual({
      ...locked,
      records: { 'team/app:v1': 'open' },
      notified: [...locked.notified, 'clear team/app:v1'],
    });
    await s.sweep();
    expect((await s.world()).locked).toEqual(locked.locked);
    expect(s.calls('acr:UpdateManifest')).toBe(0);
  });

  test('a foreign lock that is removed: pullgate closes the gate itself', async () => {
    const s = await stage();
    const image = s.push('v1');
    s.registry.setAttributes(REPOSITORY, { readEnabled: false }, image);
    await s.report(image);
    await s.runUntilIdle();
    s.registry.setAttributes(REPOSITORY, { readEnabled: true }, image);
    await s.sweep();
    expect(await s.world()).toEqual({ ...CLOSED, notified: ['NOT closed team/app:v1', 'closed team/app:v1'] });
  });
});

describe('an exception for a package whose CVEs have no details', () => {
  const CVES = ['CVE-2026-1', 'CVE-2026-2', 'CVE-2026-3'].map((id) => ({ id }));
  const ofPackage = (name: string) => ({
    policy: {
      exceptions: [
        { id: '*', package: name, repository: 'team/*', expires: '2026-03-31', reason: 'replaced in April' },
      ],
    },
  });

  test('opens the gate until it ends, and exempts no other package', async () => {
    const s = await stage();
    const image = s.push('v1');
    await s.report(image, { cves: CVES });
    await s.runUntilIdle();
    expect(await s.pull('v1')).toBe('refused');

    await s.redeploy(ofPackage('zlib'));
    await s.sweep();
    expect(await s.pull('v1')).toBe('refused');

    await s.redeploy(ofPackage('openssl'));
    await s.sweep();
    expect(await s.pull('v1')).toBe('pulled');

    s.cloud.clock.advance(31 * DAY);
    await s.sweep();
    expect(await s.pull('v1')).toBe('refused');
  });
});
