// Decides who owns a lock if the registry does not say.
import type { GateRecord } from '../gate/record.ts';
import type { Reading } from './ports.ts';

/** A reading with the owner of the lock. `foreign`: the lock is not ours, and pullgate leaves it alone. */
export interface OwnedReading<Snapshot> extends Omit<Reading<Snapshot>, 'lock'> {
  readonly lock: Exclude<Reading<Snapshot>['lock'], 'unmarked'> | 'foreign';
}

/** Is there a lock of ours? */
export function hasOurs({ lock }: Pick<OwnedReading<unknown> | Reading<unknown>, 'lock'>): boolean {
  return lock === 'current' || lock === 'otherForm';
}

/** Adds the owner from the record: a lock that the record does not claim is not ours. */
export function withOwner<Snapshot>(
  reading: Reading<Snapshot>,
  record: Pick<GateRecord, 'claimed'> | undefined,
): OwnedReading<Snapshot> {
  if (reading.lock !== 'unmarked') return { ...reading, lock: reading.lock };
  return { ...reading, lock: record?.claimed === true ? 'current' : 'foreign' };
}
