// What a record remembers about the fixes of a closed repository.
import { expect, it } from 'vitest';
import { fixOf, type Remedy, unannouncedFix, withAnnounced } from '../../../shared/gate/blocked-fix.ts';
import { aBlockedFix, digest } from '../samples.ts';

const remedy = (changes: Partial<Remedy> = {}): Remedy => ({
  blocked: aBlockedFix(),
  announced: undefined,
  ...changes,
});

it('a fix is announced once', () => {
  expect(unannouncedFix(undefined)).toBeUndefined();
  expect(unannouncedFix(remedy({ blocked: undefined }))).toBeUndefined();
  expect(unannouncedFix(remedy())).toEqual(aBlockedFix());
  expect(unannouncedFix(withAnnounced(remedy()))).toBeUndefined();
});

it('a newer fix is no news while the announced one may still be a fix', () => {
  expect(withAnnounced(undefined)).toBeUndefined();
  expect(withAnnounced(remedy())?.announced).toBe(digest(5));
  const announced = remedy({ announced: digest(4) });
  expect(unannouncedFix(announced)).toBeUndefined();
  expect(withAnnounced(announced)).toBe(announced);
});

it('only a closed gate blocks a fix', () => {
  expect(fixOf({ state: { kind: 'closed' }, remedy: remedy() })).toEqual(aBlockedFix());
  expect(fixOf({ state: { kind: 'closed' } })).toBeUndefined();
  expect(fixOf({ state: { kind: 'waiting' }, remedy: remedy() })).toBeUndefined();
});
