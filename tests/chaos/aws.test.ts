// Two hundred seeds of events and faults on AWS: however it goes, every gate ends where it should be, every change has
// its notice, and nothing of others is touched.
import { expect, test } from 'vitest';
import { describeFailure, describeTotal, runMany, seedsFrom } from './many.ts';

const SEEDS = 200;

test(`${SEEDS} seeds on AWS`, { timeout: 1_800_000 }, async () => {
  const total = await runMany({ clouds: ['aws'], seeds: seedsFrom(1, SEEDS), atOnce: 6 });
  process.stdout.write(`AWS, from seed 1: ${describeTotal(total)}\n`);
  expect(total.failed.map(describeFailure)).toEqual([]);
  expect(total.seeds).toBe(SEEDS);
});
