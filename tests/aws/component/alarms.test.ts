// Tests when the alarms are raised, for series of failures as the queue's retries make them.
import { describe, expect, it } from 'vitest';
import { type AlarmSpec, alarmSpecs } from '../../../aws/component/alarms.ts';

const PHASES = Array.from({ length: 300 }, (_, seconds) => seconds);

function specOf(name: string, sweepHours: number): AlarmSpec {
  const spec = alarmSpecs(sweepHours).find((one) => one.name === name);
  if (spec === undefined) throw new Error(`there is no alarm ${name}`);
  return spec;
}

/** Whether the alarm is raised if its metric has a value at these seconds. */
function isRaised(name: string, seconds: readonly number[]): boolean {
  const { periods, breaching = periods, periodSeconds } = specOf(name, 6);
  const bad = new Set(seconds.map((at) => Math.floor(at / periodSeconds)));
  return [...bad].some((last) => {
    const window = Array.from({ length: periods }, (_, ago) => last - ago);
    return window.filter((period) => bad.has(period)).length >= breaching;
  });
}

describe('the alarm failures', () => {
  // A message is retried after 15 seconds, then 30, 60, ... up to 15 minutes: aws/function/queue.ts.
  const failures = [0, 15, 45, 105, 225, 465, 945, 1_845];

  it('is raised by one message that fails at each of its receives, whenever it begins', () => {
    const missed = PHASES.filter(
      (phase) =>
        !isRaised(
          'failures',
          failures.map((at) => at + phase),
        ),
    );
    expect(missed).toEqual([]);
  });

  it('is not raised by a single failure', () => {
    expect(PHASES.filter((phase) => isRaised('failures', [phase]))).toEqual([]);
  });
});

describe('the alarm refused', () => {
  const HOUR_SECONDS = 3_600;
  /** A sweep begins with a tick, and its last message may be handled minutes later. */
  const LATE_SECONDS = 900;

  /** Whether the alarm is on at this second, if closings were refused at these: its window ends now. */
  function isOn(sweepHours: number, refusals: readonly number[], now: number): boolean {
    const { periods, periodSeconds, breaching = periods } = specOf('refused', sweepHours);
    const seen = refusals.filter((at) => at <= now && at > now - periods * periodSeconds);
    return new Set(seen.map((at) => Math.floor((now - at) / periodSeconds))).size >= breaching;
  }

  it.each([1, 6, 24])('is on from the first refusal to the last, with a sweep every %d hours', (sweepHours) => {
    const refusals = Array.from({ length: 5 }, (_, number) => number * (sweepHours * HOUR_SECONDS + LATE_SECONDS));
    const last = refusals.at(-1) ?? 0;
    const minutes = Array.from({ length: last / 60 + 1 }, (_, minute) => minute * 60);
    expect(minutes.filter((now) => !isOn(sweepHours, refusals, now))).toEqual([]);
    expect(isOn(sweepHours, refusals, last + (sweepHours + 1) * HOUR_SECONDS)).toBe(false);
  });

  it.each([1, 6, 24])('has a window that CloudWatch allows, with a sweep every %d hours', (sweepHours) => {
    const { periods, periodSeconds } = specOf('refused', sweepHours);
    expect(periodSeconds).toBeGreaterThanOrEqual(HOUR_SECONDS);
    expect(periods * periodSeconds).toBeLessThanOrEqual(604_800);
  });

  it('says in its description when it ends', () => {
    expect(specOf('refused', 12).description).toContain('(sweepHours is 12), so this alarm ends 13 hours after');
  });
});
