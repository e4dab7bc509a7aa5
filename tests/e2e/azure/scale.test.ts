// Many images at once: the brake, and a sweep over many repositories. The case table's rows about scale.
import { describe, expect, test } from 'vitest';
import type { Cve } from '../../../local/azure/assessment.ts';
import { CRITICAL, HOUR, type Image, MINUTE, type Stage, stage } from './stage.ts';

const HIGH: Cve = { id: 'CVE-2026-2001', severity: 'High', score: 7.5 };

async function hit(s: Stage, count: number, cve: (number: number) => Cve): Promise<readonly Image[]> {
  const images = Array.from({ length: count }, (_, number) => s.push(`v${number}`, `team/app-${number % 10}`));
  for (const [number, image] of images.entries()) {
    await s.report(image, { cves: [cve(number)], details: 'rich' });
  }
  return images;
}

const closedOf = (s: Stage, images: readonly Image[]) =>
  images.filter(({ repository, digest }) => !s.registry.attributes(repository, { digest }).readEnabled);
const namesOf = (notified: readonly string[], what: string) => notified.filter((one) => one.startsWith(`${what} `));

describe('the brake', () => {
  test('300 images affected at once, brake 25: 25 closed in the first hour, the others notified; exempt exploits closed at once; the most severe first in the next hours', {
    timeout: 180_000,
  }, async () => {
    const s = await stage({ maxClosesPerHour: 25, brakeExempt: 'exploited', policy: { exploited: 'high' } });
    const isExploited = (number: number) => number >= 298;
    const isCritical = (number: number) => number >= 270 && number < 298;
    const images = await hit(s, 300, (number) => {
      if (isExploited(number)) return { ...HIGH, isInExploitKit: true };
      return isCritical(number) ? CRITICAL : HIGH;
    });
    await s.runUntilIdle();
    const first = closedOf(s, images);
    expect(first).toHaveLength(27);
    expect(first.slice(-2)).toEqual(images.slice(-2));
    await s.tick();
    const { notified, poison, records } = await s.world();
    expect(new Set(namesOf(notified, 'closed')).size).toBe(27);
    // A summary names 100 of them.
    expect(new Set(namesOf(notified, 'NOT closed')).size).toBe(100);
    expect(s.cloud.mails.at(-1)?.subject).toBe('[pullgate] 273 NOT closed');
    expect(poison).toEqual([]);
    expect(Object.values(records).filter((state) => state === 'waiting: brake')).toHaveLength(273);
    expect(s.cloud.mails.find(({ subject }) => subject.includes('NOT'))?.plainText).toContain(
      'the limit on closings (maxClosesPerHour or maxClosesPerDay) is reached',
    );

    await s.cloud.advance(HOUR + 10 * MINUTE);
    const second = closedOf(s, images);
    expect(second).toHaveLength(52);
    // 28 are critical. The hour before closed images in the order of arrival.
    expect(
      closedOf(
        s,
        images.filter((_, number) => isCritical(number)),
      ).length,
    ).toBeGreaterThanOrEqual(25);
    expect(s.lines('tick').at(-1)).toMatchObject({ closedThisHour: 25 });
    expect(s.lines('failed')).toEqual([]);
  });

  test('300 images affected at once, `audit`: nothing is closed, and one mail says so', {
    timeout: 120_000,
  }, async () => {
    const s = await stage({ mode: 'audit' });
    s.cloud.faults.addToBus({ kind: 'lose' });
    const images = await hit(s, 300, () => CRITICAL);
    await s.tick();
    expect(closedOf(s, images)).toEqual([]);
    expect(s.calls('acr:UpdateManifest')).toBe(0);
    expect(s.cloud.mails.map(({ subject }) => subject)).toEqual(['[pullgate] 300 NOT closed']);
    const { notified } = await s.world();
    expect([notified.length, new Set(notified).size]).toEqual([100, 100]);
  });

  test('the first sweep finds years of old images: the brake limits it, too', async () => {
    const s = await stage({ maxClosesPerHour: 3 });
    s.cloud.faults.addToBus({ kind: 'lose' });
    const images = await hit(s, 20, () => CRITICAL);
    await s.tick();
    expect(closedOf(s, images)).toHaveLength(3);
  });

  test('a newcomer does not overtake an image of higher rank, although its event comes first after the hour', async () => {
    const s = await stage({ maxClosesPerHour: 1 });
    const [first, critical] = [await s.close('v1'), await s.close('v2')];
    // The hour is over, and no tick has run yet.
    s.cloud.clock.advance(HOUR);
    const newcomer = s.push('v3');
    await s.report(newcomer, { cves: [HIGH], details: 'rich' });
    await s.deliver();
    expect([s.decisions(newcomer).at(-1)?.to, closedOf(s, [first, critical, newcomer])]).toEqual([
      'waiting: brake',
      [first],
    ]);
    await s.cloud.advance(5 * MINUTE);
    expect(closedOf(s, [first, critical, newcomer])).toEqual([first, critical]);
  });

  test('a waiting gate that no longer violates: cleared, and never closed', async () => {
    const s = await stage({ maxClosesPerHour: 1 });
    await s.close('v1');
    const { ids } = await s.close('v2');
    await s.setStatus(ids, 'Healthy');
    await s.cloud.advance(HOUR + 5 * MINUTE);
    expect(await s.world()).toEqual({
      locked: ['team/app:v1 readEnabled'],
      records: { 'team/app:v1': 'closed', 'team/app:v2': 'open' },
      notified: ['closed team/app:v1', 'NOT closed team/app:v2', 'clear team/app:v2'],
      poison: [],
    });
  });
});

describe('the sweep', () => {
  test('a tick when no sweep is due requests no observation', async () => {
    const s = await stage();
    await s.close('v1');
    await s.tick();
    s.cloud.calls.reset();
    await s.cloud.advance(10 * MINUTE);
    expect(s.lines('tick').slice(1)).toMatchObject([
      { waiting: 0, admitted: 0, poison: 0 },
      { waiting: 0, admitted: 0, poison: 0 },
    ]);
    expect([s.calls('queue:Put'), s.calls('acr:ListManifests')]).toEqual([0, 0]);
  });

  test('20 repositories whose events were lost, and the queue throttles: all swept, one message each', async () => {
    const s = await stage({ maxClosesPerHour: 1_000 });
    s.cloud.faults.addToBus({ kind: 'lose' });
    const images = Array.from({ length: 20 }, (_, number) => s.push('v1', `team/app-${number}`));
    for (const image of images) await s.report(image);
    s.cloud.faults.add({ kind: 'throttle', service: 'queue', nth: 5, times: 3 });
    await s.tick();
    expect(s.lines('sweep')).toEqual([{ kind: 'sweep', gates: 20, closed: 0 }]);
    expect(closedOf(s, images)).toHaveLength(20);
    expect(s.lines('failed')).toEqual([]);
  });
});
