// The observation from an overview is used only once per image.
import { expect, it } from 'vitest';
import { createSeenImages } from '../../../azure/function/seen-images.ts';
import { digest } from '../../shared/samples.ts';

it('returns each observation once, and leaves the overview unchanged', () => {
  const observation = { digest: digest(1), presence: 'gone' } as const;
  const overview = new Map([[digest(1), observation]]);
  const seen = createSeenImages(overview);
  expect(seen.take(digest(2))).toBeUndefined();
  expect(seen.take(digest(1))).toBe(observation);
  expect(seen.take(digest(1))).toBeUndefined();
  expect([...overview.keys()]).toEqual([digest(1)]);
});
