// The harness bites: with any one of these faults planted in the deployed code, it complains, and of the right thing.
import { expect, test } from 'vitest';
import { runMany, runsWith, seedsFrom } from './many.ts';
import { codeOf, MUTANTS, type Mutant, type Planted } from './mutants.ts';

/** The number of seeds that are tried, and of those that must find the fault. */
const TRIED = { seeds: 40, finding: 3 };
const TRIED_FOR_A_RACE = { seeds: 150, finding: 1 };

test.each(Object.keys(MUTANTS) as Mutant[])('%s: found', { timeout: 1_800_000 }, async (mutant) => {
  const { sign, firstSeed, isRace = false }: Planted = MUTANTS[mutant];
  const { seeds: count, finding } = isRace ? TRIED_FOR_A_RACE : TRIED;
  const code = await codeOf(mutant, 'aws');
  const until = { sign, seeds: finding };
  const total = await runMany({ clouds: ['aws'], seeds: seedsFrom(firstSeed, count), atOnce: 4, code, until });
  const found = runsWith(total.failed, sign);
  process.stdout.write(`${mutant}: found by ${found.map(({ seed }) => seed).join(', ')} of ${total.seeds} seeds\n`);
  expect(found.length).toBeGreaterThanOrEqual(finding);
});
