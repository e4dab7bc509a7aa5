// Asks the brake, whose row all workers of a stack share, whether a gate may close.

import { admit, type BrakeState, NO_CLOSINGS } from '../gate/brake.ts';
import type { Instant } from '../policy/finding.ts';
import type { Row } from './ports.ts';

/** Each round lets one worker save, and either cloud runs at most forty: few rounds are needed. */
const MAX_TRIES = 100;

/**
 * Asks the brake whether a gate may close now, and counts it if so. Other workers ask at the same time: the row goes to
 * the first, and the others ask again.
 *
 * @throws Error if other workers were faster every time
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
  throw new Error(`${gate}: other workers asked the brake first, ${MAX_TRIES} times; the message is retried`);
}

/**
 * A closing that the registry refused does not use up the hour of others. If this save loses, the place stays used for
 * the hour.
 */
export async function giveBack(row: Row<BrakeState>, gate: string): Promise<void> {
  const { value = NO_CLOSINGS, version } = await row.load();
  const closings = value.closings.filter((closing) => closing.gate !== gate);
  if (closings.length < value.closings.length) await row.save({ closings }, version);
}
