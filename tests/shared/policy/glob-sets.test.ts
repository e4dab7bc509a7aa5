// Compares globs: examples, and random globs and names.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatcher } from '../../../shared/policy/glob.ts';
import { covers, overlap } from '../../../shared/policy/glob-sets.ts';

describe('two globs', () => {
  it.each<[string, string, overlaps: boolean, first: boolean, second: boolean]>([
    ['team/app', 'team/app', true, true, true],
    ['team/app', 'team/api', false, false, false],
    ['team/app', 'team/app/api', false, false, false],
    ['team/*', 'team/app', true, true, false],
    ['team/*', 'team/app/api', false, false, false],
    ['team/**', 'team/*', true, true, false],
    ['team/*', '**/app', true, false, false],
    ['team/*', '*/app', true, false, false],
    ['team/*', 'shop/**', false, false, false],
    ['**', 'shop/**', true, true, false],
    ['*', '**', true, false, true],
    ['*', '?', true, true, false],
    ['?', 'a', true, true, false],
    ['?', '?', true, true, true],
    ['?', '/', false, false, false],
    ['?', '', false, false, false],
    ['a?c', 'abc', true, true, false],
    ['a*', 'ab*', true, true, false],
    ['*a*', '*b*', true, false, false],
    ['*', '', true, true, false],
    ['**', '***', true, true, true],
  ])('%s and %s overlap: %j, and cover each other: %j, %j', (a, b, overlaps, first, second) => {
    expect([overlap(a, b), overlap(b, a), covers(a, b), covers(b, a)]).toEqual([overlaps, overlaps, first, second]);
  });

  const part = fc.constantFrom('a', 'b', '/', '?', '*', '**');
  const glob = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''));
  const name = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 6 }).map((parts) => parts.join(''));

  it('overlap if a name matches both', () => {
    fc.assert(
      fc.property(glob, glob, name, (a, b, one) => {
        if (globMatcher(a)(one) && globMatcher(b)(one)) expect(overlap(a, b)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it('match the names of the narrow one if one covers it', () => {
    fc.assert(
      fc.property(glob, glob, name, (a, b, one) => {
        if (covers(a, b) && globMatcher(b)(one)) expect(globMatcher(a)(one)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });
});
