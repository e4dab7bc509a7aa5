// The harness bites: with any one of these faults planted in the deployed code, it complains, and of the right thing.
import { expect, test } from 'vitest';
import { findings, runMany, seedsFrom } from './many.ts';
import { codeOf, MUTANTS, type Mutant } from './mutants.ts';

const SEEDS = 40;

test.each(Object.keys(MUTANTS) as Mutant[])(`%s: found by its ${SEEDS} seeds`, async (mutant) => {
  const { sign, firstSeed, finding } = MUTANTS[mutant];
  const code = await codeOf(mutant, 'aws');
  const until = { sign, seeds: finding };
  const total = await runMany({ clouds: ['aws'], seeds: seedsFrom(firstSeed, SEEDS), atOnce: 4, code, until });
  const found = findings(total.failed, sign);
  process.stdout.write(`${mutant}: found by ${found.map(({ seed }) => seed).join(', ')} of ${total.seeds} seeds\n`);
  expect(found.length).toBeGreaterThanOrEqual(finding);
});
