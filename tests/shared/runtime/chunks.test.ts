// Lists split for calls that take a limited number of values.
import { expect, it } from 'vitest';
import { chunksOf } from '../../../shared/runtime/chunks.ts';

it.each([
  ['no values are no chunk', [], []],
  ['fewer values than the size are one chunk', [1, 2], [[1, 2]]],
  ['as many values as the size are one chunk', [1, 2, 3], [[1, 2, 3]]],
  ['the last chunk may be shorter, and the order stays', [1, 2, 3, 4], [[1, 2, 3], [4]]],
])('%s', (_name, values: number[], chunks) => {
  expect(chunksOf(values, 3)).toEqual(chunks);
});
