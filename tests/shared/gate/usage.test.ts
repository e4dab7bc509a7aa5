// The use of several images, added up.
import { describe, expect, it } from 'vitest';
import { addUsage, isUsageUnknown, sumUsage } from '../../../shared/gate/usage.ts';
import type { Usage } from '../../../shared/reconcile/observation.ts';
import { NOW } from '../samples.ts';

describe('the use of several images', () => {
  it('of several gates is the sum', () => {
    const sums = [sumUsage([{ inUseCount: 3, lastInUseAt: NOW }, undefined]), sumUsage([{ inUseCount: 4 }])];
    expect(addUsage(sums)).toEqual({
      images: 3,
      inUse: 2,
      workloads: 7,
      unknown: 1,
      lastInUseAt: NOW,
      lastPulledAt: undefined,
    });
  });

  it.each<[boolean, readonly (Usage | undefined)[]]>([
    [true, []],
    [true, [undefined, {}]],
    [false, [undefined, { inUseCount: 0 }]],
    [false, [undefined, { lastInUseAt: NOW }]],
    [false, [undefined, { lastPulledAt: NOW }]],
  ])('is unknown: %s for %j', (isUnknown, usages) => {
    expect(isUsageUnknown(sumUsage(usages))).toBe(isUnknown);
  });
});
