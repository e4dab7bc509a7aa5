// The order in which a local cloud runs due work.
import { describe, expect, it } from 'vitest';
import { START, virtualClock } from '../../local/clock.ts';
import { advanceClock, type DueWork, runUntilIdle } from '../../local/due-work.ts';

const SECOND = 1_000;

/** Work whose messages and timers are due at the given seconds. Each invocation is recorded with its name and time. */
function workDue(messages: readonly number[], timers: readonly number[] = []): DueWork<string> {
  const clock = virtualClock();
  const seconds = () => (clock.now().getTime() - START.getTime()) / SECOND;
  const [waiting, firing] = [[...messages].sort((a, b) => a - b), [...timers]];
  const at = (second: number | undefined) => (second === undefined ? undefined : START.getTime() + second * SECOND);
  const take = (due: number[], what: string, invocations: string[]) => {
    while (due[0] !== undefined && due[0] <= seconds()) {
      due.shift();
      invocations.push(`${what} at ${seconds()}`);
    }
  };
  return {
    clock,
    drain: async (invocations) => take(waiting, 'message', invocations),
    nextWorkAt: () => at(waiting[0]),
    fireDueTimers: async (invocations) => take(firing, 'timer', invocations),
    nextTimerAt: async () => at(firing[0]),
  };
}

describe('running until idle', () => {
  it('delivers visible messages without moving the clock', async () => {
    const work = workDue([0, 0, 5]);
    expect(await runUntilIdle(work)).toEqual(['message at 0', 'message at 0']);
    expect(work.clock.now()).toEqual(START);
  });

  it('moves the clock until no message is left, and fires no timers', async () => {
    expect(await runUntilIdle(workDue([0, 5, 7], [6]), { advance: true })).toEqual([
      'message at 0',
      'message at 5',
      'message at 7',
    ]);
  });
});

describe('advancing the clock', () => {
  it('fires timers and delivers messages, each at its time, and ends at the requested time', async () => {
    const work = workDue([0, 5, 20], [3, 5, 11]);
    expect(await advanceClock(work, 10 * SECOND)).toEqual(['message at 0', 'timer at 3', 'timer at 5', 'message at 5']);
    expect(work.clock.now()).toEqual(new Date(START.getTime() + 10 * SECOND));
  });

  it('includes work that is due at the end', async () => {
    expect(await advanceClock(workDue([10], [10]), 10 * SECOND)).toEqual(['timer at 10', 'message at 10']);
  });
});
