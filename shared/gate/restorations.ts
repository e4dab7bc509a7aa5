// Counts how often the lock of a closed gate had to be restored, so that a tool that removes it again and again causes
// one notice a day, not one every five minutes.
import type { Instant } from '../policy/finding.ts';
import { DAY_MILLISECONDS } from '../runtime/time.ts';

/** The restorations of a gate since the last notice about one. */
export interface Restorations {
  /** When people were last notified of a restoration. */
  readonly notifiedAt: Instant;
  /** The number of restorations since then. People are notified of them a day after that notice. */
  readonly since: number;
}

/** Restorations that were not notified one by one. */
export interface Repetition {
  readonly times: number;
  /** They happened after this time. */
  readonly since: Instant;
}

export interface RestorationStep {
  /** What the record keeps. Undefined: nothing. */
  readonly next: Restorations | undefined;
  /** The notice that is due: of this restoration alone, or of all since the last notice. Undefined: none. */
  readonly notice: 'one' | Repetition | undefined;
}

/** Counts a restoration, if there was one now, and finds the notice that is due. */
export function stepRestorations(before: Restorations | undefined, isRestored: boolean, now: Instant): RestorationStep {
  const count = (before?.since ?? 0) + (isRestored ? 1 : 0);
  if (before !== undefined && Date.parse(now) - Date.parse(before.notifiedAt) < DAY_MILLISECONDS)
    return { next: isRestored ? { ...before, since: count } : before, notice: undefined };
  if (count === 0) return { next: undefined, notice: undefined };
  const next = { notifiedAt: now, since: 0 };
  if (before === undefined || before.since === 0) return { next, notice: 'one' };
  return { next, notice: { times: count, since: before.notifiedAt } };
}
