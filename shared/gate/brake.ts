// The brake limits how many gates close in an hour, so that one newly disclosed vulnerability cannot take everything
// down.
import type { Instant } from '../policy/finding.ts';
import { HOUR_MILLISECONDS } from '../runtime/time.ts';

/** The closings that count towards the limit. */
export interface BrakeState {
  readonly closings: readonly { readonly gate: string; readonly at: Instant }[];
}

export const NO_CLOSINGS: BrakeState = { closings: [] };

/** Drops the closings that are an hour old or older. */
export function lastHour(state: BrakeState, now: Instant): BrakeState {
  const hourAgo = new Date(Date.parse(now) - HOUR_MILLISECONDS).toISOString();
  return { closings: state.closings.filter((closing) => closing.at > hourAgo) };
}

/** How many more gates may be closed now. */
export function roomLeft(state: BrakeState, now: Instant, maxClosesPerHour: number): number {
  return Math.max(0, maxClosesPerHour - lastHour(state, now).closings.length);
}

/** The brake's answer for a gate that should close. */
export type BrakeAnswer =
  /** It may close once `next` is saved. */
  | { readonly kind: 'admitted'; readonly next: BrakeState }
  /** It was admitted within the last hour and counts only once, so a crash after the request uses up nothing. */
  | { readonly kind: 'counted' }
  | { readonly kind: 'wait' };

/** Requests permission to close a gate. */
export function admit(state: BrakeState, gate: string, now: Instant, maxClosesPerHour: number): BrakeAnswer {
  const { closings } = lastHour(state, now);
  if (closings.some((closing) => closing.gate === gate)) return { kind: 'counted' };
  if (closings.length >= maxClosesPerHour) return { kind: 'wait' };
  return { kind: 'admitted', next: { closings: [...closings, { gate, at: now }] } };
}
