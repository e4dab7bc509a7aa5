// What becomes of a message about an image that is in several registries of the stack.
import { expect, it } from 'vitest';
import { type Handled, retryOf } from '../../../azure/function/invocation.ts';

const UNSEEN: Handled = { why: 'no row yet', whenUsedUp: 'deadLetter' };
const OLD: Handled = { why: 'an old row', whenUsedUp: 'done' };

it.each<[string, readonly Handled[], Handled | undefined]>([
  ['in none: done', [], undefined],
  ['confirmed in one: done, also for the others', [UNSEEN, 'done', OLD], undefined],
  ['confirmed in none: retried', [UNSEEN], UNSEEN],
  ['refused in one, not confirmed in the other: retried for the other', ['deadLettered', UNSEEN], UNSEEN],
  ['refused in each: done, and in the poison queue', ['deadLettered', 'deadLettered'], undefined],
  ['an old row in one, none in the other: retried until it is seen', [OLD, UNSEEN], UNSEEN],
  ['an old row in each: retried for half an hour', [OLD, OLD], OLD],
])('%s', (_name, handled, retry) => {
  expect(retryOf(handled)).toEqual(retry);
});
