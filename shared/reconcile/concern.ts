// What people are notified of although the gate does not change: once for each cause, then once a week.
import type { GateRecord, Notice, StableState } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import { DAY_MILLISECONDS } from '../runtime/time.ts';
import type { OwnedReading } from './owner.ts';
import type { GateRules } from './rules.ts';

export interface Concern {
  readonly cause: string;
  /** The kind of the notice that says so. */
  readonly notice: Extract<Notice['kind'], 'waiting' | 'closedInUse'>;
}

const REMIND_DAYS = 7;

/** The concern of a gate in its desired state. Undefined if there is none. */
export function findConcern(
  desired: StableState,
  reading: OwnedReading<unknown> | undefined,
  { closesInUse }: Pick<GateRules, 'closesInUse'>,
): Concern | undefined {
  if (desired.kind === 'closed')
    return reading?.inUse === undefined || closesInUse ? undefined : { cause: 'closedInUse', notice: 'closedInUse' };
  if (desired.kind !== 'waiting') return undefined;
  if (desired.for === 'refused') return { cause: `refused: ${desired.cause}`, notice: 'waiting' };
  return desired.for === 'inUse' ? { cause: 'inUse', notice: 'waiting' } : undefined;
}

/** Is a notice of this concern due? */
export function isDue({ cause }: Concern, last: GateRecord['concern'], now: Instant): boolean {
  if (last?.cause !== cause) return true;
  return Date.parse(now) - Date.parse(last.notifiedAt) >= REMIND_DAYS * DAY_MILLISECONDS;
}
