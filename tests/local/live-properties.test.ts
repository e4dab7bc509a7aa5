// Properties that are read again on each use.
import { expect, it } from 'vitest';
import { addLiveProperties } from '../../local/live-properties.ts';

it('are read when they are used, not when they are added', () => {
  const reads: number[] = [];
  const both = addLiveProperties(
    { name: 'cloud' },
    {
      get reads() {
        reads.push(reads.length);
        return reads.length;
      },
    },
  );
  expect(reads).toEqual([]);
  expect([both.name, both.reads, both.reads]).toEqual(['cloud', 1, 2]);
});
