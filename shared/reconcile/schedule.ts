// When a sweep is due, and which gates that wait for the brake come first.

import { gateKey } from '../gate/gate.ts';
import { activeBlockers, type GateRecord } from '../gate/record.ts';
import { type Instant, rankOf } from '../policy/finding.ts';
import { SEVERITIES } from '../policy/severity.ts';
import { HOUR_MILLISECONDS } from '../runtime/time.ts';

/** What is known of the last sweep. */
export interface SweepState {
  /** When its messages had all been sent. */
  readonly sweptAt: Instant;
  /** The settings and the mode that it was made with: others make a new sweep due at once. */
  readonly fingerprint: string;
  readonly gates: number;
}

/** A person's pause: while it is in force nothing closes, and everything that pullgate closed opens. */
export interface PauseState {
  readonly paused: boolean;
  readonly at: Instant;
  /** Who paused, or ended the pause. */
  readonly by: string;
  /** The first moment at which the pause is no longer in force. Default: only `resume` ends it. */
  readonly until?: Instant | undefined;
}

/** Is the pause in force at this moment? */
export function isPaused(pause: PauseState | undefined, now: Instant): boolean {
  return pause?.paused === true && (pause.until === undefined || now < pause.until);
}

/** Is a sweep due? At once if there was no sweep or the settings are new, else after `sweepHours`. */
export function isSweepDue(
  last: SweepState | undefined,
  fingerprint: string,
  sweepHours: number,
  now: Instant,
): boolean {
  if (last === undefined || last.fingerprint !== fingerprint) return true;
  return Date.parse(now) - Date.parse(last.sweptAt) >= sweepHours * HOUR_MILLISECONDS;
}

/**
 * The place of a gate among those that wait for the brake, as text that sorts: the worst severity first, then the one
 * that has waited longest, then by name: no two have the same place. Undefined if it does not wait for the brake.
 */
export function waitingRank(record: GateRecord): string | undefined {
  if (record.state.kind !== 'waiting' || record.state.for !== 'brake') return undefined;
  const worst = activeBlockers(record)
    .flatMap((blocker) => blocker.findings)
    .reduce((most, finding) => Math.max(most, rankOf(finding)), 0);
  return `${SEVERITIES.length - 1 - worst} ${record.since} ${gateKey(record.gate)}`;
}
