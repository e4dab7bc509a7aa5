// Changes the brake's row, which all workers of a stack share.

import {
  admit,
  type BrakeCounts,
  type BrakeLimits,
  type BrakeState,
  brakeCounts,
  type Candidate,
  callWaiting,
  IDLE_BRAKE,
} from '../gate/brake.ts';
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
  limits: BrakeLimits,
): Promise<boolean> {
  return changeBrake(row, (state) => {
    const answer = admit(state, candidate, now, limits);
    return { answer: answer.kind !== 'wait', next: answer.kind === 'counted' ? undefined : answer.next };
  });
}

/**
 * Gives the turns to the waiting gates of the highest rank.
 *
 * @returns the gates to call, and the closings that count
 * @throws Error if other workers saved first in every attempt
 */
export function assignTurns<Waiting extends Candidate>(
  row: Row<BrakeState>,
  waiting: readonly Waiting[],
  now: Instant,
  limits: BrakeLimits,
): Promise<{ readonly called: readonly Waiting[]; readonly counts: BrakeCounts }> {
  return changeBrake(row, (state) => {
    const { next, called } = callWaiting(state, waiting, now, limits);
    const isChanged = JSON.stringify([next.turns, next.missed]) !== JSON.stringify([state.turns, state.missed]);
    return { answer: { called, counts: brakeCounts(next, now, limits) }, next: isChanged ? next : undefined };
  });
}

/**
 * Removes a closing that was admitted at this time and that the registry refused, so that it does not count towards the
 * limits. An earlier closing of the gate still counts, and so does one that is more than an hour old.
 *
 * @throws Error if other workers saved first in every attempt
 */
export function giveBack(row: Row<BrakeState>, gate: string, at: Instant): Promise<void> {
  return changeBrake(row, (state) => {
    const closings = state.closings.filter((closing) => closing.gate !== gate || closing.at !== at);
    return { answer: undefined, next: closings.length < state.closings.length ? { ...state, closings } : undefined };
  });
}

/** Saves what `work` makes of the brake. If another worker saves the row first, works on the new one. */
export async function changeBrake<Answer>(
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
