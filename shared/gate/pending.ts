// The pending notices of a record. They are bounded, so that the record fits into its row while nothing can be sent.
import type { Notice } from './record.ts';

/** The most pending notices that a record keeps. */
export const MAX_PENDING = 20;

/** Adds notices. Of the oldest that no longer fit only their number is kept, with the oldest one that does. */
export function addPending(pending: readonly Notice[], added: readonly Notice[]): readonly Notice[] {
  const all = [...pending, ...added];
  const dropped = all.slice(0, -MAX_PENDING);
  const [oldest, ...others] = all.slice(-MAX_PENDING);
  if (oldest === undefined || dropped.length === 0) return all;
  const older = dropped.reduce((sum, { droppedBefore = 0 }) => sum + 1 + droppedBefore, oldest.droppedBefore ?? 0);
  return [{ ...oldest, droppedBefore: older }, ...others];
}
