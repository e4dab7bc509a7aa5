// What becomes of the messages that asked for a reconciliation.
import type { Decision } from '../report/decision.ts';

/**
 * The decision, and what becomes of the messages. An error that `reconcile` throws means the same as a `retry` of all.
 */
export type Result = { readonly decision: Decision } & (
  | { readonly kind: 'done' }
  /** The queue chooses the delay: it grows with the number of retries, which only the queue knows. */
  | {
      readonly kind: 'retry';
      readonly why: string;
      /** Only the messages that named these are retried; `all`: every message of the request. */
      readonly reports: 'all' | readonly UnconfirmedReport[];
    }
  /**
   * The registry refuses, and will as things are: a person has to act. No message is retried besides: the sweep tries
   * again.
   */
  | { readonly kind: 'deadLetter'; readonly why: string }
);

/** A report that an event named, and that the scanner does not show yet, or only as it was before the event. */
export interface UnconfirmedReport {
  readonly id: string;
  readonly why: string;
  /**
   * What becomes of the message if its retries are used up: a person has to see it, or the next sweep does its work.
   */
  readonly whenUsedUp: 'deadLetter' | 'done';
}
