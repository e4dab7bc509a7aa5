// Two hundred seeds of events and faults on Azure: however it goes, every gate ends where it should be, every change
// has its notice, and nothing of others is touched.
import { expect, test } from 'vitest';
import { describeFailure, describeTotal, runMany, seedsFrom } from './many.ts';

const SEEDS = 200;

test(`${SEEDS} seeds on Azure`, { timeout: 1_800_000 }, async () => {
  const total = await runMany({ clouds: ['azure'], seeds: seedsFrom(1, SEEDS), atOnce: 4 });
  process.stdout.write(`Azure, from seed 1: ${describeTotal(total)}\n`);
  expect(total.failed.map(describeFailure)).toEqual([]);
  expect(total.seeds).toBe(SEEDS);
});
