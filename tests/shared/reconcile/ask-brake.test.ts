// Requests to the brake with concurrent workers, and the return of unused closings.
import { describe, expect, it } from 'vitest';
import { type BrakeState, type Candidate, IDLE_BRAKE } from '../../../shared/gate/brake.ts';
import { askBrake, assignTurns, giveBack } from '../../../shared/reconcile/ask-brake.ts';
import type { Row } from '../../../shared/reconcile/ports.ts';
import { hoursLater, NOW } from '../samples.ts';

/** The brake's row. Before each of our first saves, another worker saves one of `rivals` closings. */
function brakeRow(rivals: readonly string[] = [], value?: BrakeState) {
  const left = [...rivals];
  const stored = { value, version: 0, loads: 0 };
  const row: Row<BrakeState> = {
    async load() {
      stored.loads++;
      return { value: stored.value, version: stored.version };
    },
    async save(next, version) {
      const rival = left.shift();
      if (rival !== undefined) {
        const { closings, ...others } = stored.value ?? IDLE_BRAKE;
        stored.value = { ...others, closings: [...closings, { gate: rival, at: NOW }] };
        stored.version++;
      }
      if (version !== stored.version) return undefined;
      stored.value = next;
      return ++stored.version;
    },
  };
  return { row, stored, gates: () => stored.value?.closings.map(({ gate }) => gate) ?? [] };
}

const perHour = (maxClosesPerHour: number) => ({ maxClosesPerHour, maxClosesPerDay: 100_000 });
const A: Candidate = { gate: 'a', rank: '1' };
const B: Candidate = { gate: 'b', rank: '2' };

describe('a request to the brake', () => {
  it('counts the gate if the limit is not reached', async () => {
    const { row, gates } = brakeRow();
    expect([await askBrake(row, A, NOW, perHour(1)), gates()]).toEqual([true, ['a']]);
  });

  it('writes nothing for a gate that was admitted within the last hour', async () => {
    const { row, stored } = brakeRow([], { ...IDLE_BRAKE, closings: [{ gate: 'a', at: hoursLater(-0.5) }] });
    expect([await askBrake(row, A, NOW, perHour(1)), stored.version]).toEqual([true, 0]);
  });

  it('is repeated if another worker saved first, and both gates count', async () => {
    const { row, gates } = brakeRow(['b']);
    expect([await askBrake(row, A, NOW, perHour(2)), gates()]).toEqual([true, ['b', 'a']]);
  });

  it('makes the gate wait if another worker got the last closing', async () => {
    const { row, gates } = brakeRow(['b']);
    expect([await askBrake(row, A, NOW, perHour(1)), gates()]).toEqual([false, ['b']]);
  });

  it('fails after a hundred attempts, so that the message is retried', async () => {
    const { row, stored } = brakeRow(Array.from({ length: 100 }, () => 'b'));
    await expect(askBrake(row, A, NOW, perHour(1_000))).rejects.toThrow(
      'other workers saved the brake first in all 100 attempts; the message is retried',
    );
    expect(stored.loads).toBe(100);
  });
});

describe('the turns', () => {
  it('are saved once, and the gates to call are returned with the counts', async () => {
    const { row, stored } = brakeRow([], { ...IDLE_BRAKE, closings: [{ gate: 'c', at: hoursLater(-0.5) }] });
    const expected = { called: [A], counts: { closedThisHour: 1, closedThisDay: 1, left: 1 } };
    expect(await assignTurns(row, [A, B], NOW, perHour(2))).toMatchObject(expected);
    expect(stored.value?.turns).toEqual([{ ...A, calledAt: NOW }, B]);
    expect([await assignTurns(row, [A, B], NOW, perHour(2)), stored.version]).toMatchObject([expected, 1]);
  });

  it('are not saved if no gate waits', async () => {
    const { row, stored } = brakeRow([], { ...IDLE_BRAKE, closings: [{ gate: 'c', at: hoursLater(-2) }] });
    expect([await assignTurns(row, [], NOW, perHour(2)), stored.version]).toMatchObject([
      { called: [], counts: { closedThisHour: 0, closedThisDay: 1 } },
      0,
    ]);
  });

  it('are kept by the request of a gate that has to wait', async () => {
    const { row, stored } = brakeRow(['c']);
    expect([await askBrake(row, A, NOW, perHour(1)), stored.value?.turns]).toEqual([false, [A]]);
  });
});

describe('the return of a closing', () => {
  const TWO: BrakeState = {
    ...IDLE_BRAKE,
    closings: [
      { gate: 'a', at: NOW },
      { gate: 'b', at: NOW },
    ],
  };

  it('keeps the closings of other gates', async () => {
    const { row, gates } = brakeRow([], TWO);
    await giveBack(row, 'a', NOW);
    expect(gates()).toEqual(['b']);
  });

  it('writes nothing for a gate without a closing', async () => {
    const { row, stored } = brakeRow([], TWO);
    await giveBack(row, 'c', NOW);
    expect(stored.version).toBe(0);
  });

  it('keeps an earlier closing of the same gate', async () => {
    const { row, gates } = brakeRow([], TWO);
    await giveBack(row, 'a', hoursLater(0.5));
    expect(gates()).toEqual(['a', 'b']);
  });

  it('is repeated if another worker saves first', async () => {
    const { row, gates } = brakeRow(['c'], TWO);
    await giveBack(row, 'a', NOW);
    expect(gates()).toEqual(['b', 'c']);
  });

  it('writes nothing if no gate was ever admitted', async () => {
    const { row, stored } = brakeRow();
    await giveBack(row, 'a', NOW);
    expect(stored.version).toBe(0);
  });
});
