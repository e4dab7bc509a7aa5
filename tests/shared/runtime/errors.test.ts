// Errors as text for a log line.
import { expect, it } from 'vitest';
import { describeError } from '../../../shared/runtime/errors.ts';

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
