// A finding closes, only proof opens: later reports of Defender, and missing ones.
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../../local/azure/faults.ts';
import { CRITICAL, DAY, HOUR, MINUTE, type Stage, stage, type World } from './stage.ts';

const CLOSED: World = {
  locked: ['team/app:v1 readEnabled'],
  records: { 'team/app:v1': 'closed' },
  notified: ['closed team/app:v1'],
  poison: [],
};
const OPENED: World = {
  locked: [],
  records: { 'team/app:v1': 'open' },
  notified: ['closed team/app:v1', 'opened team/app:v1'],
  poison: [],
};
const EXEMPTED: World = { ...OPENED, records: { 'team/app:v1': 'open (exempted)' } };
const NO_PROOF =
  'proof is missing: Defender for Cloud does not report every finding that closed the gate as healthy or exempted, and a finding that is no longer reported proves nothing';

describe('absence opens nothing', () => {
  test('action Delete for the only finding: stays closed; the log says that proof is missing', async () => {
    const s = await stage();
    const { ids, ...image } = await s.close('v1');
    s.cloud.clock.advance(2 * DAY);
    await s.cloud.defender.remove(ids);
    await s.runUntilIdle();
    expect(s.decisions(image)).toHaveLength(2);
    // The row is two days old, and nine days count.
    expect(s.lastDecision(image)).toMatchObject({ verdict: 'block', action: 'nothing', to: 'closed' });
    s.cloud.clock.advance(9 * DAY);
    await s.tick();
    expect(await s.world()).toEqual(CLOSED);
    expect(await s.pull('v1')).toBe('refused');
    expect(s.lastDecision(image)).toMatchObject({ verdict: 'allow', action: 'nothing', to: 'closed' });
    expect(s.lastDecision(image).message).toContain(NO_PROOF);
  });

  test('an assessment that is still Unhealthy names one CVE less: stays closed', async () => {
    const s = await stage();
    const image = s.push('v1');
    const low = { id: 'CVE-2026-9', severity: 'Low', score: 2 };
    await s.report(image, { cves: [CRITICAL, low] });
    await s.runUntilIdle();
    s.cloud.clock.advance(MINUTE);
    await s.report(image, { cves: [low] });
    await s.runUntilIdle();
    expect(await s.world()).toEqual(CLOSED);
    expect(s.lastDecision(image).message).toContain(NO_PROOF);
  });

  test('no row arrives for weeks: stays closed, and the scanner is reported as unhealthy', async () => {
    const s = await stage();
    await s.close('v1');
    await s.tick();
    s.cloud.clock.advance(9 * DAY);
    await s.tick();
    s.cloud.clock.advance(30 * DAY);
    await s.tick();
    expect(await s.world()).toEqual(CLOSED);
    const [seeing, silent, gone] = s.lines('scanner');
    expect(seeing).toEqual({ kind: 'scanner', healthy: true });
    expect(silent?.['why']).toContain('since 2026-03-02T09:00:00.000Z, although a snapshot arrives every week');
    expect(gone?.['why']).toContain('in the last ten days');
  });
});

describe('every blocking assessment is healthy or exempt', () => {
  test.each([
    ['Healthy', 'individual', 'resolved', OPENED],
    ['Healthy', 'grouped', 'resolved', OPENED],
    ['NotApplicable', 'individual', 'exempted', EXEMPTED],
    ['NotApplicable', 'grouped', 'exempted', EXEMPTED],
  ] as const)(
    'every closing assessment now %s (%s), in a complete answer: opens',
    async (status, shape, how, wanted) => {
      const s = await stage();
      const image = s.push('v1');
      const ids = [
        ...(await s.report(image, { package: 'openssl', shape })),
        ...(await s.report(image, { package: 'zlib', shape, cves: [{ ...CRITICAL, id: 'CVE-2026-1002' }] })),
      ];
      await s.runUntilIdle();
      expect(await s.world()).toEqual(CLOSED);
      await s.setStatus(ids.slice(0, 1), status);
      expect(await s.world()).toEqual(CLOSED);
      await s.setStatus(ids.slice(1), status);
      expect(await s.world()).toEqual(wanted);
      expect(await s.pull('v1')).toBe('pulled');
      expect(s.lastDecision(image)).toMatchObject({
        action: 'opened',
        images: [{ digest: image.digest, outcome: 'cleared', how }],
      });
      await s.sweep();
      expect(await s.world()).toEqual(wanted);
    },
  );

  test('one Healthy, one without a row: stays closed', async () => {
    const s = await stage();
    const image = s.push('v1');
    const healthy = await s.report(image, { package: 'openssl' });
    await s.report(image, { package: 'zlib', cves: [{ ...CRITICAL, id: 'CVE-2026-1002' }] });
    await s.runUntilIdle();
    s.cloud.workspace.forgetRows();
    await s.setStatus(healthy, 'Healthy');
    await s.sweep();
    expect(await s.world()).toEqual(CLOSED);
  });

  test('the rows arrive in the wrong order, the healthy one first: the latest counts', async () => {
    const s = await stage();
    s.cloud.faults.addToBus({ kind: 'lose', to: 'Workspace', times: 1 });
    const image = s.push('v1');
    const ids = await s.report(image);
    s.cloud.clock.advance(MINUTE);
    s.cloud.faults.addToBus({ kind: 'delay', milliseconds: 20 * MINUTE, to: 'Workspace', times: 1 });
    await s.cloud.defender.setStatus(ids, 'Healthy');
    s.cloud.clock.advance(MINUTE);
    await s.cloud.defender.setStatus(ids, 'Unhealthy');
    await s.runUntilIdle();
    await s.sweep();
    expect(await s.world()).toEqual(CLOSED);
  });

  test('Healthy, and then Unhealthy again: closes again, with one mail per change', async () => {
    const s = await stage();
    const { ids } = await s.close('v1');
    await s.setStatus(ids, 'Healthy');
    await s.setStatus(ids, 'Unhealthy');
    expect(await s.world()).toEqual({ ...CLOSED, notified: [...OPENED.notified, 'closed team/app:v1'] });
  });

  test('a weekly snapshot repeats a finding: stays closed', async () => {
    const s = await stage();
    await s.close('v1');
    for (let week = 0; week < 3; week++) {
      s.cloud.clock.advance(7 * DAY);
      await s.cloud.defender.snapshot();
      await s.tick();
    }
    expect(await s.world()).toEqual(CLOSED);
    expect(s.lastDecision()).toMatchObject({ verdict: 'block', action: 'nothing' });
  });
});

/** Returns a partial answer to queries of this kind. */
function partialWhere({ cloud }: Stage, isMeant: (query: string) => boolean): () => void {
  return cloud.calls.before(({ operation, input }) => {
    if (operation === 'Query' && isMeant(String(input['query']))) cloud.workspace.failPartially(1);
  });
}

describe('Log Analytics answers partially, late, or not at all', () => {
  test('PartialFailure on the answer of one image: nothing opens, and nothing is lost', async () => {
    const s = await stage();
    const { ids } = await s.close('v1');
    s.cloud.workspace.failPartially(1);
    s.cloud.clock.advance(MINUTE);
    await s.cloud.defender.setStatus(ids, 'Healthy');
    await s.deliver();
    expect(await s.world()).toEqual(CLOSED);
    expect(s.lines('failed')).toMatchObject([{ tries: 0, minutes: 1 }]);
    expect(s.lines('failed')[0]?.['error']).toContain('PartialAnswer: Log Analytics returned only part of its answer');
    await s.runUntilIdle();
    expect(await s.world()).toEqual(OPENED);
  });

  test('PartialFailure when a sweep queries the repositories: the tick fails, and the next one sweeps', async () => {
    const s = await stage();
    s.cloud.faults.addToBus({ kind: 'lose' });
    await s.report(s.push('v1'));
    const release = partialWhere(s, (query) => query.includes('distinct RegistryName'));
    await s.cloud.fireTimer('tick');
    release();
    expect(s.lines('failed')).toHaveLength(1);
    expect(s.lines('sweep')).toEqual([]);
    await s.cloud.advance(10 * MINUTE);
    expect(await s.world()).toEqual(CLOSED);
  });

  test('an answer over the size limit, for a repository and its images: nothing opens, and nothing is lost', async () => {
    const s = await stage();
    await s.close('v1');
    s.cloud.workspace.maxAnswerBytes = 200;
    s.cloud.clock.advance(6 * HOUR);
    await s.cloud.fireTimer('tick');
    await s.cloud.runUntilIdle();
    expect(await s.world()).toEqual(CLOSED);
    expect(s.lines('failed').length).toBeGreaterThan(0);
    s.cloud.workspace.maxAnswerBytes = 64_000_000;
    await s.runUntilIdle();
    expect(await s.world()).toEqual(CLOSED);
    expect(s.cloud.queue.messages()).toEqual([]);
  });

  const kinds: readonly (readonly [string, Fault])[] = [
    ['429 with Retry-After', { kind: 'throttle', times: 2 }],
    ['500', { kind: 'serverError' }],
    ['504: the query took too long', { kind: 'error', code: 'GatewayTimeout', message: 'too long', status: 504 }],
    ['a broken connection', { kind: 'reset' }],
    ['a lost response', { kind: 'drop' }],
  ];

  test.each(kinds)('a query fails with %s: retried with backoff within the invocation', async (_name, fault) => {
    const s = await stage();
    s.cloud.faults.add({ ...fault, service: 'logs' });
    await s.close('v1');
    expect(await s.world()).toEqual(CLOSED);
    expect(s.lines('failed')).toEqual([]);
  });

  test('queries fail with 429 for longer than an invocation retries: retried later, and then closes', async () => {
    const s = await stage();
    s.cloud.faults.add({ kind: 'throttle', service: 'logs', times: 4 });
    await s.close('v1');
    expect(await s.world()).toEqual(CLOSED);
    expect(s.lines('failed')).toMatchObject([{ tries: 0, minutes: 1 }]);
  });
});
