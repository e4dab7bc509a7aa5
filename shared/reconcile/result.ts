// The result of a reconciliation: what happens to the messages that requested it.
import type { Decision } from '../report/decision.ts';
import type { ImageObservation } from './observation.ts';

/** The decision, and what happens to the messages. If `reconcile` throws, all messages are retried. */
export type Result = {
  readonly decision: Decision;
  /** What the decision is based on. Empty if nothing was observed. */
  readonly observations: readonly ImageObservation[];
} & (
  | { readonly kind: 'done' }
  /** The queue chooses the delay, because only the queue knows the number of retries so far. */
  | {
      readonly kind: 'retry';
      readonly why: string;
      /** The messages that named these reports are retried; `all`: every message of the request. */
      readonly reports: 'all' | readonly UnconfirmedReport[];
    }
  /** The registry refuses until a person acts. The messages are not retried; the sweep tries again. */
  | { readonly kind: 'deadLetter'; readonly why: string }
);

/** A report in an event that the scanner does not list yet, or still shows as it was before the event. */
export interface UnconfirmedReport {
  readonly id: string;
  readonly why: string;
  /** What happens to the message after its last retry: a person must see it, or the next sweep does its work. */
  readonly whenUsedUp: 'deadLetter' | 'done';
}

/** The report of an event that the scanner does not list yet. */
export function notListed(id: string): UnconfirmedReport {
  return { id, why: `the scanner does not list ${id} yet`, whenUsedUp: 'deadLetter' };
}
