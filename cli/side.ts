// One cloud's side of a stack, as the commands see it: the records, the pause, and the loop that runs in the cloud.
import type { Decision } from '../shared/decision.ts';
import type { Instant } from '../shared/finding.ts';
import type { Records, Row } from '../shared/ports.ts';
import type { Gate } from '../shared/record.ts';
import type { PauseState } from '../shared/sweep.ts';
import type { Stack } from './stack.ts';

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

/** The sides that a stack has. A cloud's SDK is loaded only where the stack is in that cloud. */
export async function sidesOf({ aws, azure }: Stack, now: () => Instant): Promise<readonly Side[]> {
  return [
    ...(aws === undefined ? [] : [(await import('./aws-side.ts')).awsSide(aws, now)]),
    ...(azure === undefined ? [] : [(await import('./azure-side.ts')).azureSide(azure, now)]),
  ];
}
