// Tests the counts of a plan and the time that the limits take.
import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../cli/plan/make-plan.ts';
import { closingSentence, hoursToClose, limitSentence, otherCounts, totalsOf } from '../../../cli/plan/totals.ts';
import type { Usage } from '../../../shared/reconcile/observation.ts';
import { GATE, present } from '../../shared/samples.ts';
import { awsTarget, MEDIUM, repositoryWith, snapshotOf, workingConfig } from './planning.ts';

describe('the hours until gates are closed', () => {
  it.each([
    [1, 25, 100, 1],
    [12, 25, 100, 1],
    [25, 25, 100, 1],
    [26, 25, 100, 2],
    [100, 25, 100, 4],
    [101, 25, 100, 25],
    [250, 25, 100, 50],
    // The day limit is higher than the hours allow.
    [48, 1, 100, 48],
    [5, 25, 1, 97],
  ])('%i gates, %i an hour, %i a day: %i', (gates, maxClosesPerHour, maxClosesPerDay, hours) => {
    expect(hoursToClose(gates, { maxClosesPerHour, maxClosesPerDay })).toBe(hours);
  });
});

/** A plan that closes gates whose images are used in these ways. */
function planFor(usages: readonly (Usage | undefined)[], keys: Readonly<Record<string, unknown>> = {}) {
  const repositories = usages.map((usage, number) => ({
    ...repositoryWith([MEDIUM], { gate: { ...GATE, repository: `team/app-${number}` } }),
    images: [present({ findings: [MEDIUM], usage })],
  }));
  return makePlan(snapshotOf(awsTarget({ repositories })), workingConfig({ severityThreshold: 'medium', ...keys }));
}

describe('the sentences', () => {
  it('say how many of the gates that would close are in use, and by how much', async () => {
    const plan = await planFor([
      ...Array.from({ length: 7 }, () => ({ inUseCount: 0 })),
      { inUseCount: 10 },
      { inUseCount: 6 },
      { inUseCount: 1 },
      {},
      undefined,
    ]);
    const totals = totalsOf(plan);
    expect(closingSentence(totals)).toBe('12 gates would close (3 in use, by 17 tasks or pods; use of 2 unknown)');
    expect(otherCounts(totals)).toBe('0 would open, 0 are unchanged');
    expect(plan.targets.map(limitSentence)).toEqual([
      'On AWS the limits let 25 close an hour and 100 a day: 12 gates take 1 hour',
    ]);
  });

  it.each([
    [[], '0 gates would close'],
    [[{ inUseCount: 0 }], '1 gate would close (none in use by tasks or pods)'],
    [[undefined], '1 gate would close (use of 1 unknown)'],
  ])('of %j', async (usages, sentence) => {
    const plan = await planFor(usages);
    expect(closingSentence(totalsOf(plan))).toBe(sentence);
    expect(plan.targets.map(limitSentence).filter((one) => one !== undefined)).toHaveLength(usages.length);
  });

  it('say how many days the limits would take for a bad feed', async () => {
    const plan = await planFor(Array.from({ length: 1_000 }, () => ({ inUseCount: 1 })));
    expect(plan.targets.map(limitSentence)).toEqual([
      'On AWS the limits let 25 close an hour and 100 a day: 1,000 gates take 10 days',
    ]);
    expect(totalsOf(plan)).toMatchObject({ closes: 1_000, use: { inUse: 1_000, workloads: 1_000, unknown: 0 } });
  });

  it('count the gates that wait already', async () => {
    const repositories = ['a', 'b'].map((name) =>
      repositoryWith([MEDIUM], { gate: { ...GATE, repository: `team/${name}` } }),
    );
    const before = { severityThreshold: 'medium' };
    const planWith = (keys: Readonly<Record<string, unknown>>) =>
      makePlan(snapshotOf(awsTarget({ repositories, given: before })), workingConfig({ ...before, ...keys }));
    expect((await planWith({})).targets.map(limitSentence)).toEqual([
      'On AWS the limits let 25 close an hour and 100 a day: 2 gates, with 2 that wait already, take 1 hour',
    ]);
  });
});
