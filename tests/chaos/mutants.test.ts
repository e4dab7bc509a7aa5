// The harness bites: with any one of these faults planted in the deployed code, it complains, and of the right thing.
import { expect, test } from 'vitest';
import { runMany, runsWith, seedsFrom } from './many.ts';
import { codeOf, MUTANTS, type Mutant, type Planted } from './mutants.ts';

/** The number of seeds that are tried, and of those that must find the fault. */
const TRIED = 40;
const FINDING = 3;

test.each(Object.keys(MUTANTS) as Mutant[])('%s: found', { timeout: 1_800_000 }, async (mutant) => {
  const { sign, firstSeed }: Planted = MUTANTS[mutant];
  const code = await codeOf(mutant, 'aws');
  const total = await runMany({
    clouds: ['aws'],
    seeds: seedsFrom(firstSeed, TRIED),
    atOnce: 4,
    code,
    until: { sign, seeds: FINDING },
  });
  const found = runsWith(total.failed, sign);
  process.stdout.write(`${mutant}: found by ${found.map(({ seed }) => seed).join(', ')} of ${total.seeds} seeds\n`);
  expect(found.length).toBeGreaterThanOrEqual(FINDING);
});
