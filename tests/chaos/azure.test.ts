// Two hundred seeds of events and faults on Azure: however it goes, every gate ends where it should be, nobody is left untold, and nothing of others is touched.
import { expect, test } from 'vitest';
import { describeFailure, describeTotal, runMany } from './many.ts';

const SEEDS = 200;

test(`${SEEDS} seeds on Azure`, { timeout: 900_000 }, async () => {
  const total = await runMany({ clouds: ['azure'], from: 1, seeds: SEEDS, atOnce: 2 });
  process.stdout.write(`Azure, from seed 1: ${describeTotal(total)}\n`);
  expect(total.failed.map(describeFailure)).toEqual([]);
  expect(total.seeds).toBe(SEEDS);
});
