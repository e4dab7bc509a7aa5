// The use of the images that close a gate. It is known only for images that were observed.
import { CLOUDS, type Cloud } from '../../config/config.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import { addUsage, sumUsage, type UsageSum } from '../../shared/gate/usage.ts';
import type { Usage } from '../../shared/reconcile/observation.ts';
import { capitalized } from '../../shared/report/sentences.ts';
import { describeUsageSum } from '../../shared/report/usage-text.ts';
import { AWS_ACCOUNT } from '../reports/gathering.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { USERS } from '../stack/usage.ts';

/** A gate, and the use of the images that close it. */
interface WithUsage {
  readonly gate: Gate;
  readonly usage?: UsageSum | undefined;
}

/**
 * Adds up the use of images.
 *
 * @param usages empty if nothing is known about an image; undefined if it was not observed
 * @returns undefined if no image was observed
 */
export function sumObserved(usages: readonly (Usage | undefined)[]): UsageSum | undefined {
  return usages.some((usage) => usage !== undefined) ? sumUsage(usages) : undefined;
}

/** The use of the images that close a gate, as a sentence. */
export function usageSentence({ gate, usage }: WithUsage): string | undefined {
  return usage && `${capitalized(describeUsageSum(usage, USERS[cloudOf(gate)], 'image'))}.`;
}

/** The use of the images that close these gates, one line for each cloud. */
export function totalUsageLines(closing: readonly WithUsage[]): readonly string[] {
  const byCloud = Map.groupBy(closing, ({ gate }) => cloudOf(gate));
  return CLOUDS.flatMap((cloud) => {
    const sums = (byCloud.get(cloud) ?? []).flatMap(({ usage }) => usage ?? []);
    if (sums.length === 0) return [];
    return `Use on ${CLOUD_NAMES[cloud]} of the images that would be blocked: ${describeUsageSum(addUsage(sums), USERS[cloud], 'image')}.`;
  });
}

function cloudOf({ registry }: Gate): Cloud {
  return AWS_ACCOUNT.test(registry) ? 'aws' : 'azure';
}
