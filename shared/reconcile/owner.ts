// Whose a lock is, if the registry cannot say.
import type { GateRecord } from '../gate/record.ts';
import type { Reading } from './ports.ts';

/** A reading that says whose the lock is. `foreign`: not ours, so that pullgate leaves it alone. */
export interface OwnedReading<Snapshot> extends Omit<Reading<Snapshot>, 'lock'> {
  readonly lock: Exclude<Reading<Snapshot>['lock'], 'unmarked'> | 'foreign';
}

/** The record can tell: a lock that no record claims is not ours. */
export function withOwner<Snapshot>(
  reading: Reading<Snapshot>,
  record: Pick<GateRecord, 'claimed'> | undefined,
): OwnedReading<Snapshot> {
  if (reading.lock !== 'unmarked') return { ...reading, lock: reading.lock };
  return { ...reading, lock: record?.claimed === true ? 'current' : 'foreign' };
}
