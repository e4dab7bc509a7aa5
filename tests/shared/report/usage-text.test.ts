// What is known about the use of images, word for word.
import { describe, expect, it } from 'vitest';
import { sumUsage } from '../../../shared/gate/usage.ts';
import type { Usage } from '../../../shared/reconcile/observation.ts';
import { minute } from '../../../shared/report/times.ts';
import { describeUsage, describeUsageSum } from '../../../shared/report/usage-text.ts';
import { hoursLater, NOW } from '../samples.ts';

const USERS = { one: 'task', many: 'tasks' };

describe('the use of an image', () => {
  it.each<[Usage | undefined, string]>([
    [undefined, 'whether it runs is not known'],
    [{ lastPulledAt: NOW }, `whether it runs is not known; last pull recorded at ${minute(NOW)}`],
    [{ inUseCount: 0 }, 'not in use by tasks'],
    [{ inUseCount: 0, lastInUseAt: NOW }, `not in use by tasks, last in use at ${minute(NOW)}`],
    [{ inUseCount: 1, lastInUseAt: NOW }, `in use by 1 task, last at ${minute(NOW)}`],
    [{ lastInUseAt: NOW }, `last in use at ${minute(NOW)}`],
    [
      { inUseCount: 1_200, lastInUseAt: NOW, lastPulledAt: NOW },
      `in use by 1,200 tasks, last at ${minute(NOW)}; last pull recorded at ${minute(NOW)}`,
    ],
  ])('%j is "%s"', (usage, text) => {
    expect(describeUsage(usage, USERS)).toBe(text);
  });
});

describe('the use of several images', () => {
  it.each<[string, readonly (Usage | undefined)[]]>([
    ['whether the 2 blockers run is not known', [undefined, {}]],
    ['none of 2 blockers is in use by tasks', [{ inUseCount: 0 }, { inUseCount: 0 }]],
    ['1 of 2 blockers is not in use by tasks; the use of 1 is not known', [{ inUseCount: 0 }, undefined]],
    [
      '2 of 3 blockers are not in use by tasks; the use of 1 is not known',
      [{ inUseCount: 0 }, { inUseCount: 0 }, undefined],
    ],
    ['1 of 2 blockers is in use, by 1 task', [{ inUseCount: 1 }, { inUseCount: 0 }]],
    [
      `2 of 3 blockers are in use, by 1,003 tasks, last at ${minute(NOW)}; the use of 1 is not known; last pull recorded at ${minute(hoursLater(-2))}`,
      [
        { inUseCount: 3, lastInUseAt: hoursLater(-1), lastPulledAt: hoursLater(-2) },
        { inUseCount: 1_000, lastInUseAt: NOW },
        { lastPulledAt: hoursLater(-3) },
      ],
    ],
  ])('%s', (text, usages) => {
    expect(describeUsageSum(sumUsage(usages), USERS, 'blocker')).toBe(text);
  });

  it('calls the images images by default', () => {
    expect(describeUsageSum(sumUsage([undefined, undefined]), USERS)).toBe('whether the 2 images run is not known');
  });
});
