// One operation of a service: the permissions that the caller needs, and the work.
import type { Call } from './calls.ts';
import { failure } from './failure.ts';
import type { Need } from './iam.ts';

export interface Operation {
  readonly needs: (input: never) => readonly Need[];
  readonly run: (input: never, call: Call) => object | Promise<object>;
}

export type Operations = Readonly<Record<string, Operation>>;

/** The input has the SDK's type, because the SDK's client wrote the request. */
export function operation<Input>(
  needs: (input: Input) => readonly Need[],
  run: (input: Input, call: Call) => object | Promise<object>,
): Operation {
  return { needs, run };
}

/** A service as the server calls it. */
export interface ServiceApi {
  needs(operation: string, input: Readonly<Record<string, unknown>>): readonly Need[];
  run(operation: string, input: Readonly<Record<string, unknown>>, call: Call): object | Promise<object>;
}

export function createServiceApi(operations: Operations): ServiceApi {
  const named = (name: string) => {
    const found = operations[name];
    if (found === undefined) throw failure('UnknownOperationException', `the local cloud has no operation ${name}`);
    return found;
  };
  return {
    needs: (name, input) => named(name).needs(input as never),
    run: (name, input, call) => named(name).run(input as never, call),
  };
}
