// Gives up on work in time, so that an invocation can still say what becomes of its messages.
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Does some work within this many milliseconds. What is still under way afterwards is like a slow worker: the record's
 * version keeps it from doing harm.
 *
 * @param tooLate what is thrown if it takes longer, or if there is no time at all
 */
export async function withinTime<T>(milliseconds: number, tooLate: string, work: () => Promise<T>): Promise<T> {
  if (milliseconds <= 0) throw new Error(tooLate);
  const timer = new AbortController();
  const end = sleep(milliseconds, undefined, { signal: timer.signal }).then(() => Promise.reject(new Error(tooLate)));
  try {
    return await Promise.race([work(), end]);
  } finally {
    timer.abort();
    end.catch(() => {});
  }
}
