// Workers that are slow at the wrong moment: a call waits until another worker has got on with its own.
import type { Hook } from '../../local/calls.ts';
import type { Draw } from './draw.ts';

/** How many calls of others a call waits for; where there are none for a while, nobody else is at work. */
const CALLS = 8;
const QUIET_MILLISECONDS = 15;
const SHARE = 0.04;

export function slowWorkers<Call>(workerOf: (call: Call) => string) {
  const counts = new Map<string, number>();
  let ends: (() => void)[] = [];
  const othersThan = (worker: string) =>
    [...counts].reduce((sum, [other, count]) => (other === worker ? sum : sum + count), 0);

  async function waitForOthers(worker: string): Promise<void> {
    const enough = othersThan(worker) + CALLS;
    for (let seen = -1; ; ) {
      const now = othersThan(worker);
      if (now >= enough || now === seen) return;
      seen = now;
      await new Promise((resolve) => setTimeout(resolve, QUIET_MILLISECONDS));
    }
  }

  return {
    begin(draw: Draw, hookIn: (hook: Hook<Call>) => () => void): void {
      let number = 0;
      ends.push(
        hookIn(async (call) => {
          const worker = workerOf(call);
          counts.set(worker, (counts.get(worker) ?? 0) + 1);
          if (draw('slow', ++number) < SHARE) await waitForOthers(worker);
        }),
      );
    },
    /** What else is over when the run calms down. */
    alsoOnEnd(end: () => void): void {
      ends.push(end);
    },
    end(): void {
      for (const end of ends) end();
      ends = [];
    },
  };
}
