// Changes the brake's row, which all workers of a stack share.

import { admit, type BrakeState, type Candidate, callWaiting, IDLE_BRAKE } from '../gate/brake.ts';
import type { Instant } from '../policy/finding.ts';
import type { Row } from './ports.ts';

/** In each round one worker saves, and each cloud runs at most forty workers, so this limit is generous. */
const MAX_TRIES = 100;

/**
 * Asks the brake whether a gate may close now, and counts the closing if so. If not, the gate keeps its turn.
 *
 * @throws Error if other workers saved first in every attempt
 */
export function askBrake(
  row: Row<BrakeState>,
  candidate: Candidate,
  now: Instant,
  maxClosesPerHour: number,
): Promise<boolean> {
  return change(row, (state) => {
    const answer = admit(state, candidate, now, maxClosesPerHour);
    return { answer: answer.kind !== 'wait', next: answer.kind === 'counted' ? undefined : answer.next };
  });
}

/**
 * Gives the turns to the waiting gates of the highest rank.
 *
 * @returns the gates to call, and how many closings of the last hour count
 * @throws Error if other workers saved first in every attempt
 */
export function assignTurns<Waiting extends Candidate>(
  row: Row<BrakeState>,
  waiting: readonly Waiting[],
  now: Instant,
  maxClosesPerHour: number,
): Promise<{ readonly called: readonly Waiting[]; readonly closed: number }> {
  return change(row, (state) => {
    const { next, called } = callWaiting(state, waiting, now, maxClosesPerHour);
    const isChanged = JSON.stringify([next.turns, next.missed]) !== JSON.stringify([state.turns, state.missed]);
    return { answer: { called, closed: next.closings.length }, next: isChanged ? next : undefined };
  });
}

/**
 * Removes a closing that was admitted at this time and that the registry refused, so that it does not count towards the
 * limit. An earlier closing of the gate still counts. If another worker saves first, the refused one counts for the
 * hour.
 */
export async function giveBack(row: Row<BrakeState>, gate: string, at: Instant): Promise<void> {
  const { value = IDLE_BRAKE, version } = await row.load();
  const closings = value.closings.filter((closing) => closing.gate !== gate || closing.at !== at);
  if (closings.length < value.closings.length) await row.save({ ...value, closings }, version);
}

/** Saves what `work` makes of the brake. If another worker saves the row first, works on the new one. */
async function change<Answer>(
  row: Row<BrakeState>,
  work: (state: BrakeState) => { readonly answer: Answer; readonly next: BrakeState | undefined },
): Promise<Answer> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const { value = IDLE_BRAKE, version } = await row.load();
    const { answer, next } = work(value);
    if (next === undefined || (await row.save(next, version)) !== undefined) return answer;
  }
  throw new Error(`other workers saved the brake first in all ${MAX_TRIES} attempts; the message is retried`);
}
