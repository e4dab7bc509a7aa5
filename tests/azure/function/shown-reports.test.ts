// Which events an earlier reconciliation of the same process has covered.
import { describe, expect, it } from 'vitest';
import { createShownReports } from '../../../azure/function/shown-reports.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import { notListed, type Result } from '../../../shared/reconcile/result.ts';
import { digest } from '../../shared/samples.ts';
import { REGISTRY_ID } from './samples.ts';

const REPOSITORY: Gate = { registry: REGISTRY_ID, repository: 'team/app' };
const IMAGE: Gate = { ...REPOSITORY, digest: digest(1) };
const [BEFORE, AT, AFTER] = ['2026-03-02T07:59:59.999Z', '2026-03-02T08:00:00.000Z', '2026-03-02T08:00:00.001Z'];

/** An observation of the image with this number, whose reports were all updated at one time. */
const observed = (number: number, ids: readonly string[], reportedAt: string | undefined = AT) => ({
  digest: digest(number),
  presence: 'present',
  tagged: true,
  reports: ids.map((id) => ({ id, status: 'active', reportedAt, findings: [] })),
});
/** A result with nothing but its observations. */
const resultFrom = (observations: readonly object[], outcome: object = { kind: 'done' }) =>
  ({ ...outcome, observations }) as unknown as Result;
const event = (id: string, at: string | undefined = AT, number = 1) => ({ id, digest: digest(number), at });

describe('an event about a report', () => {
  it.each([
    ['is covered if the report is newer than the event', AFTER, [event('a')], true],
    ['is covered if the report is as old as the event', AT, [event('a')], true],
    ['is not covered if the report is older than the event', BEFORE, [event('a')], false],
    ['is not covered if the time of the event is unknown', AFTER, [{ id: 'a', digest: digest(1) }], false],
    ['is not covered if another report was shown', AFTER, [event('b')], false],
    ['is not covered if the report of another image was shown', AFTER, [event('a', AT, 2)], false],
    ['is covered together with another event if both are', AFTER, [event('a'), event('a', AFTER)], true],
    ['is not covered together with another event that is not', AFTER, [event('a'), event('b')], false],
    ['that names none is not covered', AFTER, [], false],
  ])('%s', (_name, reportedAt, namedReports, expected) => {
    const shown = createShownReports();
    shown.remember(IMAGE, resultFrom([observed(1, ['a'], reportedAt)]), AT);
    expect(shown.cover({ gate: IMAGE, namedReports })).toBe(expected);
  });

  it('is not covered if the report has no time, or its image no reports', () => {
    const shown = createShownReports();
    const reports = [{ id: 'a', status: 'active', findings: [] }];
    const gone = { digest: digest(2), presence: 'gone' };
    shown.remember(IMAGE, resultFrom([{ ...observed(1, []), reports }, gone]), AT);
    expect(shown.cover({ gate: IMAGE, namedReports: [event('a')] })).toBe(false);
    expect(shown.cover({ gate: IMAGE, namedReports: [event('a', AT, 2)] })).toBe(false);
  });

  it.each<[string, object]>([
    ['the image had no tag', { tagged: false }],
    [
      'the provider repeated an earlier report',
      { reports: [{ id: 'a', status: 'resolved', reportedAt: AFTER, isRepeated: true, findings: [] }] },
    ],
  ])('is not covered if %s', (_name, changes) => {
    const shown = createShownReports();
    shown.remember(IMAGE, resultFrom([{ ...observed(1, ['a']), ...changes }]), AT);
    expect(shown.cover({ gate: IMAGE, namedReports: [event('a')] })).toBe(false);
  });

  it('is not covered by the same image in another gate', () => {
    const shown = createShownReports();
    shown.remember(REPOSITORY, resultFrom([observed(1, ['a'])]), AT);
    expect(shown.cover({ gate: REPOSITORY, namedReports: [event('a')] })).toBe(true);
    for (const gate of [IMAGE, { ...REPOSITORY, repository: 'team/other' }])
      expect(shown.cover({ gate, namedReports: [event('a')] })).toBe(false);
  });

  it('is covered only by the latest reconciliation of the image', () => {
    const shown = createShownReports();
    shown.remember(IMAGE, resultFrom([observed(1, ['a'], AFTER)]), AT);
    shown.remember(IMAGE, resultFrom([observed(1, ['a'], BEFORE)]), AT);
    expect(shown.cover({ gate: IMAGE, namedReports: [event('a')] })).toBe(false);
  });

  it.each([
    ['that retries only other events covers it', { kind: 'retry', reports: [{ id: 'b' }] }, true],
    ['that retries all events does not', { kind: 'retry', reports: 'all' }, false],
    ['that a person must repeat does not', { kind: 'deadLetter' }, false],
  ])('a reconciliation %s', (_name, outcome, expected) => {
    const shown = createShownReports();
    shown.remember(IMAGE, resultFrom([observed(1, ['a'])], outcome), AT);
    expect(shown.cover({ gate: IMAGE, namedReports: [event('a')] })).toBe(expected);
  });
});

describe('a report that a reconciliation did not find', () => {
  const seconds = (number: number) => new Date(Date.parse(AT) + number * 1000).toISOString();
  const awaited = (namedReports: readonly ReturnType<typeof event>[], changes: object = {}, after = 14) => {
    const shown = createShownReports();
    shown.remember(IMAGE, resultFrom([{ ...observed(1, ['a']), ...changes }]), AT);
    return shown.awaited({ gate: IMAGE, namedReports }, seconds(after));
  };

  it.each([
    ['is awaited', [event('b')], {}, 14, [notListed('b')]],
    [
      'is awaited together with others that it did not find',
      [event('b'), event('c')],
      {},
      14,
      [notListed('b'), notListed('c')],
    ],
    ['is looked for again after a moment', [event('b')], {}, 15, []],
    ['is looked for together with one that it found', [event('a'), event('b')], {}, 1, []],
    ['is looked for if its image was not observed', [event('b', AT, 2)], {}, 1, []],
    ['is looked for if its image had no tag', [event('b')], { tagged: false }, 1, []],
    ['is looked for if its image was gone', [event('b')], { presence: 'gone' }, 1, []],
    ['is not awaited if it was there, however old it was', [event('a', AFTER)], {}, 1, []],
    ['is not awaited if it was only repeated', [event('a')], { reports: [{ id: 'a', isRepeated: true }] }, 1, []],
    ['is awaited if the image has no reports at all', [event('a')], { reports: [] }, 1, [notListed('a')]],
  ])('%s', (_name, namedReports, changes, after, expected) => {
    expect(awaited(namedReports, changes, after)).toEqual(expected);
  });

  it('is nothing if the request names none', () => {
    expect(awaited([])).toEqual([]);
  });
});

it('remembers a limited number of reports, and forgets the image that was observed first', () => {
  const shown = createShownReports(5);
  const covered = () =>
    [1, 2, 3].map((number) => shown.cover({ gate: REPOSITORY, namedReports: [event('a', AT, number)] }));
  shown.remember(REPOSITORY, resultFrom([observed(1, ['a']), observed(2, ['a', 'b'])]), AT);
  expect(covered()).toEqual([true, true, false]);
  // Observed again, the first image is the latest.
  shown.remember(REPOSITORY, resultFrom([observed(1, ['a'])]), AT);
  shown.remember(REPOSITORY, resultFrom([observed(3, ['a'])]), AT);
  expect(covered()).toEqual([true, false, true]);
  shown.remember(REPOSITORY, resultFrom([observed(2, ['a', 'b', 'c', 'd', 'e'])]), AT);
  expect(covered()).toEqual([false, false, false]);
});
