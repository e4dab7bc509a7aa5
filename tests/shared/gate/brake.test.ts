// The brake: how many more gates may close within the hour, and that a second request for a gate does not count.
import { describe, expect, it } from 'vitest';
import { admit, type BrakeState, lastHour, NO_CLOSINGS, roomLeft } from '../../../shared/gate/brake.ts';
import { hoursLater, NOW } from '../samples.ts';

/** The brake after one gate was admitted at each of these numbers of hours ago. */
function closedAgo(...hoursAgo: readonly number[]): BrakeState {
  return { closings: hoursAgo.map((hours, number) => ({ gate: `gate-${number}`, at: hoursLater(-hours) })) };
}

describe('the last hour', () => {
  it.each<[string, BrakeState, number]>([
    ['begins empty', NO_CLOSINGS, 0],
    ['counts a closing from now', closedAgo(0), 1],
    [
      'counts a closing from one millisecond less than an hour ago',
      { closings: [{ gate: 'a', at: '2026-06-15T11:00:00.001Z' }] },
      1,
    ],
    ['drops a closing from an hour ago', closedAgo(1), 0],
    ['keeps only the closings from the last hour', closedAgo(2, 0.9, 1.1, 0.5), 2],
  ])('%s', (_name, state, count) => {
    expect(lastHour(state, NOW).closings.length).toBe(count);
  });
});

describe('the number of closings left', () => {
  it.each<[string, BrakeState, number, number]>([
    ['is the limit at first', NO_CLOSINGS, 25, 25],
    ['shrinks with each closing', closedAgo(0.1, 0.2), 25, 23],
    ['grows again after an hour', closedAgo(0.1, 1.2), 25, 24],
    ['is zero if the limit is reached', closedAgo(0.1, 0.2), 2, 0],
    ['is zero if the limit was lowered below the closings so far', closedAgo(0.1, 0.2, 0.3), 1, 0],
  ])('%s', (_name, state, max, room) => {
    expect(roomLeft(state, NOW, max)).toBe(room);
  });
});

describe('a request to close a gate', () => {
  it('is admitted and counted, and old closings are dropped', () => {
    const state = closedAgo(0.5, 2);
    expect(admit(state, 'team/app', NOW, 2)).toEqual({
      kind: 'admitted',
      next: {
        closings: [
          { gate: 'gate-0', at: hoursLater(-0.5) },
          { gate: 'team/app', at: NOW },
        ],
      },
    });
  });

  it('waits if the limit is reached', () => {
    expect(admit(closedAgo(0.5, 0.2), 'team/app', NOW, 2)).toEqual({ kind: 'wait' });
  });

  it('for an admitted gate is not counted again, even if the limit is reached', () => {
    const state = closedAgo(0.5, 0.2);
    expect(admit(state, 'gate-1', NOW, 2)).toEqual({ kind: 'counted' });
  });

  it('for 400 gates admits 25 and leaves 375 waiting', () => {
    let state = NO_CLOSINGS;
    let waiting = 0;
    for (let number = 0; number < 400; number++) {
      const answer = admit(state, `gate-${number}`, NOW, 25);
      if (answer.kind === 'wait') waiting++;
      if (answer.kind === 'admitted') state = answer.next;
    }
    expect([state.closings.length, waiting]).toEqual([25, 375]);
  });
});
