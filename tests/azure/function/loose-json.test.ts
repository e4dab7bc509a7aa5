// Reads values at a path, in every casing and encoding.
import { describe, expect, it } from 'vitest';
import { pick } from '../../../azure/function/loose-json.ts';

describe('a value at a path', () => {
  it.each<[unknown, readonly string[], unknown]>([
    [{ A: { b: 1 } }, ['a', 'B'], 1],
    ['{"a":{"b":1}}', ['a', 'b'], 1],
    [{ a: '{"b":"c"}' }, ['a', 'b'], 'c'],
    [{ a: 'text' }, ['a'], 'text'],
    [{ a: 'text' }, ['a', 'b'], undefined],
    [{ a: null }, ['a', 'b'], undefined],
    [undefined, ['a'], undefined],
  ])('of %j at %j is %j', (value, path, found) => {
    expect(pick(value, ...path)).toBe(found);
  });
});
