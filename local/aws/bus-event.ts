// An event on the bus: what EventBridge delivers to rules and queues.

/** An event on the bus: the envelope and its detail. */
export interface BusEvent {
  readonly version?: string;
  readonly id?: string;
  readonly source: string;
  readonly 'detail-type': string;
  readonly account?: string;
  readonly time?: string;
  readonly region?: string;
  readonly resources?: readonly string[];
  readonly detail: object;
}
