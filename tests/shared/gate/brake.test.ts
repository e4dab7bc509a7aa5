// The brake: how many gates may close within the hour, and whose turn it is.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  admit,
  type BrakeLimits,
  type BrakeState,
  brakeCounts,
  brakeKey,
  type Candidate,
  callWaiting,
  currentBrake,
  IDLE_BRAKE,
} from '../../../shared/gate/brake.ts';
import { GATE, hoursLater, NOW } from '../samples.ts';

/** The brake after one gate was admitted at each of these numbers of hours ago. */
function closedAgo(...hoursAgo: readonly number[]): BrakeState {
  return {
    ...IDLE_BRAKE,
    closings: hoursAgo.map((hours, number) => ({ gate: `gate-${number}`, at: hoursLater(-hours) })),
  };
}

/** A limit of an hour, with a day that it does not reach. */
const perHour = (maxClosesPerHour: number): BrakeLimits => ({ maxClosesPerHour, maxClosesPerDay: 100_000 });
const gate = (name: string, rank = '1'): Candidate => ({ gate: name, rank });
const minutesLater = (minutes: number) => hoursLater(minutes / 60);

describe('the name of a gate in the row', () => {
  it('differs for each gate, and is short', () => {
    const names = [GATE, { ...GATE, repository: 'x'.repeat(256) }, { ...GATE, digest: 'sha256:1' }].map(brakeKey);
    expect([new Set(names).size, names.map(({ length }) => length)]).toEqual([3, [16, 16, 16]]);
  });
});

describe('the last hour', () => {
  it.each<[string, BrakeState, number]>([
    ['begins empty', IDLE_BRAKE, 0],
    ['counts a closing from now', closedAgo(0), 1],
    [
      'counts a closing from one millisecond less than an hour ago',
      { ...IDLE_BRAKE, closings: [{ gate: 'a', at: '2026-06-15T11:00:00.001Z' }] },
      1,
    ],
    ['drops a closing from an hour ago', closedAgo(1), 0],
    ['keeps only the closings from the last hour', closedAgo(2, 0.9, 1.1, 0.5), 2],
  ])('%s', (_name, state, count) => {
    expect(currentBrake(state, NOW).closings.length).toBe(count);
  });
});

describe('the number of closings left', () => {
  it.each<[string, BrakeState, number, number]>([
    ['is the limit at first', IDLE_BRAKE, 25, 25],
    ['shrinks with each closing', closedAgo(0.1, 0.2), 25, 23],
    ['grows again after an hour', closedAgo(0.1, 1.2), 25, 24],
    ['is zero if the limit is reached', closedAgo(0.1, 0.2), 2, 0],
    ['is zero if the limit was lowered below the closings so far', closedAgo(0.1, 0.2, 0.3), 1, 0],
  ])('%s', (_name, state, max, room) => {
    expect(brakeCounts(state, NOW, perHour(max)).left).toBe(room);
  });
});

describe('the last day', () => {
  const LIMITS: BrakeLimits = { maxClosesPerHour: 5, maxClosesPerDay: 3 };
  const dayLimit = { maxClosesPerDay: 9, at: hoursLater(-1), until: hoursLater(1), by: 'ada', reason: 'base image' };
  const earlier = (...counts: readonly (readonly [hoursAgo: number, closings: number])[]): BrakeState => ({
    ...IDLE_BRAKE,
    earlier: counts.map(([hoursAgo, closings]) => ({ hour: hoursLater(-hoursAgo), closings })),
  });

  it.each<[string, BrakeState, closed: number, left: number]>([
    ['begins empty', IDLE_BRAKE, 0, 3],
    ['counts what the last hour counts', closedAgo(0.1), 1, 2],
    ['counts closings before that', closedAgo(0.1, 1.2, 23.9), 3, 0],
    ['counts closings that were counted by the hour', earlier([3, 2]), 2, 1],
    ['counts an hour until its last moment is a day ago', earlier([24.99, 1]), 1, 2],
    ['drops an hour after that', earlier([25, 2], [3, 1]), 1, 2],
    ['is full if the limit was lowered below the closings so far', earlier([3, 7]), 7, 0],
  ])('%s', (_name, state, closedThisDay, leftThisDay) => {
    expect(brakeCounts(state, NOW, LIMITS)).toMatchObject({ closedThisDay, leftThisDay, left: leftThisDay });
  });

  it('leaves no more than the hour does', () => {
    const { left, leftThisDay } = brakeCounts(closedAgo(0.1), NOW, { maxClosesPerHour: 2, maxClosesPerDay: 10 });
    expect([left, leftThisDay]).toEqual([1, 9]);
  });

  it('keeps only the number of closings, by the hour of the clock', () => {
    const state = { ...closedAgo(0.5, 2, 2.3, 5), earlier: [{ hour: hoursLater(-2), closings: 4 }] };
    expect(currentBrake(state, NOW)).toEqual({
      ...closedAgo(0.5),
      earlier: [
        { hour: hoursLater(-2), closings: 5 },
        { hour: hoursLater(-3), closings: 1 },
        { hour: hoursLater(-5), closings: 1 },
      ],
    });
  });

  it('that is full lets no gate close and calls none, and the gates keep their turns', () => {
    const full = earlier([3, 3]);
    expect(admit(full, gate('app'), NOW, LIMITS)).toEqual({ kind: 'wait', next: { ...full, turns: [gate('app')] } });
    expect(callWaiting(full, [gate('app')], NOW, LIMITS)).toEqual({
      next: { ...full, turns: [gate('app')] },
      called: [],
    });
  });

  it.each([
    ['a higher limit that a person set applies', 9, 'admitted'],
    ['a lower limit that a person set applies', 1, 'wait'],
  ])('%s, until it ends', (_name, maxClosesPerDay, kind) => {
    const limited = { ...closedAgo(2), dayLimit: { ...dayLimit, maxClosesPerDay } };
    const full = { ...limited, earlier: [{ hour: hoursLater(-3), closings: maxClosesPerDay === 9 ? 3 : 0 }] };
    expect(admit(full, gate('app'), NOW, LIMITS).kind).toBe(kind);
    expect(admit(full, gate('app'), dayLimit.until, LIMITS).kind).toBe(kind === 'wait' ? 'admitted' : 'wait');
  });

  it('keeps the limit that a person set until it ends', () => {
    const state = { ...IDLE_BRAKE, dayLimit };
    const { next } = callWaiting(state, [], NOW, LIMITS);
    expect([next, currentBrake(state, dayLimit.until)]).toEqual([state, IDLE_BRAKE]);
  });

  it('and any hour admit no more gates than their limits, whenever gates ask', () => {
    const asks = fc.array(fc.record({ minutes: fc.integer({ min: 0, max: 90 }), gate: fc.integer({ max: 400 }) }), {
      minLength: 100,
      maxLength: 300,
    });
    const limits = fc.record({
      maxClosesPerHour: fc.integer({ min: 1, max: 5 }),
      maxClosesPerDay: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(asks, limits, (all, limit) => {
        let [state, minute] = [IDLE_BRAKE, 0];
        const admitted: number[] = [];
        for (const ask of all) {
          minute += ask.minutes;
          const answer = admit(state, gate(String(ask.gate)), minutesLater(minute), limit);
          if (answer.kind !== 'counted') state = answer.next ?? state;
          if (answer.kind === 'admitted') admitted.push(minute);
          const within = (minutes: number) => admitted.filter((at) => at > minute - minutes).length;
          expect(within(60)).toBeLessThanOrEqual(limit.maxClosesPerHour);
          expect(within(24 * 60)).toBeLessThanOrEqual(limit.maxClosesPerDay);
        }
        expect(admitted.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('a request to close a gate', () => {
  it('is admitted and counted, and older closings are counted by the hour', () => {
    expect(admit(closedAgo(0.5, 2), gate('app'), NOW, perHour(2))).toEqual({
      kind: 'admitted',
      next: {
        ...IDLE_BRAKE,
        closings: [
          { gate: 'gate-0', at: hoursLater(-0.5) },
          { gate: 'app', at: NOW },
        ],
        earlier: [{ hour: hoursLater(-2), closings: 1 }],
      },
    });
  });

  it('waits if the limit is reached, and gets a turn', () => {
    const state = closedAgo(0.5, 0.2);
    expect(admit(state, gate('app'), NOW, perHour(2))).toEqual({
      kind: 'wait',
      next: { ...state, turns: [gate('app')] },
    });
  });

  it('for an admitted gate is not counted again, even if the limit is reached', () => {
    expect(admit(closedAgo(0.5, 0.2), gate('gate-1'), NOW, perHour(2))).toEqual({ kind: 'counted' });
  });

  it('for 400 gates admits 25 and leaves 375 waiting, of which the 25 of the highest rank have a turn', () => {
    let state = IDLE_BRAKE;
    let waiting = 0;
    for (let number = 0; number < 400; number++) {
      const answer = admit(state, gate(`gate-${number}`, String(500 - number)), NOW, perHour(25));
      if (answer.kind === 'wait') waiting++;
      if (answer.kind !== 'counted') state = answer.next ?? state;
    }
    expect([state.closings.length, waiting]).toEqual([25, 375]);
    expect(state.turns.map(({ rank }) => rank)).toEqual(Array.from({ length: 25 }, (_, place) => String(101 + place)));
  });
});

describe('a turn', () => {
  const full = (turns: BrakeState['turns'], missed: BrakeState['missed'] = []): BrakeState => {
    return { closings: [{ gate: 'closed', at: hoursLater(-0.5) }], turns, missed };
  };

  it.each<[string, BrakeState, Candidate, number, string]>([
    ['keeps a place for its gate from a newcomer of lower rank', full([gate('a', '0')]), gate('b', '1'), 2, 'wait'],
    ['keeps it from a newcomer of the same rank', full([gate('a', '1')]), gate('b', '1'), 2, 'wait'],
    ['does not delay a newcomer of higher rank', full([gate('a', '1')]), gate('b', '0'), 2, 'admitted'],
    ['does not delay a newcomer that has a place of its own', full([gate('a', '0')]), gate('b', '1'), 3, 'admitted'],
    ['lets its gate close', full([gate('a', '0'), gate('b', '1')]), gate('a', '0'), 2, 'admitted'],
    [
      'is over a quarter of an hour after the call',
      full([{ ...gate('a', '0'), calledAt: minutesLater(-15) }]),
      gate('b', '1'),
      2,
      'admitted',
    ],
    ['is not over before', full([{ ...gate('a', '0'), calledAt: minutesLater(-14.9) }]), gate('b', '1'), 2, 'wait'],
  ])('%s', (_name, state, candidate, max, kind) => {
    expect(admit(state, candidate, NOW, perHour(max)).kind).toBe(kind);
  });

  it('ends when its gate closes', () => {
    const answer = admit(full([gate('a', '0'), gate('b', '1')]), gate('a', '0'), NOW, perHour(2));
    expect(answer).toMatchObject({ kind: 'admitted', next: { turns: [gate('b', '1')] } });
  });

  it('is taken from a gate of lower rank if there are as many as the limit', () => {
    const state = full([gate('a', '1'), gate('b', '2')]);
    expect(admit({ ...state, closings: closedAgo(0.1, 0.2).closings }, gate('c', '0'), NOW, perHour(2))).toMatchObject({
      kind: 'wait',
      next: { turns: [gate('c', '0'), gate('a', '1')] },
    });
  });

  it.each<[string, BrakeState, Candidate]>([
    ['its gate has it already', full([gate('a', '0')]), gate('a', '0')],
    ['all others have a higher rank', full([gate('a', '0')]), gate('b', '1')],
    ['its gate missed one within the last hour', full([], [{ gate: 'a', at: hoursLater(-0.9) }]), gate('a', '0')],
  ])('writes nothing if %s', (_name, state, candidate) => {
    expect(admit(state, candidate, NOW, perHour(1))).toEqual({ kind: 'wait' });
  });

  it('changes its place with the rank of its gate, and keeps the time of its call', () => {
    const calledAt = minutesLater(-5);
    const state = full([gate('a', '1'), { ...gate('b', '2'), calledAt }]);
    expect(admit(state, gate('b', '0'), NOW, perHour(1))).toMatchObject({
      next: { turns: [{ ...gate('b', '0'), calledAt }] },
    });
  });
});

describe('a tick', () => {
  const waiting = [gate('a', '0'), gate('b', '1'), gate('c', '2')];

  it('gives turns to as many gates as may close in an hour, and calls those that there is room for', () => {
    expect(callWaiting(closedAgo(0.5), waiting, NOW, perHour(2))).toEqual({
      next: { ...closedAgo(0.5), turns: [{ ...gate('a', '0'), calledAt: NOW }, gate('b', '1')] },
      called: [gate('a', '0')],
    });
  });

  it('calls no gate if the limit is reached or was lowered', () => {
    expect(callWaiting(closedAgo(0.5, 0.4), waiting, NOW, perHour(1))).toMatchObject({
      next: { turns: [gate('a', '0')] },
      called: [],
    });
  });

  it('calls again a gate that it called minutes ago', () => {
    const turns = [{ ...gate('a', '0'), calledAt: minutesLater(-14.9) }];
    expect(callWaiting({ ...IDLE_BRAKE, turns }, waiting, NOW, perHour(1))).toMatchObject({
      next: { turns },
      called: [gate('a', '0')],
    });
  });

  it('forgets the call of a gate that there is no room for any more', () => {
    const turns = [{ ...gate('a', '0'), calledAt: minutesLater(-10) }];
    expect(callWaiting({ ...closedAgo(0.1), turns }, waiting, NOW, perHour(1)).next.turns).toEqual([gate('a', '0')]);
  });

  it('takes the turn from a gate that did not use it, for an hour', () => {
    const turns = [{ ...gate('a', '0'), calledAt: minutesLater(-15) }];
    const { next, called } = callWaiting({ ...IDLE_BRAKE, turns }, waiting, NOW, perHour(1));
    expect([next.missed, called]).toEqual([[{ gate: 'a', at: NOW }], [gate('b', '1')]]);
    expect(callWaiting(next, waiting, hoursLater(0.99), perHour(1)).next.turns.map((turn) => turn.gate)).not.toContain(
      'a',
    );
    expect(callWaiting({ ...next, turns: [] }, waiting, hoursLater(1), perHour(1)).called).toEqual([gate('a', '0')]);
  });

  it('drops the turns of gates that no longer wait', () => {
    expect(callWaiting({ ...IDLE_BRAKE, turns: [gate('a', '0')] }, [], NOW, perHour(1)).next).toEqual(IDLE_BRAKE);
  });
});

describe('the row', () => {
  it('with a thousand closings, turns and missed turns of gates with the longest names is below 300 KB', () => {
    const thousand = Array.from({ length: 1_000 }, (_, number) =>
      brakeKey({ registry: '123456789012', repository: `${'x'.repeat(252)}${String(number).padStart(4, '0')}` }),
    );
    const state: BrakeState = {
      closings: thousand.map((name) => ({ gate: name, at: NOW })),
      turns: thousand.map((name) => ({ gate: name, rank: `0 ${NOW}`, calledAt: NOW })),
      missed: thousand.map((name) => ({ gate: name, at: NOW })),
    };
    expect(JSON.stringify(state).length).toBeLessThan(300_000);
  });
});

describe('for two days', () => {
  /**
   * Each minute a newcomer asks, each five minutes a tick runs, and each called gate that can be reached asks at once.
   *
   * @returns after how many minutes the gate closed. Undefined: never
   */
  function minutesUntilClosed(name: string, unreachable: readonly string[]): number | undefined {
    let state = IDLE_BRAKE;
    const waits = new Map(
      ['critical', ...unreachable].map((one) => [one, gate(one, one === 'critical' ? '0 b' : '0 a')]),
    );
    const ask = (candidate: Candidate, now: string): boolean => {
      const answer = admit(state, candidate, now, perHour(25));
      if (answer.kind !== 'counted') state = answer.next ?? state;
      if (answer.kind === 'wait') waits.set(candidate.gate, candidate);
      else waits.delete(candidate.gate);
      return answer.kind !== 'wait';
    };
    for (let minute = 0; minute < 2 * 24 * 60; minute++) {
      const now = minutesLater(minute);
      for (let newcomer = 0; newcomer < 5; newcomer++) ask(gate(`newcomer ${minute} ${newcomer}`, `2 ${now}`), now);
      if (minute === 60 && ask(gate(name, '0 b'), now)) return 0;
      if (minute < 60 || minute % 5 !== 0) continue;
      const all = [...waits.values()].sort((a, b) => (a.rank < b.rank ? -1 : 1)).slice(0, 1_000);
      const { next, called } = callWaiting(state, all, now, perHour(25));
      state = next;
      for (const candidate of called)
        if (!unreachable.includes(candidate.gate) && ask(candidate, now) && candidate.gate === name) return minute - 60;
    }
    return undefined;
  }

  it('300 newcomers of lower rank an hour do not keep a critical gate open for more than an hour', () => {
    expect(minutesUntilClosed('critical', [])).toBeLessThanOrEqual(60);
  });

  it('25 gates of higher rank that cannot be reached do not keep it open for more than two hours', () => {
    const unreachable = Array.from({ length: 25 }, (_, number) => `unreachable ${number}`);
    expect(minutesUntilClosed('critical', unreachable)).toBeLessThanOrEqual(120);
  });
});
