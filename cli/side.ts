// One cloud's side of a stack, as the commands see it: the records, the pause, and the loop that runs in the cloud.
import type { Decision } from '../shared/decision.ts';
import type { Records, Row } from '../shared/ports.ts';
import type { Gate } from '../shared/record.ts';
import type { PauseState } from '../shared/sweep.ts';

export interface Side {
  readonly cloud: 'aws' | 'azure';
  readonly pause: Row<PauseState>;
  readonly records: Pick<Records, 'load'>;
  /** Every gate that has a record. */
  gates(): AsyncIterable<Gate & { readonly state: string }>;
  /** Opens a gate, whatever is inside: one look at it in the mode `pause`. */
  open(gate: Gate): Promise<Decision>;
}

/** How a gate is opened by hand: nothing in it is looked at. */
export function releaseHint(gate: Gate) {
  return { gate, scope: [], triggers: ['release'] as const, activeFindings: [] };
}
