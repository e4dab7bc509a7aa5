// Several things at once, but not all of them.

/**
 * Maps with at most `atOnce` under way. Results keep the order. The first error rejects; the rest goes on, as with
 * `Promise.all`.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}

/** Runs at most `atOnce` pieces of work at a time; the others wait in the order in which they came. */
export function limitedTo(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= atOnce) await new Promise<void>((go) => waiting.push(go));
    else running += 1;
    try {
      return await work();
    } finally {
      // The next one runs in its stead.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
