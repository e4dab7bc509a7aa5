// A finding closes a gate and only proof opens it: the cases that need a registry and a scanner.
import { describe, expect, test } from 'vitest';
import type { FindingDetail } from '../../../local/aws/inspector-event.ts';
import { CRITICAL, DAY, HOUR, REPOSITORY, stage } from './stage.ts';

describe('closing and proof', () => {
  test('a critical finding closes the repository, and pulls by tag and by digest are denied', async () => {
    const { cloud, pushVulnerable, runUntilIdle, pull, isClosed, notified, lastDecision } = await stage();
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    expect(await pull('v1')).toBe('pulled');
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    expect(await pull('v1')).toBe('refused');
    expect(await pull(digest)).toBe('refused');
    expect(notified()).toEqual(['closed']);
    expect(lastDecision()).toMatchObject({ verdict: 'block', action: 'closed', from: 'open', to: 'closed', digest });
    expect(cloud.deadLetters.messages()).toEqual([]);
  });

  test('the gate opens if the finding is CLOSED and a successful scan after the closing shows no violation', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed, pull, notified, lastDecision } = await stage();
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    cloud.clock.advance(2 * HOUR);
    cloud.inspector.scanned(REPOSITORY, digest);
    await cloud.inspector.closeAllOf(REPOSITORY, digest);
    await runUntilIdle();
    expect(isClosed()).toBe(false);
    expect(await pull('v1')).toBe('pulled');
    expect(notified()).toEqual(['closed', 'opened']);
    expect(lastDecision()).toMatchObject({
      action: 'opened',
      images: [{ digest, outcome: 'cleared', how: 'scanned' }],
    });
  });

  test('the gate stays closed if the finding is CLOSED but the last scan is older than the closing', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed, lastDecision } = await stage();
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    cloud.clock.advance(HOUR);
    await runUntilIdle();
    await cloud.inspector.closeAllOf(REPOSITORY, digest);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    expect(lastDecision().message).toContain(
      'proof is missing: the last finished scan (2026-03-02T09:00:00.000Z) is not newer',
    );
  });

  test('the gate closes again on the recorded finding if the exception ends after Inspector has deleted the finding', async () => {
    const { cloud, pushVulnerable, runUntilIdle, sweep, redeploy, isClosed, notified } = await stage();
    const { digest, arn } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    cloud.inspector.forget(arn);
    cloud.inspector.cover({
      repository: REPOSITORY,
      digest,
      statusCode: 'INACTIVE',
      reason: 'SCAN_ELIGIBILITY_EXPIRED',
    });
    await redeploy({
      policy: { exceptions: [{ id: CRITICAL.vulnerability, expires: '2026-03-10', reason: 'not reachable' }] },
    });
    expect(isClosed()).toBe(false);
    cloud.clock.advance(9 * DAY);
    await sweep();
    expect(isClosed()).toBe(true);
    expect(notified()).toEqual(['closed', 'opened', 'restored']);
  });

  test('a scan that has just finished is observed again before the gate opens, because its findings may still be on the way', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed, lines } = await stage();
    const { digest, arn } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    cloud.clock.advance(2 * HOUR);
    cloud.inspector.scanned(REPOSITORY, digest);
    await cloud.inspector.setStatus(arn, 'CLOSED');
    await cloud.runUntilIdle();
    expect(isClosed()).toBe(true);
    expect(lines('decision').at(-1)?.['message']).toContain('its scan finished only minutes ago');
    await runUntilIdle();
    expect(isClosed()).toBe(false);
  });

  test('an unknown severity passes every filter and is logged as undetermined', async () => {
    const { pushVulnerable, runUntilIdle, isClosed, lastDecision } = await stage();
    await pushVulnerable(REPOSITORY, 'v1', { ...CRITICAL, severity: 'CATASTROPHIC', cvss: [] });
    await runUntilIdle();
    expect(isClosed()).toBe(false);
    expect(lastDecision()).toMatchObject({
      verdict: 'undetermined',
      images: [{ undetermined: [{ vulnerability: 'CVE-2026-1001', label: 'CATASTROPHIC' }] }],
    });
  });

  test('a severity below the threshold does not trigger the function', async () => {
    const { cloud, pushVulnerable, runUntilIdle, decisions } = await stage();
    await pushVulnerable(REPOSITORY, 'v1');
    await runUntilIdle();
    const before = decisions().length;
    await cloud.inspector.report(
      { repository: REPOSITORY, digest: `sha256:${'0'.repeat(64)}` },
      { ...CRITICAL, severity: 'MEDIUM' },
    );
    expect(cloud.queue.messages()).toEqual([]);
    expect(decisions().length).toBe(before);
  });

  test('an event that arrives before its finding is listed is retried, and then closes the gate', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed } = await stage();
    const { arn } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    const { detail } = cloud.inspector.eventOf(arn);
    cloud.inspector.forget(arn);
    await cloud.runUntilIdle();
    expect(isClosed()).toBe(false);
    expect(cloud.queue.messages()).toHaveLength(1);
    cloud.inspector.importDetail(detail as FindingDetail);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    expect(cloud.deadLetters.messages()).toEqual([]);
  });

  test.each([
    ['SUPPRESSED', 'closes once Inspector says active', true],
    ['CLOSED', 'closes once Inspector says active', true],
    ['SUPPRESSED', 'stays open if Inspector never does', false],
  ] as const)(
    'an event that says active while Inspector says %s is retried: the gate %s',
    async (before, _then, isActive) => {
      const { cloud, pushVulnerable, runUntilIdle, sweep, isClosed } = await stage();
      const { digest, arn } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
      const event = cloud.inspector.eventOf(arn);
      await runUntilIdle();
      cloud.clock.advance(10 * 60_000);
      cloud.inspector.scanned(REPOSITORY, digest);
      await cloud.inspector.setStatus(arn, before);
      cloud.clock.advance(10 * 60_000);
      await sweep();
      expect(isClosed()).toBe(false);

      await cloud.bus.put({ ...event, id: 'again', time: cloud.clock.now().toISOString() });
      await cloud.runUntilIdle();
      expect([isClosed(), cloud.queue.messages().length]).toEqual([false, 1]);
      cloud.faults.addToBus({ kind: 'lose' });
      if (isActive) await cloud.inspector.setStatus(arn, 'ACTIVE');
      await runUntilIdle();
      expect([isClosed(), cloud.queue.messages(), cloud.deadLetters.messages()]).toEqual([isActive, [], []]);
    },
  );
});
