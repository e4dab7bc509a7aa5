// The harness bites: with any one of these faults planted in the deployed code, it complains, and of the right thing.
import { expect, test } from 'vitest';
import { runMany, runsWith, seedsFrom } from './many.ts';
import { MUTANTS, type Mutant, programWith } from './mutants.ts';

/** How many seeds are tried at most, from 1 on. */
const TRIED = 80;
/** How many of them must find the fault. No more are tried then. */
const FINDING = 3;

test.each(Object.keys(MUTANTS) as Mutant[])('%s: found', { timeout: 1_800_000 }, async (mutant) => {
  const { sign, changes } = MUTANTS[mutant];
  const cloud = changes.aws.length > 0 ? 'aws' : 'azure';
  const program = await programWith(mutant, cloud);
  const until = { sign, seeds: FINDING };
  const total = await runMany({ clouds: [cloud], seeds: seedsFrom(1, TRIED), atOnce: 4, until, ...program });
  const found = runsWith(total.failed, sign);
  process.stdout.write(`${mutant}: found by ${found.map(({ seed }) => seed).join(', ')} of ${total.seeds} seeds\n`);
  expect(found.length).toBeGreaterThanOrEqual(FINDING);
});
