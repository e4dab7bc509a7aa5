// What goes wrong: the fate of each event, and of each call that the function makes. A call's fate depends on what it
// is and on how often it was made before.

import type { Fate } from './cloud.ts';
import { between, type Draw, pick } from './draw.ts';

export const CALM: Fate = { isLost: false, delayMinutes: 0, copies: 1, overtakes: false };

/** An event, or what the scanner has written of it, may come so much later. */
export const LONGEST_DELAY_MINUTES = 20;

/** An event's fate. */
export function fateOf(draw: Draw): Fate {
  return {
    isLost: draw('lost') < 0.12,
    delayMinutes: draw('delayed') < 0.15 ? between(draw('minutes'), 1, LONGEST_DELAY_MINUTES) : 0,
    copies: draw('repeated') < 0.15 ? between(draw('copies'), 2, 3) : 1,
    overtakes: draw('overtakes') < 0.15,
  };
}

export type CallFate =
  | 'throttle'
  | 'serverError'
  | 'timeout'
  | 'reset'
  | 'drop'
  | 'stale'
  | 'crashBefore'
  | 'crashAfter';

/** How long ago the answer may be that a stale read gives. */
export const STALE_MILLISECONDS = 30_000;

/** How often a call meets something: about one of sixteen. */
const FATES: readonly (readonly [CallFate | 'none', number])[] = [
  ['none', 150],
  ['throttle', 2],
  ['serverError', 2],
  ['reset', 1],
  ['drop', 2],
  ['timeout', 0.3],
  ['stale', 2],
  ['crashBefore', 0.2],
  ['crashAfter', 0.5],
];

/** Some runs are rough for a service, so that what fails goes on to fail until the queue brings the message back. */
const ROUGH_SERVICE = 0.2;
const ROUGH_CALL = 0.6;

/** Tells each call's fate; undefined for most. */
export function createCallFates(draw: Draw): (call: {
  readonly service: string;
  readonly operation: string;
  /** What it is about: a repository, a record, an image. */
  readonly about: string;
  readonly isRead: boolean;
  readonly isRough: boolean;
}) => CallFate | undefined {
  const seen = new Map<string, number>();
  return ({ service, operation, about, isRead, isRough }) => {
    const name = `${service}:${operation}:${about}`;
    const ordinal = (seen.get(name) ?? 0) + 1;
    seen.set(name, ordinal);
    if (isRough && draw('rough', service) < ROUGH_SERVICE && draw('rough', name, ordinal) < ROUGH_CALL)
      return 'throttle';
    const fate = pick(draw('call', name, ordinal), FATES);
    if (fate === 'none') return undefined;
    return fate === 'stale' && !isRead ? 'serverError' : fate;
  };
}
