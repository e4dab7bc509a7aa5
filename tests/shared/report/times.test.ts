// Times for people have one form.
import { expect, it } from 'vitest';
import { endOf, minute } from '../../../shared/report/times.ts';
import { daysLater, NOW } from '../samples.ts';

it('a time is in UTC, to the minute', () => {
  expect(minute('2026-03-02T09:05:59.999Z')).toBe('2026-03-02 09:05 UTC');
});

it('an end has the time that is left', () => {
  expect([-1, 0.01, 0.05, 0.5, 1, 9].map((days) => endOf(daysLater(days), NOW))).toEqual([
    '2026-06-14 12:00 UTC (ended)',
    '2026-06-15 12:14 UTC (within the hour)',
    '2026-06-15 13:12 UTC (in 1 hour)',
    '2026-06-16 00:00 UTC (in 12 hours)',
    '2026-06-16 12:00 UTC (in 1 day)',
    '2026-06-24 12:00 UTC (in 9 days)',
  ]);
});

it.each([
  [4 * 3_600_000 - 5, 'in 4 hours'],
  [4 * 3_600_000 - 60_000, 'in 3 hours'],
  [24 * 3_600_000 - 5, 'in 1 day'],
])('a time that is %d ms away is %s', (milliseconds, expected) => {
  expect(endOf(new Date(Date.parse(NOW) + milliseconds).toISOString(), NOW)).toContain(`(${expected})`);
});
