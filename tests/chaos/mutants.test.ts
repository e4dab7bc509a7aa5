// The harness bites: with any one of these faults planted in the deployed code, it complains, and of the right thing.
import { expect, test } from 'vitest';
import { findings, runMany, seedsFrom } from './many.ts';
import { codeOf, MUTANTS, type Mutant } from './mutants.ts';

const SEEDS = 40;
/** The seeds of a fault that only a race shows. */
const SEEDS_OF_RACES = 150;

test.each(Object.keys(MUTANTS) as Mutant[])('%s: found', { timeout: 1_800_000 }, async (mutant) => {
  const { sign, firstSeed, finding } = MUTANTS[mutant];
  const seeds = seedsFrom(firstSeed, finding === 1 ? SEEDS_OF_RACES : SEEDS);
  const code = await codeOf(mutant, 'aws');
  const until = { sign, seeds: finding };
  const total = await runMany({ clouds: ['aws'], seeds, atOnce: 4, code, until });
  const found = findings(total.failed, sign);
  process.stdout.write(`${mutant}: found by ${found.map(({ seed }) => seed).join(', ')} of ${total.seeds} seeds\n`);
  expect(found.length).toBeGreaterThanOrEqual(finding);
});
