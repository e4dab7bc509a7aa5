// The brake: no more gates than the config says are closed in an hour, so that one newly disclosed vulnerability cannot take everything down.
import type { Instant } from '../policy/finding.ts';

/** The closings that still count against the hour. */
export interface BrakeState {
  readonly closings: readonly { readonly gate: string; readonly at: Instant }[];
}

export const NO_CLOSINGS: BrakeState = { closings: [] };
const HOUR_MILLISECONDS = 3_600_000;

/** The brake without the closings that are an hour old or older. */
export function lastHour(state: BrakeState, now: Instant): BrakeState {
  const hourAgo = new Date(Date.parse(now) - HOUR_MILLISECONDS).toISOString();
  return { closings: state.closings.filter((closing) => closing.at > hourAgo) };
}

/** How many more gates may be closed now. */
export function roomLeft(state: BrakeState, now: Instant, maxClosesPerHour: number): number {
  return Math.max(0, maxClosesPerHour - lastHour(state, now).closings.length);
}

/**
 * Asks to close a gate. A gate that has been let through within the hour is let through again without counting twice, so that a crash after
 * the asking costs nothing.
 *
 * @returns the brake's next state (the same object where nothing needs to be saved); undefined where the gate has to wait
 */
export function letThrough(
  state: BrakeState,
  gate: string,
  now: Instant,
  maxClosesPerHour: number,
): BrakeState | undefined {
  const { closings } = lastHour(state, now);
  if (closings.some((closing) => closing.gate === gate)) return state;
  return closings.length < maxClosesPerHour ? { closings: [...closings, { gate, at: now }] } : undefined;
}
