// Records: new ones, how long they remember, and their active blockers.
import { describe, expect, it } from 'vitest';
import { activeBlockers, type GateRecord, isForgettable, isLongAgo, newRecord } from '../../../shared/gate/record.ts';
import { anOverride, blocker, daysLater, digest, GATE, hoursLater, NOW, notice, record } from '../samples.ts';

describe('a new record', () => {
  it('is open and empty', () => {
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
    ['includes this moment', NOW, false],
    ['includes a time one millisecond less than 30 days ago', '2026-05-16T12:00:00.001Z', false],
    ['ends after 30 days', '2026-05-16T12:00:00.000Z', true],
  ])('%s', (_name, at, longAgo) => {
    expect(isLongAgo(at, NOW)).toBe(longAgo);
  });

  const empty = record({ state: { kind: 'open' }, since: daysLater(-30), blockers: [] });
  it.each<[string, GateRecord, boolean]>([
    ['drops the record of a gate that was open and empty for 30 days', empty, true],
    ['keeps the record of a gate that opened a day ago', { ...empty, since: daysLater(-1) }, false],
    ['keeps the record of a closed gate', { ...empty, state: { kind: 'closed' } }, false],
    [
      'keeps a record with an inactive blocker',
      { ...empty, blockers: [blocker({ inactive: { at: hoursLater(-1), why: 'gone' } })] },
      false,
    ],
    ['keeps a record with omitted blockers', { ...empty, omittedBlockers: 1 }, false],
    ['keeps a record with a pending notice', { ...empty, pending: [notice()] }, false],
    ['keeps a record with an override', { ...empty, override: anOverride() }, false],
  ])('%s', (_name, stored, forgettable) => {
    expect(isForgettable(stored, NOW)).toBe(forgettable);
  });
});

describe('the active blockers', () => {
  it('are all blockers that are not inactive', () => {
    const there = blocker();
    const gone = blocker({ digest: digest(2), inactive: { at: NOW, why: 'gone' } });
    expect(activeBlockers({ blockers: [gone, there] })).toEqual([there]);
  });
});
