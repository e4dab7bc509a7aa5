// Lists that are split for calls that accept a limited number of values.
import { expect, it } from 'vitest';
import { chunksOf } from '../../../shared/runtime/chunks.ts';

it.each([
  ['no values give no chunk', [], []],
  ['fewer values than the size give one chunk', [1, 2], [[1, 2]]],
  ['as many values as the size give one chunk', [1, 2, 3], [[1, 2, 3]]],
  ['the last chunk may be shorter, and the order is kept', [1, 2, 3, 4], [[1, 2, 3], [4]]],
])('%s', (_name, values: number[], chunks) => {
  expect(chunksOf(values, 3)).toEqual(chunks);
});
