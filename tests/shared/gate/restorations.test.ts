// Repeated restorations: one notice for the first, then one a day with their number.
import { describe, expect, it } from 'vitest';
import { type Restorations, stepRestorations } from '../../../shared/gate/restorations.ts';
import { hoursLater, NOW } from '../samples.ts';

describe('restorations', () => {
  it.each<[string, Restorations | undefined, boolean, number, ReturnType<typeof stepRestorations>]>([
    ['none: nothing', undefined, false, 0, { next: undefined, notice: undefined }],
    ['the first: a notice', undefined, true, 0, { next: { notifiedAt: NOW, since: 0 }, notice: 'one' }],
    [
      'the second within a day: counted',
      { notifiedAt: NOW, since: 0 },
      true,
      23.9,
      { next: { notifiedAt: NOW, since: 1 }, notice: undefined },
    ],
    [
      'nothing more within the day: kept',
      { notifiedAt: NOW, since: 6 },
      false,
      23.9,
      { next: { notifiedAt: NOW, since: 6 }, notice: undefined },
    ],
    [
      'a day later, without another one: a notice of those that were counted',
      { notifiedAt: NOW, since: 6 },
      false,
      24,
      { next: { notifiedAt: hoursLater(24), since: 0 }, notice: { times: 6, since: NOW } },
    ],
    [
      'a day later, with another one: a notice of all',
      { notifiedAt: NOW, since: 6 },
      true,
      24,
      { next: { notifiedAt: hoursLater(24), since: 0 }, notice: { times: 7, since: NOW } },
    ],
    [
      'a day later, and none was counted: a notice of this one',
      { notifiedAt: NOW, since: 0 },
      true,
      24,
      { next: { notifiedAt: hoursLater(24), since: 0 }, notice: 'one' },
    ],
    [
      'a day later, and there was none: forgotten',
      { notifiedAt: NOW, since: 0 },
      false,
      24,
      { next: undefined, notice: undefined },
    ],
  ])('%s', (_name, before, isRestored, hours, expected) => {
    expect(stepRestorations(before, isRestored, hoursLater(hours))).toEqual(expected);
  });
});
