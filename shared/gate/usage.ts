// Adds up what is known about the use of images. Unknown is not unused.
import type { Instant } from '../policy/finding.ts';
import type { Usage } from '../reconcile/observation.ts';

/** What is known about the use of several images. */
export interface UsageSum {
  readonly images: number;
  /** How many of the images are in use. */
  readonly inUse: number;
  /** How many workloads use them, in total. */
  readonly workloads: number;
  /** Of how many images it is not known whether they are in use. */
  readonly unknown: number;
  /** The latest of the known times. */
  readonly lastInUseAt?: Instant | undefined;
  readonly lastPulledAt?: Instant | undefined;
}

export function sumUsage(usages: readonly (Usage | undefined)[]): UsageSum {
  return addUsage(
    usages.map(({ inUseCount, lastInUseAt, lastPulledAt } = {}) => ({
      images: 1,
      inUse: inUseCount === undefined || inUseCount === 0 ? 0 : 1,
      workloads: inUseCount ?? 0,
      unknown: inUseCount === undefined ? 1 : 0,
      lastInUseAt,
      lastPulledAt,
    })),
  );
}

/** The use of the images of several sums. */
export function addUsage(sums: readonly UsageSum[]): UsageSum {
  const total = (count: (sum: UsageSum) => number) => sums.reduce((before, sum) => before + count(sum), 0);
  const latest = (times: readonly (Instant | undefined)[]) =>
    times
      .filter((time) => time !== undefined)
      .toSorted()
      .at(-1);
  return {
    images: total(({ images }) => images),
    inUse: total(({ inUse }) => inUse),
    workloads: total(({ workloads }) => workloads),
    unknown: total(({ unknown }) => unknown),
    lastInUseAt: latest(sums.map(({ lastInUseAt }) => lastInUseAt)),
    lastPulledAt: latest(sums.map(({ lastPulledAt }) => lastPulledAt)),
  };
}

/** Is nothing known about the use of any of the images? */
export function isUsageUnknown({ images, unknown, lastInUseAt, lastPulledAt }: UsageSum): boolean {
  return unknown === images && lastInUseAt === undefined && lastPulledAt === undefined;
}
