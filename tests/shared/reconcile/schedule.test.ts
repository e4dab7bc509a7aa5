// When a sweep is due, and the order of the gates that wait for the brake.
import { describe, expect, it } from 'vitest';
import type { GateRecord } from '../../../shared/gate/record.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { isSweepDue, lostEventAges, tickDue, waitingRank } from '../../../shared/reconcile/schedule.ts';
import { anOverride, blocker, finding, hoursLater, NOW, record } from '../samples.ts';

describe('a sweep', () => {
  const swept = (hours: number, fingerprint = 'a') => ({ sweptAt: hoursLater(-hours), fingerprint, gates: 10 });

  it.each([
    ['is due if there was none', undefined, true],
    ['is not due a minute after the last', swept(1 / 60), false],
    ['is not due just before its hours have passed', swept(5.99), false],
    ['is due when its hours have passed', swept(6), true],
    ['is due at once with new settings', swept(1 / 60, 'b'), true],
  ])('%s', (_name, last, due) => {
    expect(isSweepDue(last, 'a', 6, NOW)).toBe(due);
  });
});

describe('a tick reconciles a gate', () => {
  const lookAgain = (hours: number) => ({
    remedy: { blocked: undefined, announced: undefined, lookAgainAt: hoursLater(hours) },
  });

  it.each<[string, Partial<GateRecord>, string | undefined]>([
    ['not without a reason', {}, undefined],
    ['when its override ends', { override: anOverride() }, hoursLater(3)],
    ['when it must look again for a fix', lookAgain(1), hoursLater(1)],
    ['when the first of both is due: the fix', { override: anOverride(), ...lookAgain(1) }, hoursLater(1)],
    ['when the first of both is due: the override', { override: anOverride(), ...lookAgain(4) }, hoursLater(3)],
  ])('%s', (_when, changes, due) => {
    expect(tickDue({ ...record(), ...changes })).toBe(due);
  });
});

describe('the age of a finding whose event was lost', () => {
  it.each([
    [6, { above: 1_800, below: 21_600 }],
    [1, { above: 1_800, below: 3_600 }],
  ])('is between half an hour and the time between two sweeps: %i hours', (sweepHours, ages) => {
    expect(lostEventAges(sweepHours)).toEqual(ages);
  });
});

describe('the rank of a gate that waits for the brake', () => {
  const waiting = (severities: readonly string[], since = NOW, score?: number): GateRecord =>
    record({
      state: { kind: 'waiting', for: 'brake' },
      since,
      blockers: severities.map((severity) => blocker({ findings: [finding({ severity, score })] })),
    });

  it.each<[string, GateRecord, string | undefined]>([
    ['is first for a critical finding', waiting(['CRITICAL']), `0 ${NOW}`],
    ['is that of the worst finding of all blockers', waiting(['LOW', 'HIGH', 'MEDIUM']), `1 ${NOW}`],
    ['is that of the derived severity if the reported one is unknown', waiting(['UNTRIAGED'], NOW, 9.8), `0 ${NOW}`],
    ['is last if the severity is unknown', waiting(['UNTRIAGED']), `4 ${NOW}`],
    ['is last if all blockers are omitted ones', waiting([]), `4 ${NOW}`],
    [
      'ignores inactive blockers',
      { ...waiting(['LOW']), blockers: [blocker({ inactive: { at: NOW, why: 'gone' } })] },
      `4 ${NOW}`,
    ],
    ['is undefined for a closed gate', record(), undefined],
    [
      'is undefined for a gate that waits for something else',
      record({ state: { kind: 'waiting', for: 'audit' } }),
      undefined,
    ],
  ])('%s', (_name, stored, rank) => {
    expect(waitingRank(stored)).toBe(rank);
  });

  it('is computed for 200,000 findings', () => {
    const [first, ...others] = Array<Finding>(200_000).fill(finding({ severity: 'MEDIUM' }));
    if (first === undefined) throw new Error('200,000 findings were needed');
    const stored = waiting([]);
    expect(waitingRank({ ...stored, blockers: [blocker({ findings: [first, ...others, finding()] })] })).toMatch(/^0 /);
  });

  it('orders by severity, then by waiting time', () => {
    const records = [
      waiting(['HIGH']),
      waiting(['CRITICAL']),
      waiting(['CRITICAL'], hoursLater(-1)),
      waiting(['HIGH'], hoursLater(-2)),
    ];
    expect(records.map(waitingRank).sort()).toEqual([
      `0 ${hoursLater(-1)}`,
      `0 ${NOW}`,
      `1 ${hoursLater(-2)}`,
      `1 ${NOW}`,
    ]);
  });
});
