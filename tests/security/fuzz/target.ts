// A fuzz target: any input goes in, and the output must meet the assumptions of the rest of the code.
import fc from 'fast-check';

/** One parser of the program, and the assumptions about its output. */
export interface Target {
  readonly name: string;
  /** Checks inputs of this parser that fast-check draws. */
  readonly property: fc.IRawProperty<unknown>;
}

export function target<Input>(name: string, inputs: fc.Arbitrary<Input>, check: (input: Input) => void): Target {
  return { name, property: fc.property(inputs, check) as fc.IRawProperty<unknown> };
}

export function asyncTarget<Input>(
  name: string,
  inputs: fc.Arbitrary<Input>,
  check: (input: Input) => Promise<void>,
): Target {
  return { name, property: fc.asyncProperty(inputs, check) as fc.IRawProperty<unknown> };
}

/** A check that costs nothing if it passes, as it does for most of a million inputs. */
export function must(holds: boolean, what: string, given?: unknown): void {
  if (!holds) throw new Error(given === undefined ? what : `${what}: ${JSON.stringify(given)}`);
}

export interface Run {
  readonly runs: number;
  readonly seed: number;
  /** The seed and path that reproduce a failure. */
  readonly path?: string;
}

/** @throws Error with the smallest failing input, and the seed and path that reproduce it */
export async function runTarget({ name, property }: Target, { runs, seed, path }: Run): Promise<void> {
  const details = await fc.check(property, { numRuns: runs, seed, ...(path === undefined ? {} : { path }) });
  if (!details.failed) return;
  const again = `npm run fuzz -- --target ${name} --seed ${details.seed} --path ${details.counterexamplePath}`;
  const { errorInstance: cause } = details;
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new Error(`${name}: ${why}\nAgain: ${again}\n${fc.defaultReportMessage(details)}`, { cause });
}
