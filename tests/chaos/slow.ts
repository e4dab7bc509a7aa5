// Workers that are slow at the wrong moment: a call waits while another worker gets on with its own, and while the
// world goes on.
import type { Hook } from '../../local/calls.ts';
import type { Draw } from './draw.ts';

/** A call waits for so many calls of others, as long as they go on. */
const CALLS = 30;
/** Who has made no call for so long is not at work. */
const QUIET_MILLISECONDS = 40;
/** So long it may take until a worker has started that was woken just now. */
const START_MILLISECONDS = 500;
/** No call waits longer, or its caller might have given it up: after 15 seconds, hurried (HASTE). */
const LONGEST_MILLISECONDS = 550;
/**
 * A call whose caller has given up is lost. Done later, it would be done in another hour of the run's clock, which no
 * service does.
 */
const GIVEN_UP_MILLISECONDS = 700;
const STEP_MILLISECONDS = 5;
const SHARE = 0.04;
/** The same of a call that writes: what has been decided is old by then. */
const SHARE_OF_WRITES = 0.15;
/** Where something is about to happen meanwhile. */
const SHARE_BEFORE_MIDWAY = 0.5;

export interface SlowWorkers<Call> {
  /** Begins to slow workers down, as drawn; `hookIn` calls the hook before each of their calls. */
  begin(draw: Draw, hookIn: (hook: Hook<Call>) => () => void): void;
  /** Is done while a worker is slow. */
  midway(action: () => Promise<void>): void;
  doWhatIsPending(): Promise<void>;
  /** What else is over when the run calms down. */
  alsoOnEnd(end: () => void): void;
  end(): void;
}

export function slowWorkers<Call>(
  workerOf: (call: Call) => string,
  isWrite: (call: Call) => boolean,
): SlowWorkers<Call> {
  const counts = new Map<string, number>();
  const lastAt = new Map<string, number>();
  const pending: (() => Promise<void>)[] = [];
  let ends: (() => void)[] = [];
  const others = <T>(worker: string, of: ReadonlyMap<string, T>) =>
    [...of].flatMap(([other, value]) => (other === worker ? [] : [value]));
  const callsOfOthers = (worker: string) => others(worker, counts).reduce((sum, count) => sum + count, 0);

  async function waitForOthers(worker: string, somebodyWasWoken: boolean, startedAt: number): Promise<void> {
    const before = callsOfOthers(worker);
    for (;;) {
      const since = performance.now() - Math.max(0, ...others(worker, lastAt));
      const done = callsOfOthers(worker) - before;
      const isStarting = somebodyWasWoken && done === 0 && performance.now() - startedAt < START_MILLISECONDS;
      const isLong = performance.now() - startedAt >= LONGEST_MILLISECONDS;
      if (isLong || done >= CALLS || (since > QUIET_MILLISECONDS && !isStarting)) return;
      await new Promise((resolve) => setTimeout(resolve, STEP_MILLISECONDS));
    }
  }

  async function doWhatIsPending(): Promise<void> {
    for (const action of pending.splice(0)) await action();
  }

  return {
    doWhatIsPending,
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
          const startedAt = performance.now();
          await doWhatIsPending();
          await waitForOthers(worker, wakesSomebody, startedAt);
          if (performance.now() - startedAt > GIVEN_UP_MILLISECONDS) await new Promise<never>(() => {});
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
