// Runs events and faults on AWS for many seeds. In every run, all gates must end in the right state, every change must
// have its notice, and nothing that belongs to others may change.
import { expect, test } from 'vitest';
import { describeFailure, describeTotal, runMany, seedsFrom } from './many.ts';

const SEEDS = 200;

test(`leaves every gate in the right state on AWS (${SEEDS} seeds)`, { timeout: 1_800_000 }, async () => {
  const total = await runMany({ clouds: ['aws'], seeds: seedsFrom(1, SEEDS), atOnce: 6 });
  process.stdout.write(`AWS, from seed 1: ${describeTotal(total)}\n`);
  expect(total.failed.map(describeFailure)).toEqual([]);
  expect(total.seeds).toBe(SEEDS);
});
