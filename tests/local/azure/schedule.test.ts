// The schedules of timers: when they fire, and which ones the local cloud supports.
import { describe, expect, it } from 'vitest';
import { readSchedule } from '../../../local/azure/schedule.ts';

describe('a schedule', () => {
  it.each([
    ['0 */5 * * * *', '09:00:00', '09:05:00'],
    ['0 */5 * * * *', '09:04:59', '09:05:00'],
    ['30 * * * * *', '09:00:30', '09:01:30'],
    ['0 15 */2 * * *', '09:00:00', '10:15:00'],
    ['0 0 6 * * *', '05:59:59', '06:00:00'],
  ])('%s fires after %s at %s', (schedule, after, at) => {
    const time = (text: string) => Date.parse(`2026-03-02T${text}Z`);
    expect(new Date(readSchedule(schedule)(time(after)))).toEqual(new Date(time(at)));
  });

  it.each(['*/5 * * * *', '0 0 0 1 * *', '0 1-5 * * * *', '0 0 0 * * Mon', '61 * * * * *', '00:05:00'])(
    'does not support %s',
    (schedule) => {
      expect(() => readSchedule(schedule)).toThrow(/supports only schedules such as/);
    },
  );
});
