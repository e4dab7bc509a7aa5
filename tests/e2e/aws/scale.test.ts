// Many repositories at once: the brake, and a sweep over ten thousand repositories.
import { describe, expect, test } from 'vitest';
import type { Advisory } from '../../../local/aws/inspector-finding.ts';
import { CRITICAL, HOUR, type Stage, stage } from './stage.ts';

async function hit(
  { cloud }: Stage,
  count: number,
  advisory: (number: number) => Advisory,
): Promise<readonly string[]> {
  const names = Array.from({ length: count }, (_, number) => `team/app-${number}`);
  for (const [number, repository] of names.entries()) {
    cloud.ecr.createRepository(repository);
    const digest = await cloud.ecr.pushImage(repository, { tag: 'v1', content: repository });
    cloud.inspector.scanned(repository, digest);
    await cloud.inspector.report({ repository, digest }, advisory(number));
  }
  return names;
}

const closedOf = (s: Stage, names: readonly string[]) => names.filter((name) => s.isClosed(name));
const FIVE_MINUTES = 300_000;

describe('the brake', () => {
  test('with maxClosesPerHour 25, 25 of 400 vulnerable repositories close, 375 are announced, and an exempt exploit closes at once', {
    timeout: 120_000,
  }, async () => {
    const s = await stage({ brakeExempt: 'exploited', policy: { exploited: 'high' } });
    const exploited: Advisory = { ...CRITICAL, exploitAvailable: 'YES' };
    const names = await hit(s, 401, (number) => (number === 400 ? exploited : CRITICAL));
    await s.cloud.runUntilIdle({ advance: true });
    expect(closedOf(s, names)).toHaveLength(26);
    expect(s.isClosed('team/app-400')).toBe(true);
    await s.tick();
    const kinds = Map.groupBy(s.cloud.notices, ({ attributes }) => attributes['change']);
    const waiting = kinds.get('waiting') ?? [];
    expect([kinds.get('closed')?.length, waiting.map(({ subject }) => subject)]).toEqual([
      26,
      ['[pullgate] 375 NOT closed'],
    ]);
    expect(waiting[0]?.message).toContain('the limit on closings (maxClosesPerHour or maxClosesPerDay) is reached');
    await s.cloud.advance(HOUR + FIVE_MINUTES);
    expect(closedOf(s, names)).toHaveLength(51);
    expect(s.cloud.deadLetters.messages()).toEqual([]);
  });

  test('waiting gates are admitted by severity', async () => {
    const s = await stage({ maxClosesPerHour: 1 });
    const names = await hit(s, 3, (number) => ({ ...CRITICAL, severity: number === 2 ? 'CRITICAL' : 'HIGH' }));
    await s.runUntilIdle();
    const [first] = closedOf(s, names);
    await s.cloud.advance(HOUR + FIVE_MINUTES);
    const [second] = closedOf(s, names).filter((name) => name !== first);
    expect([first, second]).toContain('team/app-2');
    expect(closedOf(s, names)).toHaveLength(2);
  });

  test('a newcomer does not overtake a gate of higher rank, although its event comes first after the hour', async () => {
    const s = await stage({ maxClosesPerHour: 1 });
    const [first, critical, newcomer] = ['team/first', 'team/critical', 'team/newcomer'];
    for (const repository of [first, critical]) {
      await s.pushVulnerable(repository, 'v1', CRITICAL);
      await s.runUntilIdle();
    }
    // The hour is over, and no tick has run yet.
    s.cloud.clock.advance(HOUR);
    await s.pushVulnerable(newcomer, 'v1', { ...CRITICAL, severity: 'HIGH' });
    await s.cloud.runUntilIdle();
    expect([s.lastDecision(newcomer).to, closedOf(s, [first, critical, newcomer])]).toEqual([
      'waiting: brake',
      [first],
    ]);
    await s.cloud.advance(FIVE_MINUTES);
    expect(closedOf(s, [first, critical, newcomer])).toEqual([first, critical]);
  });

  test('the brake limits the first sweep over old images', async () => {
    const s = await stage({ maxClosesPerHour: 3 });
    s.cloud.faults.addToBus({ kind: 'lose' });
    const names = await hit(s, 20, () => CRITICAL);
    await s.sweep();
    expect(closedOf(s, names)).toHaveLength(3);
  });
});

describe('the sweep', () => {
  test('a sweep over 10,000 repositories requests each of them once, although 3 pages are throttled', {
    timeout: 300_000,
  }, async () => {
    const s = await stage();
    s.cloud.faults.addToBus({ kind: 'lose' });
    const names = await hit(s, 10_000, () => CRITICAL);
    s.cloud.faults.add({ kind: 'throttle', service: 'inspector2', operation: 'ListFindingAggregations', nth: 7 });
    s.cloud.faults.add({ kind: 'throttle', service: 'inspector2', operation: 'ListFindingAggregations', nth: 50 });
    s.cloud.faults.add({ kind: 'throttle', service: 'inspector2', operation: 'ListFindingAggregations', nth: 100 });
    const attributes = { ApproximateReceiveCount: '1' };
    const message = { messageId: 'sweep', receiptHandle: 'sweep', body: '{"pullgate":"sweep"}', attributes };
    // Runs only the sweep. The bench (aws-load) measures the reconciliations that it requests, and other tests check
    // them.
    const { outcome } = await s.cloud.lambda.invoke({ Records: [message] });
    expect(outcome).toEqual({ kind: 'answered', answer: { batchItemFailures: [] } });
    expect(s.lines('sweep').at(-1)).toMatchObject({ gates: 10_000 });
    const asked = s.cloud.queue.messages().map(({ body }) => (JSON.parse(body) as { repository: string }).repository);
    expect(asked.toSorted()).toEqual(names.toSorted());
  });

  test('a new policy takes effect at the next tick, not only at the next scheduled sweep', async () => {
    const s = await stage({ severityThreshold: 'critical' });
    const names = await hit(s, 2, () => ({ ...CRITICAL, severity: 'HIGH' }));
    await s.runUntilIdle();
    expect(closedOf(s, names)).toEqual([]);
    await s.redeploy({ severityThreshold: 'high' });
    expect(closedOf(s, names)).toEqual(names);
  });

  test('a tick lists nothing if no sweep is due', async () => {
    const s = await stage();
    s.cloud.queue.send('{"pullgate":"tick"}');
    await s.runUntilIdle();
    expect(s.calls('inspector2:ListFindingAggregations')).toBe(0);
    expect(s.lines('tick').at(-1)).toMatchObject({ waiting: 0, admitted: 0 });
  });
});
