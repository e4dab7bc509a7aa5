// Reads and sets the day limit in the brake's row of each cloud.
import type { Cloud } from '../../config/config.ts';
import { type BrakeCounts, brakeCounts, currentBrake, type DayLimit, IDLE_BRAKE } from '../../shared/gate/brake.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { changeBrake } from '../../shared/reconcile/ask-brake.ts';
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Client } from '../stack/client.ts';

/** What a person sets. It applies for 24 hours. */
export type NewDayLimit = Pick<DayLimit, 'maxClosesPerDay' | 'reason' | 'by'>;

export interface CloudLimit {
  readonly cloud: Cloud;
  readonly counts: BrakeCounts;
  /** The limit that a person set. Undefined: the config's applies. */
  readonly dayLimit: DayLimit | undefined;
}

export function loadLimits(clients: readonly Client[], now: Instant): Promise<readonly CloudLimit[]> {
  return Promise.all(
    clients.map(async ({ cloud, brake, settings }) => {
      const { value = IDLE_BRAKE } = await brake.load();
      return { cloud, counts: brakeCounts(value, now, settings), dayLimit: currentBrake(value, now).dayLimit };
    }),
  );
}

/** Sets the limit, or returns to the config's. The counts are left to the workers, whose clocks agree. */
export function setDayLimit(
  { brake }: Pick<Client, 'brake'>,
  wanted: NewDayLimit | undefined,
  at: Instant,
): Promise<void> {
  const until = new Date(Date.parse(at) + DAY_MILLISECONDS).toISOString();
  return changeBrake(brake, ({ dayLimit: _before, ...rest }) => ({
    answer: undefined,
    next: wanted === undefined ? rest : { ...rest, dayLimit: { ...wanted, at, until } },
  }));
}
