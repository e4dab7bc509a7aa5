// Stops waiting for work before the invocation ends, so that the function can still report on its messages.

/**
 * Waits for some work, at most this many milliseconds. Work that continues afterwards is like a slow worker: the
 * record's version keeps it from overwriting changes.
 *
 * @param tooLate the message of the error that is thrown if the work takes longer or no time is left
 */
export async function withinTime<T>(milliseconds: number, tooLate: string, work: () => Promise<T>): Promise<T> {
  if (milliseconds <= 0) throw new Error(tooLate);
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(tooLate)), milliseconds);
  });
  try {
    return await Promise.race([work(), end]);
  } finally {
    clearTimeout(timer);
  }
}
