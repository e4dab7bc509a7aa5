// The brake: how many gates may still be closed within the hour, and that asking twice costs nothing.
import { describe, expect, it } from 'vitest';
import { type BrakeState, lastHour, letThrough, NO_CLOSINGS, roomLeft } from '../../../shared/gate/brake.ts';
import { hoursLater, NOW } from '../samples.ts';

/** The brake after gates were let through, so many hours ago. */
function closedAgo(...hoursAgo: readonly number[]): BrakeState {
  return { closings: hoursAgo.map((hours, number) => ({ gate: `gate-${number}`, at: hoursLater(-hours) })) };
}

describe('the last hour', () => {
  it.each<[string, BrakeState, number]>([
    ['begins empty', NO_CLOSINGS, 0],
    ['counts a closing of this moment', closedAgo(0), 1],
    [
      'counts a closing that is a millisecond younger than an hour',
      { closings: [{ gate: 'a', at: '2026-06-15T11:00:00.001Z' }] },
      1,
    ],
    ['leaves out a closing that is an hour old', closedAgo(1), 0],
    ['keeps the younger ones of several', closedAgo(2, 0.9, 1.1, 0.5), 2],
  ])('%s', (_name, state, count) => {
    expect(lastHour(state, NOW).closings.length).toBe(count);
  });
});

describe('the room that is left', () => {
  it.each<[string, BrakeState, number, number]>([
    ['is all of it at first', NO_CLOSINGS, 25, 25],
    ['shrinks with each closing', closedAgo(0.1, 0.2), 25, 23],
    ['grows again after an hour', closedAgo(0.1, 1.2), 25, 24],
    ['is none where all are taken', closedAgo(0.1, 0.2), 2, 0],
    ['is none where the config has become stricter', closedAgo(0.1, 0.2, 0.3), 1, 0],
  ])('%s', (_name, state, max, room) => {
    expect(roomLeft(state, NOW, max)).toBe(room);
  });
});

describe('a gate that asks to be closed', () => {
  it('is let through and counted, and what is old is forgotten', () => {
    const state = closedAgo(0.5, 2);
    expect(letThrough(state, 'team/app', NOW, 2)).toEqual({
      closings: [
        { gate: 'gate-0', at: hoursLater(-0.5) },
        { gate: 'team/app', at: NOW },
      ],
    });
  });

  it('waits where there is no room', () => {
    expect(letThrough(closedAgo(0.5, 0.2), 'team/app', NOW, 2)).toBeUndefined();
  });

  it('is let through again without counting twice, also where there is no room', () => {
    const state = closedAgo(0.5, 0.2);
    expect(letThrough(state, 'gate-1', NOW, 2)).toBe(state);
  });

  it('is let through as one of 25 of 400, which leaves 375 waiting', () => {
    let state = NO_CLOSINGS;
    let waiting = 0;
    for (let number = 0; number < 400; number++) {
      const next = letThrough(state, `gate-${number}`, NOW, 25);
      if (next === undefined) waiting++;
      else state = next;
    }
    expect([state.closings.length, waiting]).toEqual([25, 375]);
  });
});
