// Describes what is known about the use of images. Unknown is not unused.
import type { Instant } from '../policy/finding.ts';
import type { Usage } from '../reconcile/observation.ts';

/** What the provider counts as a use of an image. */
export interface Users {
  readonly one: string;
  readonly many: string;
}

/** What is known about the use of an image: `in use by 3 workloads, last at ...; last pull recorded at ...`. */
export function describeUsage(usage: Usage | undefined, users: Users): string {
  return describeUsageSum(sumUsage([usage]), users);
}

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

/**
 * As a clause: of one image `in use by 3 tasks`, of several `2 of 3 blockers are in use, by 7 tasks`.
 *
 * @param image what an image is called, in the singular
 */
export function describeUsageSum(sum: UsageSum, users: Users, image = 'image'): string {
  const { images, inUse, unknown, lastInUseAt, lastPulledAt } = sum;
  const isOnlyTime = images === 1 && unknown === 1 && lastInUseAt !== undefined;
  const use = isOnlyTime ? [] : [images === 1 ? useOfOne(sum, users) : useOfSeveral(sum, users, image)];
  const last = lastInUseAt === undefined ? [] : [`last ${inUse === 0 ? 'in use ' : ''}at ${lastInUseAt}`];
  return [
    [...use, ...last].join(', '),
    ...(images > 1 && unknown > 0 && unknown < images ? [`the use of ${number(unknown)} is not known`] : []),
    ...(lastPulledAt === undefined ? [] : [`last pull recorded at ${lastPulledAt}`]),
  ].join('; ');
}

function useOfOne({ inUse, workloads, unknown }: UsageSum, users: Users): string {
  if (unknown > 0) return 'whether it runs is not known';
  return inUse === 0 ? `not in use by ${users.many}` : `in use by ${usersIn(workloads, users)}`;
}

function useOfSeveral({ images, inUse, workloads, unknown }: UsageSum, users: Users, image: string): string {
  const all = `${number(images)} ${image}s`;
  if (unknown === images) return `whether the ${all} run is not known`;
  if (inUse > 0) {
    return `${number(inUse)} of ${all} ${inUse === 1 ? 'is' : 'are'} in use, by ${usersIn(workloads, users)}`;
  }
  const known = images - unknown;
  const which = unknown === 0 ? `none of ${all} is` : `${number(known)} of ${all} ${known === 1 ? 'is' : 'are'} not`;
  return `${which} in use by ${users.many}`;
}

function usersIn(workloads: number, { one, many }: Users): string {
  return `${number(workloads)} ${workloads === 1 ? one : many}`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
