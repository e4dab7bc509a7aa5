// Runs the work of a local cloud in the order of its clock: until nothing is left, or up to a time.
import { type Clock, earliest } from './clock.ts';

export interface DueWork<Invocation> {
  readonly clock: Clock;
  /** Hands over what is visible now, and adds what was invoked for it. */
  drain(invocations: Invocation[]): Promise<void>;
  /** When the next message is due, in milliseconds since the epoch; undefined if none is on its way. */
  nextWorkAt(): number | undefined;
  fireDueTimers(invocations: Invocation[]): Promise<void>;
  nextTimerAt(): Promise<number | undefined>;
}

/**
 * Hands visible messages over until there are none.
 * With `advance` it then moves the clock to where the next message becomes visible, and goes on, until all queues are
 * empty.
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

/** Moves the clock, firing the timers and handing over the messages that fall due on the way, each at its time. */
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

/** A time that has passed moves nothing. */
function moveTo(clock: Clock, time: number): void {
  clock.advance(Math.max(0, time - clock.now().getTime()));
}
