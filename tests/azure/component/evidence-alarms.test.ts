// Tests the queries of the alerts about the evidence: what raises each, and what does not.
import { describe, expect, it } from 'vitest';
import { isRaised, type Line } from './raised.ts';

describe('unattributed images raise an alert if they persist', () => {
  const sweeps = (...counts: readonly (readonly [hoursAgo: number, unattributed: number, unread: number])[]) => counts;
  it.each([
    ['every sweep of two days counts some', sweeps([1, 2, 0], [20, 1, 0], [40, 3, 0]), true],
    ['every sweep counts some, unattributed or unread', sweeps([1, 0, 1], [20, 1, 0]), true],
    ['one sweep was clean', sweeps([1, 2, 0], [20, 0, 0], [40, 3, 0]), false],
    ['the last sweep was clean', sweeps([1, 0, 0], [20, 5, 0]), false],
    ['only the sweep before two days was clean', sweeps([1, 2, 0], [20, 1, 0], [49, 0, 0]), true],
    ['there was one sweep', sweeps([1, 2, 0]), false],
    ['there was no sweep', sweeps(), false],
  ])('%s', (_name, counts, expected) => {
    const lines = counts.map(
      ([at, unattributed, unread]) =>
        [at, { kind: 'attribution', attributed: 9, gone: 0, unattributed, unread }] as const,
    );
    expect(isRaised('unattributed', lines)).toBe(expected);
  });
});

describe('events without a row raise an alert', () => {
  const retries = (...lines: readonly (readonly [hoursAgo: number, image: string, tries: number])[]) => lines;
  it.each([
    ['if two images have none after half an hour', retries([0.5, 'a', 5], [0.1, 'b', 7]), true],
    ['but not if it is one image, with two events', retries([0.5, 'a', 5], [0.1, 'a', 6]), false],
    ['but not before half an hour', retries([0.2, 'a', 4], [0.1, 'b', 4]), false],
    ['but not if one of them is long ago', retries([1.1, 'a', 7], [0.1, 'b', 5]), false],
    ['but not if only older rows are shown, or a call failed', retries([0.5, '', 5], [0.1, '', 5]), false],
    ['but not without any line', retries(), false],
  ])('%s', (_name, lines, expected) => {
    const shown = lines.map(
      ([at, image, tries]) => [at, { kind: 'retried', tries, ...(image === '' ? {} : { noRowFor: image }) }] as const,
    );
    expect(isRaised('no-row', shown)).toBe(expected);
  });
});

describe('undetermined images raise an alert', () => {
  type Count = readonly [hoursAgo: number, repository: string, judged: number | undefined, undetermined: number];
  it.each<[string, readonly Count[], boolean]>([
    ['if more than a tenth of a repository is undetermined', [[1, 'a', 49, 5]], true],
    ['but not if it is a tenth', [[1, 'a', 50, 5]], false],
    ['but not if fewer than five are', [[1, 'a', 4, 4]], false],
    [
      'if those of several repositories are more than a tenth',
      [
        [1, 'a', 10, 4],
        [1, 'b', 30, 1],
      ],
      true,
    ],
    [
      'but not if the other repositories have enough images',
      [
        [1, 'a', 10, 5],
        [1, 'b', 40, 0],
      ],
      false,
    ],
    [
      'but not if the newest sweep finds none',
      [
        [7, 'a', 10, 10],
        [1, 'a', 10, 0],
      ],
      false,
    ],
    [
      'if an event has judged one image since',
      [
        [7, 'a', 10, 10],
        [1, 'a', undefined, 0],
      ],
      true,
    ],
    ['but not without any line', [], false],
  ])('%s', (_name, counts, expected) => {
    const lines = counts.map(([at, repository, judged, undeterminedImages]) => {
      const judgedImages = judged === undefined ? {} : { judgedImages: judged };
      return [at, { kind: 'decision', registry: 'r', repository, undeterminedImages, ...judgedImages }] as const;
    });
    expect(isRaised('undetermined', lines)).toBe(expected);
  });
});

describe('closings on inherited severities raise an alert', () => {
  it.each<[string, inherited: number, own: number, others: number, boolean]>([
    ['if they are most of the closings', 5, 4, 0, true],
    ['but not if they are half', 5, 5, 0, false],
    ['but not if they are fewer than five', 4, 0, 0, false],
    ['whatever persons have closed', 5, 4, 9, true],
    ['but not without a closing', 0, 0, 0, false],
  ])('%s', (_name, inherited, own, others, expected) => {
    const closed = { kind: 'decision', action: 'closed' };
    const lines = [
      ...Array<Line>(inherited).fill({ ...closed, onlyInherited: true }),
      ...Array<Line>(own).fill({ ...closed, onlyInherited: false }),
      ...Array<Line>(others).fill(closed),
    ];
    expect(
      isRaised(
        'inherited',
        lines.map((line) => [1, line]),
      ),
    ).toBe(expected);
  });

  it('but not by those before two days', () => {
    const line = { kind: 'decision', action: 'closed', onlyInherited: true };
    expect(isRaised('inherited', Array(9).fill([49, line]))).toBe(false);
  });
});

describe('details that cannot be read raise an alert', () => {
  const reads = (...counts: readonly (readonly [hoursAgo: number, asked: number, unread: number])[]) => counts;
  it.each([
    ['if two sweeps read none', reads([7, 90, 90], [1, 90, 90]), true],
    ['if two sweeps read less than half', reads([7, 90, 50], [1, 90, 50]), true],
    ['but not if they read half', reads([7, 90, 45], [1, 90, 45]), false],
    ['but not if only one of two sweeps failed', reads([7, 90, 90], [1, 90, 0]), false],
    ['but not if all failures were within an hour', reads([1.5, 90, 90], [1, 90, 90]), false],
    ['but not if few CVEs are concerned', reads([7, 4, 4], [1, 5, 5]), false],
    ['if few CVEs are concerned each time, but ten in all', reads([7, 5, 5], [1, 5, 5]), true],
    ['but not if new CVEs without details are a small part', reads([7, 20, 20], [4, 300, 10], [1, 20, 20]), false],
    ['but not by sweeps that are long ago', reads([20, 90, 90], [14, 90, 90]), false],
    ['but not without any line', reads(), false],
  ])('%s', (_name, counts, expected) => {
    const lines = counts.map(([at, asked, unread]) => [at, { kind: 'details', asked, unread }] as const);
    expect(isRaised('details', lines)).toBe(expected);
  });
});
