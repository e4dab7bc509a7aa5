// Workers that are slow at the wrong moment: a call waits while other workers make their calls and the world changes.
import type { Hook } from '../../local/calls.ts';
import type { Draw } from './draw.ts';

/** A slow call waits for this many calls of other workers, or until they stop making calls. */
const CALLS = 30;
/** A worker that has made no call for this long is idle. */
const QUIET_MILLISECONDS = 40;
/** The time that a worker may need to start after an action wakes it. */
const START_MILLISECONDS = 500;
/** The longest wait. A caller gives up after 15 seconds, divided by HASTE. */
const LONGEST_MILLISECONDS = 550;
/**
 * A call that waited longer is dropped, because its caller has given up. It would otherwise take effect much later on
 * the run's clock, which no real service does.
 */
const GIVEN_UP_MILLISECONDS = 700;
const STEP_MILLISECONDS = 5;
/** The share of calls that are slow. */
const SHARE = 0.04;
/** The share of writes that are slow. A slow write acts on an outdated decision. */
const SHARE_OF_WRITES = 0.15;
/** The share of writes that are slow while an action is pending. */
const SHARE_BEFORE_MIDWAY = 0.7;

export interface SlowWorkers<Call> {
  /** Starts to slow workers down, as drawn. `hookIn` runs the hook before each of their calls. */
  begin(draw: Draw, hookIn: (hook: Hook<Call>) => () => void): void;
  /** Adds an action that runs while a worker is slow. */
  midway(action: () => Promise<void>): void;
  doWhatIsPending(): Promise<void>;
  /**
   * Delays a call, like that of a slow worker: for the action, and then until the delay is over. If there is only one
   * worker, the delay ends with the action.
   */
  delay(call: Call, action: () => Promise<void>, isOver: () => boolean): Promise<void>;
  /** Adds a function that `end` calls. */
  alsoOnEnd(end: () => void): void;
  end(): void;
}

export interface Workers<Call> {
  /** How many there are at most. */
  readonly workers: number;
  readonly workerOf: (call: Call) => string;
  readonly isWrite: (call: Call) => boolean;
}

export function slowWorkers<Call extends object>({ workers, workerOf, isWrite }: Workers<Call>): SlowWorkers<Call> {
  const counts = new Map<string, number>();
  const lastAt = new Map<string, number>();
  const pending: (() => Promise<void>)[] = [];
  /** When the delay of a call began. It may be delayed twice, and its caller gives up all the same. */
  const delayedSince = new WeakMap<Call, number>();
  let ends: (() => void)[] = [];
  const others = <T>(worker: string, of: ReadonlyMap<string, T>) =>
    [...of].flatMap(([other, value]) => (other === worker ? [] : [value]));
  const callsOfOthers = (worker: string) => others(worker, counts).reduce((sum, count) => sum + count, 0);

  /** Returns a condition: the other workers have made enough calls since it was first asked, or are idle. */
  function watchOthers(worker: string, somebodyWasWoken: boolean): () => boolean {
    let startedAt: number | undefined;
    let before = 0;
    return () => {
      if (startedAt === undefined) {
        startedAt = performance.now();
        before = callsOfOthers(worker);
      }
      const since = performance.now() - Math.max(0, ...others(worker, lastAt));
      const done = callsOfOthers(worker) - before;
      const isStarting = somebodyWasWoken && done === 0 && performance.now() - startedAt < START_MILLISECONDS;
      return done >= CALLS || (since > QUIET_MILLISECONDS && !isStarting);
    };
  }

  async function doWhatIsPending(): Promise<void> {
    for (const action of pending.splice(0)) await action();
  }

  async function delay(call: Call, action: () => Promise<void>, isOver: () => boolean): Promise<void> {
    const startedAt = delayedSince.get(call) ?? performance.now();
    delayedSince.set(call, startedAt);
    await action();
    while (workers > 1 && !isOver() && performance.now() - startedAt < LONGEST_MILLISECONDS)
      await new Promise((resolve) => setTimeout(resolve, STEP_MILLISECONDS));
    if (performance.now() - startedAt > GIVEN_UP_MILLISECONDS) await new Promise<never>(() => {});
  }

  return {
    doWhatIsPending,
    delay,
    midway: (action) => void pending.push(action),
    begin(draw, hookIn) {
      let number = 0;
      ends.push(
        hookIn(async (call) => {
          const worker = workerOf(call);
          counts.set(worker, (counts.get(worker) ?? 0) + 1);
          lastAt.set(worker, performance.now());
          const wakesSomebody = pending.length > 0;
          const share = wakesSomebody ? SHARE_BEFORE_MIDWAY : SHARE_OF_WRITES;
          if (draw('slow', ++number) >= (isWrite(call) ? share : SHARE)) return;
          await delay(call, doWhatIsPending, watchOthers(worker, wakesSomebody));
        }),
      );
    },
    alsoOnEnd: (end) => void ends.push(end),
    end() {
      for (const end of ends) end();
      ends = [];
    },
  };
}
