// The brake: how many gates may still be closed within the hour, and that asking twice costs nothing.
import { describe, expect, it } from 'vitest';
import { admit, type BrakeState, lastHour, NO_CLOSINGS, roomLeft } from '../../../shared/gate/brake.ts';
import { hoursLater, NOW } from '../samples.ts';

/** The brake after gates were admitted, at these numbers of hours ago. */
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
  it('is admitted and counted, and what is old is forgotten', () => {
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

  it('waits if there is no room', () => {
    expect(admit(closedAgo(0.5, 0.2), 'team/app', NOW, 2)).toEqual({ kind: 'wait' });
  });

  it('is admitted again without counting twice, also if there is no room', () => {
    const state = closedAgo(0.5, 0.2);
    expect(admit(state, 'gate-1', NOW, 2)).toEqual({ kind: 'counted' });
  });

  it('is admitted as one of 25 of 400, which leaves 375 waiting', () => {
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
