// Concurrent work: how much runs at a time, in which order it starts, and what happens after a failure.
import { describe, expect, it } from 'vitest';
import { limitedTo, mapConcurrently } from '../../../shared/runtime/concurrency.ts';

/** Work that the test ends, and that records how much of it ran at the same time. */
function workshop() {
  const started: number[] = [];
  const endings: ((error?: Error) => void)[] = [];
  let running = 0;
  let most = 0;
  return {
    started,
    most: () => most,
    async work(item: number): Promise<number> {
      started.push(item);
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve, reject) => {
        endings.push((error) => (error === undefined ? resolve() : reject(error)));
      });
      running -= 1;
      return item * 10;
    },
    /** Ends the running work, the last one first, until no more work starts. */
    async endAll(): Promise<void> {
      while (endings.length > 0) {
        endings.pop()?.();
        await settled();
      }
    },
    async failFirst(): Promise<void> {
      endings.shift()?.(new Error('failed'));
      running -= 1;
      await settled();
    },
  };
}

/** Lets all pending promises continue. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('mapping concurrently', () => {
  it.each([
    ['runs as many as allowed, and keeps the order of the results', 2, 2],
    ['runs one after the other', 1, 1],
    ['runs no more than there are items', 9, 4],
  ])('%s', async (_name, atOnce, most) => {
    const shop = workshop();
    const results = mapConcurrently([1, 2, 3, 4], atOnce, shop.work);
    await settled();
    await shop.endAll();
    expect([await results, shop.most(), shop.started]).toEqual([[10, 20, 30, 40], most, [1, 2, 3, 4]]);
  });

  it('returns nothing for no items', async () => {
    expect(await mapConcurrently([], 3, async () => 1)).toEqual([]);
  });

  it('rejects with the first error', async () => {
    await expect(
      mapConcurrently([1, 2], 1, async (item) => {
        throw new Error(`failed at ${item}`);
      }),
    ).rejects.toThrow('failed at 1');
  });
});

describe('a limit', () => {
  it('runs that many at once; the others wait in order', async () => {
    const shop = workshop();
    const limited = limitedTo(2);
    const all = Promise.all([1, 2, 3, 4, 5].map((item) => limited(() => shop.work(item))));
    await settled();
    expect(shop.started).toEqual([1, 2]);
    await shop.endAll();
    expect([await all, shop.most(), shop.started]).toEqual([[10, 20, 30, 40, 50], 2, [1, 2, 3, 4, 5]]);
  });

  it('passes the slot of a failed call to the next one, and frees the slot of the last', async () => {
    const shop = workshop();
    const limited = limitedTo(1);
    const first = limited(() => shop.work(1)).catch((error: Error) => error.message);
    const second = limited(() => shop.work(2));
    await settled();
    await shop.failFirst();
    await shop.endAll();
    const third = limited(() => shop.work(3));
    await settled();
    await shop.endAll();
    expect([await first, await second, await third, shop.most()]).toEqual(['failed', 20, 30, 1]);
  });
});
