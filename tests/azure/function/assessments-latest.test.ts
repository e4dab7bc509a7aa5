// If an assessment has several rows, the latest counts, unless it is a snapshot that clears an assessment too early.
import { describe, expect, it } from 'vitest';
import { type Assessment, assessmentFrom, latestOf, type Row } from '../../../azure/function/assessments.ts';
import { ASSESSMENT_ID, AT, GROUPED_DIGEST, individualRow } from './samples.ts';

function read(row: Row): Assessment {
  const assessment = assessmentFrom(row);
  if (assessment === undefined) throw new Error('expected an assessment, was given none');
  return assessment;
}

describe('of several rows of one assessment', () => {
  const older = read(individualRow({ State: 'Healthy', TimeGenerated: new Date(AT - 1) }));
  const newer = read(individualRow());
  const other = read(individualRow({ AssessmentId: `${ASSESSMENT_ID}2`, TimeGenerated: new Date(AT - 2) }));
  const elsewhere = read(
    individualRow({
      Properties: null,
      Details: null,
      ImageDigest: GROUPED_DIGEST,
      TimeGenerated: new Date(AT - 3),
    }),
  );

  it.each([
    ['in order', [older, newer]],
    ['in the other order', [newer, older]],
    ['twice', [newer, older, newer, older]],
  ])('the latest counts: %s', (_name, rows) => {
    expect(latestOf(rows)).toEqual([newer]);
  });

  it('every image and assessment keeps its own row', () => {
    expect(latestOf([other, newer, elsewhere, older])).toEqual([elsewhere, other, newer]);
  });

  it('an empty list stays empty', () => {
    expect(latestOf([])).toEqual([]);
  });

  const healthy = (changes: Row = {}) => read(individualRow({ State: 'Healthy', ...changes }));
  const exempt = read(individualRow({ State: 'NotApplicable', Cause: 'Exempt' }));
  const off = read(individualRow({ State: 'NotApplicable', Cause: 'OffByPolicy' }));
  it.each<[string, readonly Assessment[]]>([
    ['Unhealthy before all others', [newer, off, exempt, healthy()]],
    ['disabled before exempted', [off, exempt, healthy()]],
    ['exempted before Healthy', [exempt, healthy()]],
  ])('if rows have the same time, the one that clears least counts, in any order: %s', (_name, weightiestFirst) => {
    const [wanted] = weightiestFirst;
    for (const [place] of weightiestFirst.entries()) {
      const turned = [...weightiestFirst.slice(place), ...weightiestFirst.slice(0, place)];
      expect(latestOf(turned)).toEqual([wanted]);
      expect(latestOf(turned.toReversed())).toEqual([wanted]);
    }
  });

  const DAY = 24 * 3_600_000;
  const later = (milliseconds: number) => ({ TimeGenerated: new Date(AT + milliseconds) });
  const inSnapshot = (changes: Row) => ({ ...changes, IsSnapshot: true });
  const active = (changes: Row = {}) => read(individualRow(changes));
  it.each<[string, readonly Assessment[], 'first' | 'last']>([
    ['an hour after a streamed Unhealthy: does not count', [active(), healthy(inSnapshot(later(3_600_000)))], 'first'],
    ['less than a day after it: does not count', [active(), healthy(inSnapshot(later(DAY - 1)))], 'first'],
    ['a day after it: counts', [active(), healthy(inSnapshot(later(DAY)))], 'last'],
    ['an hour after another snapshot: counts', [active(inSnapshot({})), healthy(inSnapshot(later(3_600_000)))], 'last'],
    [
      'less than a day after a streamed Unhealthy, exempted: does not count',
      [active(), read(individualRow(inSnapshot({ ...later(1), State: 'NotApplicable', Cause: 'Exempt' })))],
      'first',
    ],
    ['an hour after a streamed Healthy, Unhealthy: counts', [healthy(), active(inSnapshot(later(3_600_000)))], 'last'],
  ])("a snapshot's Healthy %s", (_name, rows, wanted) => {
    expect(latestOf(rows)).toEqual([rows.at(wanted === 'first' ? 0 : -1)]);
    expect(latestOf(rows.toReversed())).toEqual([rows.at(wanted === 'first' ? 0 : -1)]);
  });

  it('a streamed Healthy counts at once', () => {
    const last = healthy(later(1));
    expect(latestOf([active(), last])).toEqual([last]);
  });

  it("a snapshot's Healthy that does not count hides no later one", () => {
    const last = healthy(inSnapshot(later(7 * DAY)));
    expect(latestOf([active(), healthy(inSnapshot(later(3_600_000))), last])).toEqual([last]);
  });
});
