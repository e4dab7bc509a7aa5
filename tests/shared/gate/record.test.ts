// Records: their keys, what they remember and for how long, and that packing them loses nothing.
import { describe, expect, it } from 'vitest';
import { activeBlockers, type GateRecord, isForgettable, isLongAgo, newRecord } from '../../../shared/gate/record.ts';
import { anOverride, blocker, daysLater, digest, GATE, hoursLater, NOW, notice, record } from '../samples.ts';

describe('a new record', () => {
  it('is that of an open gate', () => {
    expect(newRecord(GATE, NOW)).toEqual({
      gate: GATE,
      state: { kind: 'open' },
      since: NOW,
      blockers: [],
      omittedBlockers: 0,
      pending: [],
    });
  });
});

describe('memory', () => {
  it.each([
    ['reaches back to this moment', NOW, false],
    ['reaches back a millisecond less than 30 days', '2026-05-16T12:00:00.001Z', false],
    ['ends after 30 days', '2026-05-16T12:00:00.000Z', true],
  ])('%s', (_name, at, longAgo) => {
    expect(isLongAgo(at, NOW)).toBe(longAgo);
  });

  const empty = record({ state: { kind: 'open' }, since: daysLater(-30), blockers: [] });
  it.each<[string, GateRecord, boolean]>([
    ['may drop an open gate that had nothing to say for 30 days', empty, true],
    ['keeps one that opened a day ago', { ...empty, since: daysLater(-1) }, false],
    ['keeps one that is closed', { ...empty, state: { kind: 'closed' } }, false],
    [
      'keeps one with a blocker that went away',
      { ...empty, blockers: [blocker({ inactive: { at: hoursLater(-1), why: 'gone' } })] },
      false,
    ],
    ['keeps one with blockers that it had no room for', { ...empty, omittedBlockers: 1 }, false],
    ['keeps one with something to tell', { ...empty, pending: [notice()] }, false],
    ['keeps one that a person keeps open', { ...empty, override: anOverride() }, false],
  ])('%s', (_name, stored, forgettable) => {
    expect(isForgettable(stored, NOW)).toBe(forgettable);
  });
});

describe('the blockers that hold a gate', () => {
  it('are those that are not inactive', () => {
    const there = blocker();
    const gone = blocker({ digest: digest(2), inactive: { at: NOW, why: 'gone' } });
    expect(activeBlockers({ blockers: [gone, there] })).toEqual([there]);
  });
});
