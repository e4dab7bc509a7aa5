// The harness bites: with any one of these faults planted in the deployed code, it complains, and of the right thing.
import { expect, test } from 'vitest';
import { runMany, seedsFrom } from './many.ts';
import { codeOf, MUTANTS, type Mutant } from './mutants.ts';

/** More seeds than this without a complaint, beside those that are known to find it: the harness has gone blind. */
const OTHERS = 100;

test.each(Object.keys(MUTANTS) as Mutant[])('%s: found', { timeout: 1_200_000 }, async (mutant) => {
  const { sign, seeds: known } = MUTANTS[mutant];
  const code = await codeOf(mutant, 'aws');
  const tried = [...known, ...seedsFrom(1, OTHERS)];
  const { failed, seeds } = await runMany({ clouds: ['aws'], seeds: tried, atOnce: 2, code, until: sign });
  process.stdout.write(`${mutant}: found with seed ${failed.at(-1)?.seed}, the ${seeds}th\n`);
  expect(failed.flatMap(({ complaints }) => complaints).some((said) => sign.test(said))).toBe(true);
});
