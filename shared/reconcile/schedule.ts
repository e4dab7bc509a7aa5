// When a sweep is due, and in which order the brake admits waiting gates.

import { overrideDue } from '../gate/override.ts';
import { activeBlockers, type Blocker, type GateRecord } from '../gate/record.ts';
import { type Instant, rankOf } from '../policy/finding.ts';
import { SEVERITIES } from '../policy/severity.ts';
import { HOUR_MILLISECONDS } from '../runtime/time.ts';

/** The last sweep. */
export interface SweepState {
  /** When all its messages had been sent. */
  readonly sweptAt: Instant;
  /** The settings and mode of the sweep. If they change, a new sweep is due at once. */
  readonly fingerprint: string;
  readonly gates: number;
}

/** How far the checks of the locks have come. There is no row while each tick reads all locks. */
export interface LockRound {
  /** Where the next tick goes on. Undefined: it begins a new round. */
  readonly after?: string | undefined;
  /** When this round began. */
  readonly startedAt: Instant;
  /** When the last complete round began, so that every lock has been read since then. Undefined: none is complete. */
  readonly readSince?: Instant | undefined;
}

/** How far the search for locks without a record has come. */
export interface SearchState {
  /** The key of the last repository that was read. */
  readonly after: string;
}

/** A pause: while it is in force, no gate closes, and every gate that pullgate closed opens. */
export interface PauseState {
  readonly paused: boolean;
  readonly at: Instant;
  /** The person who started or ended the pause. */
  readonly by: string;
  /** The first moment at which the pause is not in force. Default: only `resume` ends it. */
  readonly until?: Instant | undefined;
}

/** Is the pause in force now? */
export function isPaused(pause: PauseState | undefined, now: Instant): boolean {
  return pause?.paused === true && (pause.until === undefined || now < pause.until);
}

/** Is a sweep due? At once if there was none or the settings changed, otherwise after `sweepHours`. */
export function isSweepDue(
  last: SweepState | undefined,
  fingerprint: string,
  sweepHours: number,
  now: Instant,
): boolean {
  if (last === undefined || last.fingerprint !== fingerprint) return true;
  return Date.parse(now) - Date.parse(last.sweptAt) >= sweepHours * HOUR_MILLISECONDS;
}

/** In this time, ticks should have read the lock of every closed gate. */
export const LOCK_READ_MINUTES = 60;

/** Events that took longer than this are late; a sweep may be faster than an event that took less. */
const EVENT_SECONDS = 1_800;

/**
 * The ages in seconds, both excluded, at which a finding that a sweep closes for shows that its event was lost: the
 * event had time to close the gate, and the sweep before did not see the finding. An older one violates only now, for
 * example because its grace period is over.
 */
export function lostEventAges(sweepHours: number): { readonly above: number; readonly below: number } {
  return { above: EVENT_SECONDS, below: (sweepHours * HOUR_MILLISECONDS) / 1000 };
}

/**
 * When a tick must reconcile a gate: for its override, or to look again for the fix that it blocks. Undefined: the next
 * sweep is soon enough.
 */
export function tickDue({ override, remedy }: Pick<GateRecord, 'override' | 'remedy'>): Instant | undefined {
  const [first] = [overrideDue(override), remedy?.lookAgainAt].filter((at) => at !== undefined).toSorted();
  return first;
}

/** The rank of a gate that waits for the brake. Undefined if it does not. */
export function waitingRank(record: GateRecord): string | undefined {
  if (record.state.kind !== 'waiting' || record.state.for !== 'brake') return undefined;
  return brakeRank(activeBlockers(record), record.waitingSince ?? record.since);
}

/** The rank of a gate at the brake, as a sort key: the worst severity first, then the longest wait. */
export function brakeRank(active: readonly Blocker[], waitingSince: Instant): string {
  const worst = active
    .flatMap((blocker) => blocker.findings)
    .reduce((most, finding) => Math.max(most, rankOf(finding)), 0);
  return `${SEVERITIES.length - 1 - worst} ${waitingSince}`;
}
