// What Inspector's findings tell about the use of an image.
import { describe, expect, it } from 'vitest';
import { latestUse } from '../../../aws/function/usage.ts';
import type { Usage } from '../../../shared/reconcile/observation.ts';

const EARLIER = '2026-06-14T12:00:00.000Z';
const LATER = '2026-06-15T12:00:00.000Z';
const at = (time: string) => new Date(time);

describe('the latest use that the findings of an image name', () => {
  it.each<[string, Usage | undefined, Parameters<typeof latestUse>[1], Usage | undefined]>([
    ['is unknown if no finding names one', undefined, {}, undefined],
    ['is the only one', undefined, { inUseCount: 3, lastInUseAt: at(LATER) }, { inUseCount: 3, lastInUseAt: LATER }],
    ['may be a count alone', undefined, { inUseCount: 0 }, { inUseCount: 0 }],
    ['may be a time alone', undefined, { lastInUseAt: at(LATER) }, { lastInUseAt: LATER }],
    ['is kept if the next finding names none', { inUseCount: 3 }, {}, { inUseCount: 3 }],
    [
      'is kept if the next finding is older',
      { inUseCount: 3, lastInUseAt: LATER },
      { inUseCount: 1, lastInUseAt: at(EARLIER) },
      { inUseCount: 3, lastInUseAt: LATER },
    ],
    [
      'is the next one if that is newer',
      { inUseCount: 3, lastInUseAt: EARLIER },
      { inUseCount: 1, lastInUseAt: at(LATER) },
      { inUseCount: 1, lastInUseAt: LATER },
    ],
  ])('%s', (_name, before, image, expected) => {
    expect(latestUse(before, image)).toEqual(expected);
  });
});
