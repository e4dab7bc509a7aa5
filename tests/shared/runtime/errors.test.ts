// Errors as text for a log line, and of a row that cannot be decoded.
import { expect, it } from 'vitest';
import { decodeRow, describeError } from '../../../shared/runtime/errors.ts';

class Denied extends Error {
  override readonly name = 'AccessDeniedException';
}

it.each<[string, unknown, string]>([
  ['an error with its own name', new Denied('no'), 'AccessDeniedException: no'],
  ['a plain error', new Error('no answer'), 'Error: no answer'],
  ['a text', 'no answer', 'no answer'],
  ['nothing', undefined, 'undefined'],
])('%s: its name and its message', (_name, error, text) => {
  expect(describeError(error)).toBe(text);
});

it('a row that cannot be decoded is named, with the reason', () => {
  expect(decodeRow('gate#1/team/app in records', () => 'decoded')).toBe('decoded');
  expect(() => decodeRow('gate#1/team/app in records', () => JSON.parse('{'))).toThrow(
    /^the row gate#1\/team\/app in records cannot be read \(SyntaxError: .+\)$/,
  );
});
