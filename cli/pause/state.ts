// Begins and ends the pause of a stack: a row in each cloud's table, which every invocation of the function reads.
import type { Instant } from '../../shared/policy/finding.ts';
import { isPaused, type PauseState } from '../../shared/reconcile/schedule.ts';
import type { Decision } from '../../shared/report/decision.ts';
import type { GateOnRecord } from '../release/opening.ts';
import type { Client } from '../stack/client.ts';

/** What the row is to say. */
export interface WantedPause {
  readonly paused: boolean;
  /** When the pause ends by itself. Default: `resume` ends it. */
  readonly until?: Instant | undefined;
  readonly by: string;
  readonly at: Instant;
}

/**
 * Writes the row of one cloud.
 *
 * @returns false if it said the same already
 */
export async function setPause({ pause }: Pick<Client, 'pause'>, wanted: WantedPause): Promise<boolean> {
  for (;;) {
    const { value, version } = await pause.load();
    if (isAsWanted(value, wanted)) return false;
    const { paused, until, by, at } = wanted;
    // A pause with a new end is still the same pause.
    const since = paused && value !== undefined && isPaused(value, at) ? value.at : at;
    if ((await pause.save({ paused, at: since, by, ...(until && { until }) }, version)) !== undefined) return true;
  }
}

/** Does the row say already what it is to say? */
export function isAsWanted(value: PauseState | undefined, { paused, until, at }: Omit<WantedPause, 'by'>): boolean {
  return isPaused(value, at) === paused && (!paused || value?.until === until);
}

/** Opens one gate of a paused stack. */
export function openWhilePaused({ client, record }: GateOnRecord): Promise<Decision> {
  return client.reconcile(record.gate, 'pause', 'pause');
}
