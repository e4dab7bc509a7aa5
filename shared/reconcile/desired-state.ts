// Finds the desired state of a gate: open, closed, or waiting for something.
import type { NextBlockers } from '../gate/blockers.ts';
import { gateKey } from '../gate/gate.ts';
import { isExploited } from '../gate/image-evaluation.ts';
import type { OverrideStep } from '../gate/override.ts';
import { type GateRecord, isRecordedClosed, type StableState, type Waiting } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import { askBrake } from './ask-brake.ts';
import type { OwnedReading } from './owner.ts';
import type { Ports } from './ports.ts';
import type { Rules } from './rules.ts';

/** The inputs of the decision, in addition to the rules and the brake. */
export interface DesiredStateInput {
  readonly record: GateRecord;
  readonly next: NextBlockers;
  /** The lock as read from the registry. Undefined if the repository does not exist or there is nothing to do. */
  readonly reading: OwnedReading<unknown> | undefined;
  /** The gate's override and its step, if any. */
  readonly override: OverrideStep | undefined;
  readonly now: Instant;
}

const OPEN: StableState = { kind: 'open' };
const CLOSED: StableState = { kind: 'closed' };
const waiting = (reason: Waiting): StableState => ({ kind: 'waiting', ...reason });

/**
 * Finds the desired state. The first of these that applies decides: the gate is gone or has no blocker; a pause or
 * audit mode; a foreign lock; an override that keeps it open; our lock, in place or removed; in use; otherwise it
 * closes if the brake admits it. The brake is asked last, and only for closings that the policy alone requires.
 */
export async function findDesiredState(
  { record, next, reading, override, now }: DesiredStateInput,
  rules: Rules,
  { brake, inTurn }: Pick<Ports<unknown>, 'brake' | 'inTurn'>,
): Promise<StableState> {
  const { gate } = record;
  const keptAs = override === undefined || override.step === 'ends' ? undefined : override.order.kind;
  const isOverriddenClosed = keptAs === 'closed' && rules.includes(gate.repository);
  const isBlocked = next.active.length > 0 || next.omitted > 0;
  if (reading === undefined || !(isBlocked || isOverriddenClosed)) return OPEN;
  if (rules.mode !== 'enforce') return waiting({ for: rules.mode });
  if (reading.lock === 'foreign') return waiting({ for: 'foreignLock' });
  if (keptAs === 'open') return waiting({ for: 'override' });
  const isAlreadyOurs = reading.lock !== 'absent' || isRecordedClosed(record);
  if (isAlreadyOurs) return CLOSED;
  if (reading.inUse !== undefined && !rules.closesInUse) return waiting({ for: 'inUse', ...reading.inUse });
  // An override that closes does not need the brake, nor does a gate that only an override kept open.
  const wasOverriddenOpen = override?.step === 'ends' && override.order.kind === 'open';
  if (isOverriddenClosed || wasOverriddenOpen || isExploited(next.active)) return CLOSED;
  const mayClose = await inTurn(() => askBrake(brake, gateKey(gate), now, rules.maxClosesPerHour));
  return mayClose ? CLOSED : waiting({ for: 'brake' });
}
