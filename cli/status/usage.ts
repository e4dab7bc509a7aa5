// The use of the blockers of each gate.
import type { Cloud } from '../../config/config.ts';
import { gateKey } from '../../shared/gate/gate.ts';
import { activeBlockers, type GateRecord } from '../../shared/gate/record.ts';
import { sumUsage, type UsageSum } from '../../shared/gate/usage.ts';
import type { Usage } from '../../shared/reconcile/observation.ts';
import type { LastPull } from '../../shared/report/notice-usage.ts';
import { describeUsageSum } from '../../shared/report/usage-text.ts';
import type { ObservedRepository } from '../stack/overview.ts';
import { USERS } from '../stack/usage.ts';

/** Collects what is observed, and adds up the use of a gate's blockers: each as observed, else as recorded. */
export function createUsages() {
  const observed = new Map<string, Usage>();
  return {
    see({ gate, images }: ObservedRepository): void {
      for (const image of images)
        if (image.presence === 'present' && image.usage !== undefined)
          observed.set(gateKey({ ...gate, digest: image.digest }), image.usage);
    },
    /**
     * Undefined: the gate has no blocker.
     *
     * @param lastPull the pulls that are not in the records
     */
    of(
      record: Pick<GateRecord, 'gate' | 'blockers' | 'omittedBlockers'>,
      lastPull: LastPull = () => undefined,
    ): UsageSum | undefined {
      const { gate, omittedBlockers } = record;
      const usages = activeBlockers(record).map(({ digest, usage }) => {
        const lastPulledAt = lastPull(gate, digest);
        const known = observed.get(gateKey({ ...gate, digest })) ?? usage;
        return lastPulledAt === undefined ? known : { ...known, lastPulledAt };
      });
      const omitted = Array.from({ length: omittedBlockers }, () => undefined);
      return usages.length + omittedBlockers === 0 ? undefined : sumUsage([...usages, ...omitted]);
    },
  };
}

/** In the row of a gate. What the record has may be old, except for its times. */
export function usageNote(cloud: Cloud, usage: UsageSum | undefined, isLive: boolean): string | undefined {
  if (usage === undefined) return undefined;
  const text = describeUsageSum(usage, USERS[cloud], 'blocker');
  return isLive || usage.unknown === usage.images ? text : `when last recorded: ${text}`;
}
