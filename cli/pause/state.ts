// Begins and ends the pause of a stack. A row in each cloud's table stores the pause, and every invocation of the
// function reads it.
import type { Cloud } from '../../config/config.ts';
import { isPaused, type PauseState } from '../../shared/reconcile/schedule.ts';
import type { Decision } from '../../shared/report/decision.ts';
import type { GateOnRecord } from '../release/opening.ts';
import type { Client } from '../stack/client.ts';

/** The row of one cloud; undefined if there is none. */
export interface CloudPause {
  readonly cloud: Cloud;
  readonly pause: PauseState | undefined;
}

export function loadPauses(clients: readonly Client[]): Promise<readonly CloudPause[]> {
  return Promise.all(clients.map(async ({ cloud, pause }) => ({ cloud, pause: (await pause.load()).value })));
}

/**
 * Writes the row of one cloud.
 *
 * @returns false if the row was already as wanted
 */
export async function setPause({ pause }: Pick<Client, 'pause'>, wanted: PauseState): Promise<boolean> {
  for (;;) {
    const { value, version } = await pause.load();
    if (isAsWanted(value, wanted)) return false;
    // A pause with a new end is still the same pause.
    const at = wanted.paused && value !== undefined && isPaused(value, wanted.at) ? value.at : wanted.at;
    if ((await pause.save({ ...wanted, at }, version)) !== undefined) return true;
  }
}

/** Is the row already as wanted? */
export function isAsWanted(value: PauseState | undefined, { paused, until, at }: Omit<PauseState, 'by'>): boolean {
  return isPaused(value, at) === paused && (!paused || value?.until === until);
}

/** Opens one gate of a paused stack. */
export function openWhilePaused({ client, record }: GateOnRecord): Promise<Decision> {
  return client.reconcile(record.gate, 'pause', 'pause');
}
