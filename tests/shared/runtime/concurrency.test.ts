// How many things are under way at once, in which order they begin, and what happens when one fails.
import { describe, expect, it } from 'vitest';
import { limitedTo, mapConcurrently } from '../../../shared/runtime/concurrency.ts';

/** Work that ends when it is told to, and says how much of it was under way at most. */
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
    /** Ends what is under way, the last begun first, until nothing begins any more. */
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

/** Lets everything that is ready go on. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('mapping concurrently', () => {
  it.each([
    ['as many as allowed are under way, and the results keep the order', 2, 2],
    ['one after another', 1, 1],
    ['not more than there are', 9, 4],
  ])('%s', async (_name, atOnce, most) => {
    const shop = workshop();
    const results = mapConcurrently([1, 2, 3, 4], atOnce, shop.work);
    await settled();
    await shop.endAll();
    expect([await results, shop.most(), shop.started]).toEqual([[10, 20, 30, 40], most, [1, 2, 3, 4]]);
  });

  it('nothing to do: nothing', async () => {
    expect(await mapConcurrently([], 3, async () => 1)).toEqual([]);
  });

  it('the first error ends it', async () => {
    await expect(
      mapConcurrently([1, 2], 1, async (item) => {
        throw new Error(`failed at ${item}`);
      }),
    ).rejects.toThrow('failed at 1');
  });
});

describe('a limit', () => {
  it('lets so many run at once; the others wait their turn, in the order in which they came', async () => {
    const shop = workshop();
    const limited = limitedTo(2);
    const all = Promise.all([1, 2, 3, 4, 5].map((item) => limited(() => shop.work(item))));
    await settled();
    expect(shop.started).toEqual([1, 2]);
    await shop.endAll();
    expect([await all, shop.most(), shop.started]).toEqual([[10, 20, 30, 40, 50], 2, [1, 2, 3, 4, 5]]);
  });

  it('gives the place of one that failed to the next, and of the last one back', async () => {
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
