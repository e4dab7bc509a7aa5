// What a record remembers about the fixes of a closed repository.
import { expect, it } from 'vitest';
import { fixOf, type Remedy, unannouncedFix, withAnnounced } from '../../../shared/gate/blocked-fix.ts';
import { aBlockedFix, digest } from '../samples.ts';

const remedy = (changes: Partial<Remedy> = {}): Remedy => ({ blocked: aBlockedFix(), announced: [], ...changes });

it('a fix is announced once', () => {
  expect(unannouncedFix(undefined)).toBeUndefined();
  expect(unannouncedFix(remedy({ blocked: undefined }))).toBeUndefined();
  expect(unannouncedFix(remedy())).toEqual(aBlockedFix());
  expect(unannouncedFix(withAnnounced(remedy()))).toBeUndefined();
});

it('an announced fix is remembered, also while another one is known or none is', () => {
  expect(withAnnounced(undefined)).toBeUndefined();
  const none = remedy({ blocked: undefined, announced: [digest(4)] });
  expect(withAnnounced(none)).toBe(none);
  expect(withAnnounced(remedy({ announced: [digest(4)] }))?.announced).toEqual([digest(4), digest(5)]);
  const announced = Array.from({ length: 50 }, (_, number) => digest(100 + number));
  expect(withAnnounced(remedy({ announced }))?.announced).toEqual([...announced.slice(1), digest(5)]);
});

it('only a closed gate blocks a fix', () => {
  expect(fixOf({ state: { kind: 'closed' }, remedy: remedy() })).toEqual(aBlockedFix());
  expect(fixOf({ state: { kind: 'closed' } })).toBeUndefined();
  expect(fixOf({ state: { kind: 'waiting' }, remedy: remedy() })).toBeUndefined();
});
