// What an overview has shown of an image is its first observation, and no other.
import { expect, it } from 'vitest';
import { createSeenImages } from '../../../azure/function/seen-images.ts';
import { digest } from '../../shared/samples.ts';

it('gives each observation once, and leaves the overview as it is', () => {
  const observation = { digest: digest(1), presence: 'gone' } as const;
  const overview = new Map([[digest(1), observation]]);
  const seen = createSeenImages(overview);
  expect(seen.take(digest(2))).toBeUndefined();
  expect(seen.take(digest(1))).toBe(observation);
  expect(seen.take(digest(1))).toBeUndefined();
  expect([...overview.keys()]).toEqual([digest(1)]);
});
