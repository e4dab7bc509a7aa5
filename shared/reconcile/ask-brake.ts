// Asks the brake whether a gate may close. All workers of a stack share the brake's row.

import { admit, type BrakeState, NO_CLOSINGS } from '../gate/brake.ts';
import type { Instant } from '../policy/finding.ts';
import type { Row } from './ports.ts';

/** In each round one worker saves, and each cloud runs at most forty workers, so this limit is generous. */
const MAX_TRIES = 100;

/**
 * Asks the brake whether a gate may close now, and counts the closing if so. If another worker saves the row first,
 * asks again.
 *
 * @throws Error if other workers saved first in every attempt
 */
export async function askBrake(
  row: Row<BrakeState>,
  gate: string,
  now: Instant,
  maxClosesPerHour: number,
): Promise<boolean> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const { value = NO_CLOSINGS, version } = await row.load();
    const answer = admit(value, gate, now, maxClosesPerHour);
    if (answer.kind === 'wait') return false;
    if (answer.kind === 'counted' || (await row.save(answer.next, version)) !== undefined) return true;
  }
  throw new Error(`${gate}: other workers saved the brake first in all ${MAX_TRIES} attempts; the message is retried`);
}

/**
 * Removes a closing that was admitted at this time and that the registry refused, so that it does not count towards the
 * limit. An earlier closing of the gate still counts. If another worker saves first, the refused one counts for the
 * hour.
 */
export async function giveBack(row: Row<BrakeState>, gate: string, at: Instant): Promise<void> {
  const { value = NO_CLOSINGS, version } = await row.load();
  const closings = value.closings.filter((closing) => closing.gate !== gate || closing.at !== at);
  if (closings.length < value.closings.length) await row.save({ closings }, version);
}
