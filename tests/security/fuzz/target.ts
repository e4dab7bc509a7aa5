// What a fuzz target is: anything at all goes in, and what came out is held against what the rest of the code trusts.
import fc from 'fast-check';

/** One door of the program, and what must hold behind it. */
export interface Target {
  readonly name: string;
  /** How to check inputs of this door, drawn by fast-check. */
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

/** A check that costs nothing where it holds: most of a million do. */
export function must(holds: boolean, what: string, given?: unknown): void {
  if (!holds) throw new Error(given === undefined ? what : `${what}: ${JSON.stringify(given)}`);
}

export interface Run {
  readonly runs: number;
  readonly seed: number;
  /** Of a failure that is to be seen again. */
  readonly path?: string;
}

/** @throws Error with the smallest input that fails, and the seed and path that lead to it */
export async function runTarget({ name, property }: Target, { runs, seed, path }: Run): Promise<void> {
  const details = await fc.check(property, { numRuns: runs, seed, ...(path === undefined ? {} : { path }) });
  if (!details.failed) return;
  const again = `npm run fuzz -- --target ${name} --seed ${details.seed} --path ${details.counterexamplePath}`;
  const { errorInstance: cause } = details;
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new Error(`${name}: ${why}\nAgain: ${again}\n${fc.defaultReportMessage(details)}`, { cause });
}
