// The pending notices of a record: how many are kept, and what is left of the others.
import { describe, expect, it } from 'vitest';
import { addPending, MAX_PENDING } from '../../../shared/gate/pending.ts';
import type { Notice } from '../../../shared/gate/record.ts';
import { hoursLater, notice } from '../samples.ts';

const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, number) => notice({ at: hoursLater(from + number) }));
const shown = (pending: readonly Notice[]) => [pending.length, pending[0]?.at, pending[0]?.droppedBefore];

describe('pending notices', () => {
  it('are kept in order, up to 20', () => {
    expect(addPending([], [])).toEqual([]);
    expect(addPending(numbered(19), numbered(1, 19))).toEqual(numbered(20));
  });

  it('beyond 20 lose the oldest, whose number is kept', () => {
    const pending = addPending(numbered(20), numbered(2, 20));
    expect(shown(pending)).toEqual([MAX_PENDING, hoursLater(2), 2]);
    expect(pending.at(-1)).toEqual(notice({ at: hoursLater(21) }));
  });

  it('that are dropped one after the other are all counted', () => {
    let pending = numbered(20);
    for (let number = 20; number < 420; number++) pending = [...addPending(pending, numbered(1, number))];
    expect(shown(pending)).toEqual([20, hoursLater(400), 400]);
  });
});
