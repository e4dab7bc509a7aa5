// The event source mappings of all stacks: delivers a queue's visible messages to the stack's function, several batches
// at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, earliest } from '../clock.ts';
import type { DueWork } from '../due-work.ts';
import type { EcrWorld } from './ecr.ts';
import type { RunningBus } from './events.ts';
import type { Invocation } from './lambda.ts';
import { pollOnce } from './mapping.ts';
import type { Place } from './place.ts';
import type { DeployedStack } from './stacks.ts';

interface Parts {
  readonly place: Place;
  readonly clock: Clock;
  readonly bus: RunningBus;
  readonly ecr: Pick<EcrWorld, 'finishActivations' | 'nextActiveAt'>;
  readonly stacks: () => readonly DeployedStack[];
  /** The number of batches that a function processes at once. */
  readonly concurrency: number;
  /** The largest batch, if it is smaller than the mapping allows. */
  readonly largestBatch: number;
}

/** How often an idle poller polls again while another one is busy. */
const POLL_MILLISECONDS = 3;
/** A run with more invocations would never end. */
const MAX_INVOCATIONS = 50_000;

export function createDelivery(parts: Parts): DueWork<Invocation> {
  const { place, clock, bus, ecr, stacks, concurrency, largestBatch } = parts;
  const enabledStacks = () => stacks().filter(({ resources }) => resources.mapping.enabled);
  const nextWorkAt = () => earliest(enabledStacks().map(({ queue }) => queue.nextVisibleAt()));
  const isAnyVisible = () => (nextWorkAt() ?? Number.POSITIVE_INFINITY) <= clock.now().getTime();

  /**
   * Runs several pollers until none of them has work. An idle one keeps polling while another is busy, because that
   * batch may add work.
   */
  async function drainStack({ resources, queue, lambda }: DeployedStack, invocations: Invocation[]): Promise<void> {
    const mapping = { ...resources.mapping, batchSize: Math.min(resources.mapping.batchSize, largestBatch) };
    let busy = 0;
    const poll = async (): Promise<void> => {
      for (;;) {
        busy += 1;
        const invocation = await pollOnce(mapping, place, queue, lambda);
        busy -= 1;
        if (invocation !== undefined) {
          if (invocations.push(invocation) > MAX_INVOCATIONS)
            throw new Error(`after ${MAX_INVOCATIONS} invocations, the queues are still not empty`);
        } else if (busy === 0) return;
        else await sleep(POLL_MILLISECONDS);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, poll));
  }

  return {
    clock,
    async drain(invocations) {
      do {
        for (const stack of enabledStacks()) await drainStack(stack, invocations);
        // The last invocation of one stack's function may have sent messages to another stack's queue.
      } while (isAnyVisible());
    },
    nextWorkAt,
    async fireDueTimers() {
      await ecr.finishActivations();
      await bus.fireDueSchedules();
    },
    nextTimerAt: async () => earliest([bus.nextScheduleAt(), ecr.nextActiveAt()]),
  };
}
