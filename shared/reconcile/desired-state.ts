// Finds the desired state of a gate: the first row that applies in the table of docs/adr/0029-the-state-of-a-gate.md.
import type { NextBlockers } from '../gate/blockers.ts';
import { brakeKey } from '../gate/brake.ts';
import type { OverrideStep } from '../gate/override.ts';
import type { Blocker, GateRecord, StableState, Waiting } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import { DAY_MILLISECONDS } from '../runtime/time.ts';
import { askBrake } from './ask-brake.ts';
import type { OwnedReading } from './owner.ts';
import type { Ports } from './ports.ts';
import type { GateRules } from './rules.ts';
import { brakeRank } from './schedule.ts';
import { isUnexplained, type UnexplainedInput } from './unexplained.ts';

/** The inputs of the decision, in addition to the rules and the brake. */
export interface DesiredStateInput extends Pick<UnexplainedInput, 'record' | 'scope' | 'evaluated'> {
  readonly next: NextBlockers;
  /** The lock as read from the registry. Undefined if the repository does not exist or there is nothing to do. */
  readonly reading: OwnedReading<unknown> | undefined;
  /** The gate's override and its step, if any. */
  readonly override: OverrideStep | undefined;
  readonly now: Instant;
}

const OPEN: StableState = { kind: 'open' };
const CLOSED: StableState = { kind: 'closed' };
const UNEXPLAINED: StableState = { kind: 'unexplained' };
const waiting = (reason: Waiting): StableState => ({ kind: 'waiting', ...reason });

/**
 * Finds the desired state. It depends on registry, scanner, record, policy and clock only. The brake is asked last, and
 * only for closings that the policy alone requires.
 */
export async function findDesiredState(
  input: DesiredStateInput,
  rules: GateRules,
  {
    brake,
    inTurn,
    registry,
  }: Pick<Ports<unknown>, 'brake' | 'inTurn'> & {
    readonly registry: Pick<Ports<unknown>['registry'], 'images' | 'scans'>;
  },
): Promise<StableState> {
  const { record, next, reading, override, now } = input;
  const { gate } = record;
  const ordered = override === undefined || override.step === 'ends' ? undefined : override.order.kind;
  const isOrderedClosed = ordered === 'closed' && rules.includes(gate.repository);
  const isBlocked = next.active.length > 0 || next.omitted > 0;
  if (reading === undefined) return OPEN;
  if (!(isBlocked || isOrderedClosed))
    return ordered === undefined && (await isUnexplained({ ...input, reading }, rules, registry)) ? UNEXPLAINED : OPEN;
  if (rules.mode === 'pause') return waiting({ for: 'pause' });
  if (isOrderedClosed && reading.lock !== 'foreign') return CLOSED;
  if (rules.mode !== 'enforce') return waiting({ for: rules.mode });
  if (reading.lock === 'foreign') return waiting({ for: 'foreignLock' });
  if (ordered === 'open') return waiting({ for: 'override' });
  if (reading.lock !== 'absent' || next.active.some(({ closedAt }) => closedAt !== undefined)) return CLOSED;
  if (reading.inUse !== undefined && !rules.closesInUse) return waiting({ for: 'inUse', ...reading.inUse });
  if (isAdmitted(record, now) || isExempt(record, next.active, rules, now)) return CLOSED;
  const candidate = { gate: brakeKey(gate), rank: brakeRank(next.active, record.waitingSince ?? now) };
  const mayClose = await inTurn(() => askBrake(brake, candidate, now, rules));
  return mayClose ? CLOSED : waiting({ for: 'brake' });
}

/** Has the brake counted this closing already, although its write failed so far? */
export function isAdmitted({ state, admittedAt }: GateRecord, now: Instant): boolean {
  if (state.kind !== 'closing' || admittedAt === undefined) return false;
  return Date.parse(now) - Date.parse(admittedAt) < DAY_MILLISECONDS;
}

/** Does the config exempt the gate from the brake, because a blocker violates the policy's rule for known exploits? */
function isExempt({ gate }: GateRecord, blockers: readonly Blocker[], rules: GateRules, now: Instant): boolean {
  if (rules.brakeExempt === 'never') return false;
  return blockers.some(({ digest, findings }) => {
    const verdict = rules.judge({ repository: gate.repository, digest }, findings, now);
    return verdict.kind === 'block' && verdict.reasons.some(({ rule }) => rule === 'exploited');
  });
}
