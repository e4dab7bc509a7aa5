// The outcome of a message about an image that is in several registries of the stack.
import { expect, it } from 'vitest';
import { type Handled, retryOf } from '../../../azure/function/invocation.ts';

const UNSEEN: Handled = { why: 'no row yet', whenUsedUp: 'deadLetter' };
const OLD: Handled = { why: 'an old row', whenUsedUp: 'done' };

it.each<[string, readonly Handled[], Handled | undefined]>([
  ['no location: done', [], undefined],
  ['confirmed at one location: done, for the others too', [UNSEEN, 'done', OLD], undefined],
  ['confirmed at no location: retried', [UNSEEN], UNSEEN],
  ['refused at one location, not confirmed at the other: retried for the other', ['deadLettered', UNSEEN], UNSEEN],
  ['refused at each location: done, and in the poison queue', ['deadLettered', 'deadLettered'], undefined],
  ['an old row at one location, no row at the other: retried until the row is seen', [OLD, UNSEEN], UNSEEN],
  ['an old row at each location: retried for half an hour', [OLD, OLD], OLD],
])('%s', (_name, handled, retry) => {
  expect(retryOf(handled)).toEqual(retry);
});
