// Thousands of inputs for each parser; `npm run fuzz` runs a million.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { must, runTarget, target } from './target.ts';
import { TARGETS } from './targets.ts';

const RUNS = 1_000;

describe('whatever comes', () => {
  it.each(TARGETS)('$name holds', async (one) => {
    await runTarget(one, { runs: RUNS, seed: Math.floor(Math.random() * 2 ** 31) });
  });
});

it('finds a faulty parser, and reports how to reproduce the failure', async () => {
  const broken = target('broken', fc.nat(), (given) => must(given < 1_000, 'it is small', given));
  const failure = runTarget(broken, { runs: 1_000, seed: 42 });
  await expect(failure).rejects.toThrow(/it is small: 1000/);
  await expect(failure).rejects.toThrow(/Again: npm run fuzz -- --target broken --seed 42 --path [\d:]+\n/);
});
