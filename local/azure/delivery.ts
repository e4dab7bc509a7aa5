// The queue triggers and timers of all stacks: delivers a queue's visible messages to the stack's function, and before
// that the events that are due to the queue.
import { type Clock, earliest } from '../clock.ts';
import type { DueWork } from '../due-work.ts';
import type { RunningEventGrid } from './event-grid.ts';
import type { RunningSecurityEvents } from './security-events.ts';
import type { DeployedStack } from './stacks.ts';
import type { Invocation } from './worker.ts';

interface Parts {
  readonly clock: Clock;
  readonly events: RunningSecurityEvents;
  readonly eventGrid: RunningEventGrid;
  readonly stacks: () => readonly DeployedStack[];
}

/** A run with more invocations would never end. */
const MAX_INVOCATIONS = 200_000;

export function createDelivery({ clock, events, eventGrid, stacks }: Parts): DueWork<Invocation> {
  return {
    clock,
    async drain(invocations) {
      await events.deliverDue();
      await eventGrid.deliverDue();
      for (let worked = true; worked; ) {
        worked = false;
        for (const { host } of stacks()) {
          const done = await host.pollOnce();
          if (done.length > 0) worked = true;
          invocations.push(...done);
          if (invocations.length > MAX_INVOCATIONS)
            throw new Error(`after ${MAX_INVOCATIONS} invocations, the queues are still not empty`);
        }
      }
    },
    nextWorkAt: () =>
      earliest([
        events.nextDeliveryAt(),
        eventGrid.nextDeliveryAt(),
        ...stacks().map(({ host }) => host.nextVisibleAt()),
      ]),
    async fireDueTimers(invocations) {
      for (const { host } of stacks()) invocations.push(...(await host.fireDueTimers()));
    },
    nextTimerAt: async () => earliest(await Promise.all(stacks().map(({ host }) => host.nextTimerAt()))),
  };
}
