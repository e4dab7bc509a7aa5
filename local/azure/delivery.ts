// The queue triggers and timers of all stacks: what is visible in a queue goes to the stack's function.
import { type Clock, earliest } from '../clock.ts';
import type { DueWork } from '../due-work.ts';
import type { RunningSecurityEvents } from './security-events.ts';
import type { DeployedStack } from './stacks.ts';
import type { Invocation } from './worker.ts';

interface Parts {
  readonly clock: Clock;
  readonly events: RunningSecurityEvents;
  readonly stacks: () => readonly DeployedStack[];
}

/** More invocations in one run than this never end. */
const MAX_INVOCATIONS = 200_000;

export function createDelivery({ clock, events, stacks }: Parts): DueWork<Invocation> {
  return {
    clock,
    async drain(invocations) {
      await events.deliverDue();
      for (let worked = true; worked; ) {
        worked = false;
        for (const { host } of stacks()) {
          const done = await host.pollOnce();
          if (done.length > 0) worked = true;
          invocations.push(...done);
          if (invocations.length > MAX_INVOCATIONS)
            throw new Error(`${MAX_INVOCATIONS} invocations, and the queues are not empty yet`);
        }
      }
    },
    nextWorkAt: () => earliest([events.nextDeliveryAt(), ...stacks().map(({ host }) => host.nextVisibleAt())]),
    async fireDueTimers(invocations) {
      for (const { host } of stacks()) invocations.push(...(await host.fireDueTimers()));
    },
    nextTimerAt: async () => earliest(await Promise.all(stacks().map(({ host }) => host.nextTimerAt()))),
  };
}
