// A process reports its own peak memory even if a large process started it. Otherwise, the peak of a cloud with many
// findings would count as the function's.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { peakMemoryBytes } from '../../local/peak-memory.ts';

const MEGABYTE = 2 ** 20;
const HELD = 400 * MEGABYTE;
const SAY = `import { peakMemoryBytes } from ${JSON.stringify(new URL('../../local/peak-memory.ts', import.meta.url))};
  const held = Buffer.alloc(Number(process.argv[1]), 1);
  console.log(JSON.stringify([held.length, peakMemoryBytes()]));`;

/** The peak of a process that allocates this much memory. */
function peakHolding(bytes: number): number {
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', SAY, String(bytes)], { encoding: 'utf8' });
  const [held, peak] = JSON.parse(said) as readonly [number, number];
  expect(held).toBe(bytes);
  return peak;
}

describe('the peak of a process', () => {
  it('is its own memory, even if a larger process started it', () => {
    const held = Buffer.alloc(HELD, 1);
    const small = peakHolding(0);
    expect(peakMemoryBytes()).toBeGreaterThan(held.length);
    expect(small).toBeLessThan(HELD / 2);
    expect(peakHolding(HELD / 2) - small).toBeGreaterThan(HELD / 4);
  });
});
