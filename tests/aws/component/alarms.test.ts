// Tests when the alarms are raised, for series of failures as the queue's retries make them.
import { describe, expect, it } from 'vitest';
import { alarmSpecs } from '../../../aws/component/alarms.ts';

const PHASES = Array.from({ length: 300 }, (_, seconds) => seconds);

/** Whether the alarm is raised if its metric has a value at these seconds. */
function isRaised(name: string, seconds: readonly number[]): boolean {
  const spec = alarmSpecs(6).find((one) => one.name === name);
  if (spec === undefined) throw new Error(`there is no alarm ${name}`);
  const { periods, breaching = periods, periodSeconds } = spec;
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
