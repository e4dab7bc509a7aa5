// Describes what is known about the use of images. Unknown is not unused.
import { sumUsage, type UsageSum } from '../gate/usage.ts';
import type { Usage } from '../reconcile/observation.ts';
import { counted, number } from './sentences.ts';
import { minute } from './times.ts';

/** What the provider counts as a use of an image. */
export interface Users {
  readonly one: string;
  readonly many: string;
}

/** What is known about the use of an image: `in use by 3 workloads, last at ...; last pull recorded at ...`. */
export function describeUsage(usage: Usage | undefined, users: Users): string {
  return describeUsageSum(sumUsage([usage]), users);
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
  const last = lastInUseAt === undefined ? [] : [`last ${inUse === 0 ? 'in use ' : ''}at ${minute(lastInUseAt)}`];
  return [
    [...use, ...last].join(', '),
    ...(images > 1 && unknown > 0 && unknown < images ? [`the use of ${number(unknown)} is not known`] : []),
    ...(lastPulledAt === undefined ? [] : [`last pull recorded at ${minute(lastPulledAt)}`]),
  ].join('; ');
}

function useOfOne({ inUse, workloads, unknown }: UsageSum, users: Users): string {
  if (unknown > 0) return 'whether it runs is not known';
  return inUse === 0 ? `not in use by ${users.many}` : `in use by ${counted(workloads, users.one, users.many)}`;
}

function useOfSeveral({ images, inUse, workloads, unknown }: UsageSum, users: Users, image: string): string {
  const all = counted(images, image);
  if (unknown === images) return `whether the ${all} run is not known`;
  if (inUse > 0) {
    return `${number(inUse)} of ${all} ${inUse === 1 ? 'is' : 'are'} in use, by ${counted(workloads, users.one, users.many)}`;
  }
  const known = images - unknown;
  const which = unknown === 0 ? `none of ${all} is` : `${number(known)} of ${all} ${known === 1 ? 'is' : 'are'} not`;
  return `${which} in use by ${users.many}`;
}
