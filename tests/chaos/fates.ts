// What goes wrong: the fate of each event, and of each call that the function makes. A call's fate depends on the call
// and on how often it was made before.

import { between, type Draw, pick } from './draw.ts';

/** How the events of a step are delivered. */
export interface Fate {
  readonly isLost: boolean;
  readonly delayMinutes: number;
  readonly copies: number;
  /** The events overtake those that were sent before. */
  readonly overtakes: boolean;
}

export const CALM: Fate = { isLost: false, delayMinutes: 0, copies: 1, overtakes: false };
export const LOST: Fate = { ...CALM, isLost: true };

/** The longest delay of an event, or of the row that the scanner writes for it. */
export const LONGEST_DELAY_MINUTES = 20;

/** Draws an event's fate. */
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

/** The maximum age of the answer to a stale read. */
export const STALE_MILLISECONDS = 30_000;

/** How likely each fate is. About one call in sixteen is disturbed. */
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

/** In some runs a service throttles most calls. */
const ROUGH_SERVICE = 0.2;
const ROUGH_CALL = 0.6;

/**
 * An outage refuses 16 calls in a row of one operation about one repository. That usually outlasts a client's attempts,
 * at most eight, so that the message is delivered again, or a later tick sends the notice.
 */
const OUTAGE = 0.05;
/** A run sends few notices, so these services fail more often: SNS and Azure's mail service. */
const OUTAGE_OF_NOTICES = 0.15;
const SENDS_NOTICES: ReadonlySet<string> = new Set(['sns', 'mail']);
const OUTAGE_CALLS = 16;

/** Returns a function that draws each call's fate; undefined for most calls. */
export function createCallFates(draw: Draw): (call: {
  readonly service: string;
  readonly operation: string;
  /** The repository that the call concerns; empty if it concerns no single one. */
  readonly about: string;
  readonly isRead: boolean;
  /** Whether its service may throttle many calls in a row. */
  readonly isRough: boolean;
}) => CallFate | undefined {
  const seen = new Map<string, number>();
  return ({ service, operation, about, isRead, isRough }) => {
    const name = `${service}:${operation}:${about}`;
    const ordinal = (seen.get(name) ?? 0) + 1;
    seen.set(name, ordinal);
    const isRoughRun = draw('rough', service) < ROUGH_SERVICE;
    if (isRough && isRoughRun && draw('rough', name, ordinal) < ROUGH_CALL) return 'throttle';
    // Both together could outlast the retries of a message.
    const outage = isRoughRun ? 0 : SENDS_NOTICES.has(service) ? OUTAGE_OF_NOTICES : OUTAGE;
    if (isRough && draw('outage', name, Math.ceil(ordinal / OUTAGE_CALLS)) < outage) return 'throttle';
    const fate = pick(draw('call', name, ordinal), FATES);
    if (fate === 'none') return undefined;
    return fate === 'stale' && !isRead ? 'serverError' : fate;
  };
}
