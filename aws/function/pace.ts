// Slows the calls of a client down while its service throttles them. Otherwise calls that wait for a retry come back
// together, are throttled again, and use up their attempts.

/** In calls a second. The first: from the first throttled call on. */
const FIRST_RATE = 8;
const LEAST_RATE = 0.5;
const MOST_RATE = 100;
const SLOWER = 0.7;
const FASTER = 1.05;

export interface Pace {
  /** Makes a call when it is its turn. */
  take<T>(call: () => Promise<T>): Promise<T>;
}

/**
 * The pace of one client: unlimited until a call is throttled. From then on one call begins after the other, at a rate
 * that falls when calls are throttled and rises with each other call. The SDK's adaptive retries do the same, but in a
 * loop that reads the time of day, which never ends on a local cloud, whose clock stands still. This reads no clock.
 * Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
export function createPace(): Pace {
  let rate: number | undefined;
  let falls = 0;
  let turn: Promise<void> = Promise.resolve();
  const waitForTurn = () => {
    turn = turn.then(() => sleep(1_000 / (rate ?? MOST_RATE)));
    return turn;
  };
  return {
    async take(call) {
      if (rate !== undefined) await waitForTurn();
      const fallsBefore = falls;
      try {
        const answer = await call();
        if (rate !== undefined) rate = Math.min(MOST_RATE, rate * FASTER);
        return answer;
      } catch (error) {
        // Calls that were made before the rate fell say nothing about the new rate.
        if (isThrottled(error) && falls === fallsBefore) {
          falls++;
          rate = Math.max(LEAST_RATE, (rate ?? FIRST_RATE) * SLOWER);
        }
        throw error;
      }
    },
  };
}

/**
 * Sources: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html,
 * https://docs.aws.amazon.com/inspector/v2/APIReference/API_ListFindings.html
 */
export function isThrottled(error: unknown): boolean {
  return error instanceof Error && /Throttl|TooManyRequests/.test(error.name);
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
