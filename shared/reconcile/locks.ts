// Checks that the locks of closed gates are still in the registry. A tick reads as many as it can, and the next tick
// goes on from there.
import type { Gate } from '../gate/gate.ts';
import { type GateRecord, isClosed } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import type { LogLine } from '../report/log-line.ts';
import { mapConcurrently } from '../runtime/concurrency.ts';
import { describeError } from '../runtime/errors.ts';
import { MINUTE_MILLISECONDS } from '../runtime/time.ts';
import type { Row } from './ports.ts';
import type { LockRound } from './schedule.ts';

/** Some of the gates that should have a lock. */
export interface LockedGates {
  readonly gates: readonly Gate[];
  /** Where the list goes on. Undefined: there are no more. */
  readonly next: string | undefined;
}

export interface LockReads {
  /** Does the registry refuse the call because there were too many? */
  isThrottled(error: unknown): boolean;
  log(line: LogLine): void;
}

export interface LockPorts extends LockReads {
  readonly round: Row<LockRound>;
  /** The gates that should have a lock in the registry, some at a time, in an order of the table's own. */
  lockedGates(after: string | undefined): Promise<LockedGates>;
  /** Is the gate without a lock in today's form, or gone? */
  isUnlocked(gate: Gate): Promise<boolean>;
  now(): Instant;
}

/** What a tick found. */
export interface LockCheck {
  /** The gates whose lock is missing. */
  readonly missing: readonly Gate[];
  readonly read: number;
  /** The minutes since the beginning of the last round that read every lock. */
  readonly oldestReadMinutes: number;
}

/** The most pages of `lockedGates` that a tick reads. */
const MAX_PAGES = 10;
const READS_AT_ONCE = 8;
/** How old the row may become while each tick reads every lock. */
const ROW_MINUTES = 15;

/**
 * Should the registry show a lock of the gate? Someone else's lock counts: the gate closes once it is gone. An image
 * that was closed and deleted counts, too: it closes again once it is pushed again.
 */
export function shouldBeLocked({ gate, state, blockers }: GateRecord): boolean {
  if (isClosed(state) || state.kind === 'closing' || (state.kind === 'waiting' && state.for === 'foreignLock'))
    return true;
  return (
    gate.digest !== undefined &&
    blockers.some(({ closedAt, inactive }) => closedAt !== undefined && inactive?.why === 'gone')
  );
}

/** Reads the locks of the next gates, and returns those that are missing. A gate that cannot be read is logged. */
export async function checkLocks(ports: LockPorts): Promise<LockCheck> {
  const { value: before, version } = await ports.round.load();
  const now = ports.now();
  const startedAt = before?.after === undefined ? now : before.startedAt;
  let [after, readSince] = [before?.after, before?.readSince];
  let read = 0;
  const missing: Gate[] = [];
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const { gates, next } = await ports.lockedGates(after);
    const { answers, isThrottled } = await readLocks(gates, ports.isUnlocked, ports);
    missing.push(...gates.filter((gate) => answers.get(gate)));
    read += gates.length;
    // The next tick reads all of them again.
    if (isThrottled) break;
    after = next;
    if (next === undefined) {
      readSince = startedAt;
      break;
    }
  }
  const isComplete = readSince === startedAt;
  const isOutdated = before !== undefined && minutesBetween(before.readSince ?? before.startedAt, now) >= ROW_MINUTES;
  // While each tick reads every lock, only a row that is already there has to be kept up to date.
  const needsSaving = after !== before?.after || (isComplete ? isOutdated : before === undefined);
  // If a concurrent tick saved first, it read the same locks.
  if (needsSaving) await ports.round.save({ after, startedAt, readSince }, version);
  return { missing, read, oldestReadMinutes: minutesBetween(readSince ?? before?.startedAt ?? startedAt, now) };
}

function minutesBetween(from: Instant, to: Instant): number {
  return (Date.parse(to) - Date.parse(from)) / MINUTE_MILLISECONDS;
}

/** Reads the lock of each gate, and logs the gates that cannot be read. Stops if the registry throttles the calls. */
export async function readLocks<Answer>(
  gates: readonly Gate[],
  read: (gate: Gate) => Promise<Answer>,
  { isThrottled, log }: LockReads,
): Promise<{ readonly answers: ReadonlyMap<Gate, Answer>; readonly isThrottled: boolean }> {
  let wasThrottled = false;
  const answers = new Map<Gate, Answer>();
  await mapConcurrently(gates, READS_AT_ONCE, async (gate) => {
    if (wasThrottled) return;
    try {
      answers.set(gate, await read(gate));
    } catch (error) {
      wasThrottled ||= isThrottled(error);
      log({ kind: 'failed', ...gate, error: `its lock could not be read: ${describeError(error)}` });
    }
  });
  return { answers, isThrottled: wasThrottled };
}
