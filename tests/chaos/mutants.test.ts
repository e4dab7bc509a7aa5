// The harness bites: with any one of these faults planted in the deployed code, it complains, and of the right thing.
import { expect, test } from 'vitest';
import { runMany } from './many.ts';
import { codeOf, MUTANTS, type Mutant } from './mutants.ts';

/** More seeds than this without a complaint: the harness has gone blind. */
const SEEDS = 60;

test.each(Object.keys(MUTANTS) as Mutant[])('%s: found', { timeout: 300_000 }, async (mutant) => {
  const { sign, seed } = MUTANTS[mutant];
  const code = await codeOf(mutant, 'aws');
  const { failed, seeds } = await runMany({ clouds: ['aws'], from: seed, seeds: SEEDS, atOnce: 2, code, until: sign });
  process.stdout.write(`${mutant}: found with seed ${failed.at(-1)?.seed}, the ${seeds}th\n`);
  expect(failed.flatMap(({ complaints }) => complaints).some((said) => sign.test(said))).toBe(true);
});
