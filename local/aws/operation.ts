// One operation of a service: what the caller must be allowed, and what is done.
import type { Call } from './calls.ts';
import type { Need } from './iam.ts';

export interface Operation {
  readonly needs: (input: never) => readonly Need[];
  readonly run: (input: never, call: Call) => object | Promise<object>;
}

export type Operations = Readonly<Record<string, Operation>>;

/** The input has the SDK's own type: the wire carries what the SDK's client wrote. */
export function operation<Input>(
  needs: (input: Input) => readonly Need[],
  run: (input: Input, call: Call) => object | Promise<object>,
): Operation {
  return { needs, run };
}
