// Tests `prove` on AWS: the whole loop on the local cloud, with a scanner that reads the images.
import { afterEach, expect, it, vi } from 'vitest';
import { stage } from '../../e2e/aws/stage.ts';
import { provingOn, scratchRepositories } from './aws-proof.ts';

afterEach(() => void vi.unstubAllEnvs());

it('shows the whole loop, and leaves nothing behind', async () => {
  const s = await stage();
  const { run } = await provingOn(s);
  const proof = await run();
  console.log(JSON.stringify(proof, null, 1));
  expect(proof.result).toBe('proven');
  expect(scratchRepositories(s.cloud)).toEqual([]);
});
