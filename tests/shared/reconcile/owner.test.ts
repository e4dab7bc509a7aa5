// The owner of a lock if the registry does not say.
import { expect, it } from 'vitest';
import { withOwner } from '../../../shared/reconcile/owner.ts';

it.each([
  ['unmarked', true, 'current'],
  ['unmarked', undefined, 'foreign'],
  ['absent', true, 'absent'],
  ['otherForm', undefined, 'otherForm'],
  ['current', undefined, 'current'],
] as const)(
  'a lock that is %s in the registry, and claimed by the record or not (%s), is %s',
  (lock, claimed, owned) => {
    expect(withOwner({ lock, snapshot: 'as read' }, { claimed })).toEqual({ lock: owned, snapshot: 'as read' });
  },
);

it('an unmarked lock without a record is foreign', () => {
  expect(withOwner({ lock: 'unmarked', snapshot: '' }, undefined).lock).toBe('foreign');
});
