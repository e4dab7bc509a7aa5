// Runs the due work of a local cloud in the order of its clock, either until nothing is left or up to a given time.
import { type Clock, earliest } from './clock.ts';

export interface DueWork<Invocation> {
  readonly clock: Clock;
  /** Delivers the messages that are visible now, and appends the invocations to the list. */
  drain(invocations: Invocation[]): Promise<void>;
  /** When the next message becomes visible, in milliseconds since the epoch; undefined if no message is waiting. */
  nextWorkAt(): number | undefined;
  fireDueTimers(invocations: Invocation[]): Promise<void>;
  nextTimerAt(): Promise<number | undefined>;
}

/**
 * Delivers visible messages until there are none. With `advance`, it then moves the clock to the next message and
 * continues until all queues are empty.
 */
export async function runUntilIdle<Invocation>(
  { clock, drain, nextWorkAt }: DueWork<Invocation>,
  { advance = false }: { readonly advance?: boolean } = {},
): Promise<readonly Invocation[]> {
  const invocations: Invocation[] = [];
  await drain(invocations);
  for (let next = nextWorkAt(); advance && next !== undefined; next = nextWorkAt()) {
    moveTo(clock, next);
    await drain(invocations);
  }
  return invocations;
}

/** Moves the clock. Timers fire and messages are delivered on the way, each at its time. */
export async function advanceClock<Invocation>(
  work: DueWork<Invocation>,
  milliseconds: number,
): Promise<readonly Invocation[]> {
  const { clock, drain, fireDueTimers } = work;
  const nextAt = async () => earliest([work.nextWorkAt(), await work.nextTimerAt()]);
  const invocations: Invocation[] = [];
  const end = clock.now().getTime() + milliseconds;
  await drain(invocations);
  for (let next = await nextAt(); next !== undefined && next <= end; next = await nextAt()) {
    moveTo(clock, next);
    await fireDueTimers(invocations);
    await drain(invocations);
  }
  moveTo(clock, end);
  return invocations;
}

/** Never move the clock back. */
function moveTo(clock: Clock, time: number): void {
  clock.advance(Math.max(0, time - clock.now().getTime()));
}
