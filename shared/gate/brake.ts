// The brake limits how many gates close in an hour and in a day, so that neither one newly disclosed vulnerability nor
// a bad feed can take everything down. Gates that wait for it have turns, so that a newcomer never overtakes a gate of
// higher rank.
import type { Instant } from '../policy/finding.ts';
import { shortHash } from '../runtime/hash.ts';
import { DAY_MILLISECONDS, HOUR_MILLISECONDS, MINUTE_MILLISECONDS } from '../runtime/time.ts';
import { type Gate, gateKey } from './gate.ts';

/** The most gates that close by the policy in any 60 minutes, and in any 24 hours. */
export interface BrakeLimits {
  readonly maxClosesPerHour: number;
  readonly maxClosesPerDay: number;
}

/** The highest day limit that the config and a person may set. */
export const MAX_CLOSES_PER_DAY = 24_000;

/** A gate that asks the brake. */
export interface Candidate {
  /** Its `brakeKey`. */
  readonly gate: string;
  /** The lowest rank, as text, closes first. */
  readonly rank: string;
}

/** A waiting gate that closes before all others of lower rank. */
export interface Turn extends Candidate {
  /** Since when a tick has asked it to close. Undefined: there is no room for it yet. */
  readonly calledAt?: Instant | undefined;
}

interface Mark {
  readonly gate: string;
  readonly at: Instant;
}

/** Closings that are older than an hour. Only their number matters, so that the row stays small. */
interface HourCount {
  /** When that hour of the clock began. */
  readonly hour: Instant;
  readonly closings: number;
}

/** The day limit, as a person set it in place of the config's. */
export interface DayLimit {
  readonly maxClosesPerDay: number;
  readonly at: Instant;
  /** The first moment at which the config's limit applies again. */
  readonly until: Instant;
  /** The person who set it. */
  readonly by: string;
  readonly reason: string;
}

/** The brake of a stack. It lists at most as many gates as may close within an hour. */
export interface BrakeState {
  /** The closings of the last hour. */
  readonly closings: readonly Mark[];
  /** The closings before that, as long as they count towards the day limit. Absent: none. */
  readonly earlier?: readonly HourCount[];
  /** The gates that close next, in this order. */
  readonly turns: readonly Turn[];
  /** The gates that did not use their turn. They have none for an hour, so that they block no other gate. */
  readonly missed: readonly Mark[];
  /** Absent: the config's limit applies. */
  readonly dayLimit?: DayLimit;
}

export const IDLE_BRAKE: BrakeState = { closings: [], turns: [], missed: [] };

/** How long a gate may take to close once a tick has called it. */
const TURN_MILLISECONDS = 15 * MINUTE_MILLISECONDS;

/** The name of a gate in the brake's row, which has a limit: names of repositories can have 256 characters. */
export function brakeKey(gate: Gate): string {
  return shortHash(gateKey(gate));
}

/** Counts the closings that are an hour old or older by the hour, and drops what no longer matters. */
export function currentBrake(
  { closings, earlier = [], turns, missed, dayLimit }: BrakeState,
  now: Instant,
): BrakeState {
  const hourAgo = before(now, HOUR_MILLISECONDS);
  const isRecent = ({ at }: Mark) => at > hourAgo;
  const counts = countByHour(
    earlier,
    closings.filter((closing) => !isRecent(closing)),
  );
  // An hour counts until its last moment is a day ago.
  const counted = counts.filter(({ hour }) => hour > before(now, DAY_MILLISECONDS + HOUR_MILLISECONDS));
  return {
    closings: closings.filter(isRecent),
    ...(counted.length === 0 ? {} : { earlier: counted }),
    turns,
    missed: missed.filter(isRecent),
    ...(dayLimit === undefined || dayLimit.until <= now ? {} : { dayLimit }),
  };
}

function before(now: Instant, milliseconds: number): Instant {
  return new Date(Date.parse(now) - milliseconds).toISOString();
}

function countByHour(earlier: readonly HourCount[], closings: readonly Mark[]): readonly HourCount[] {
  const counts = new Map(earlier.map((one) => [one.hour, one.closings]));
  for (const { at } of closings) {
    const hour = `${at.slice(0, 'YYYY-MM-DDTHH'.length)}:00:00.000Z`;
    counts.set(hour, (counts.get(hour) ?? 0) + 1);
  }
  return [...counts].map(([hour, count]) => ({ hour, closings: count }));
}

/** The closings that count now, the limits that apply, and how many more gates may be closed within them. */
export interface BrakeCounts extends BrakeLimits {
  readonly closedThisHour: number;
  readonly closedThisDay: number;
  /** How many more the day limit allows, whatever the hour's limit is. */
  readonly leftThisDay: number;
  /** How many more both limits allow. */
  readonly left: number;
}

export function brakeCounts(state: BrakeState, now: Instant, limits: BrakeLimits): BrakeCounts {
  const { closings, earlier = [], dayLimit } = currentBrake(state, now);
  const maxClosesPerDay = dayLimit?.maxClosesPerDay ?? limits.maxClosesPerDay;
  const closedThisDay = earlier.reduce((sum, one) => sum + one.closings, closings.length);
  const leftThisDay = Math.max(0, maxClosesPerDay - closedThisDay);
  return {
    maxClosesPerHour: limits.maxClosesPerHour,
    maxClosesPerDay,
    closedThisHour: closings.length,
    closedThisDay,
    leftThisDay,
    left: Math.min(leftThisDay, Math.max(0, limits.maxClosesPerHour - closings.length)),
  };
}

/** The brake's answer for a gate that should close. */
export type BrakeAnswer =
  /** It may close once `next` is saved. */
  | { readonly kind: 'admitted'; readonly next: BrakeState }
  /** It was admitted within the last hour and counts only once, so a crash after the request uses up nothing. */
  | { readonly kind: 'counted' }
  /** It waits. `next` has its turn, if it gets one that it does not have yet. */
  | { readonly kind: 'wait'; readonly next?: BrakeState };

/** Requests permission to close a gate. */
export function admit(state: BrakeState, candidate: Candidate, now: Instant, limits: BrakeLimits): BrakeAnswer {
  const recent = currentBrake(state, now);
  const { closings, turns, missed } = recent;
  const { gate } = candidate;
  if (closings.some((closing) => closing.gate === gate)) return { kind: 'counted' };
  const others = turns.filter((turn) => turn.gate !== gate);
  const ahead = others.filter((turn) => isBefore(turn, candidate) && !isOver(turn, now));
  if (ahead.length < brakeCounts(recent, now, limits).left)
    return { kind: 'admitted', next: { ...recent, closings: [...closings, { gate, at: now }], turns: others } };
  if (missed.some((one) => one.gate === gate)) return { kind: 'wait' };
  const own = turns.find((turn) => turn.gate === gate);
  const next = [...others, { ...own, ...candidate }].sort(byRank).slice(0, limits.maxClosesPerHour);
  return isSame(next, turns) ? { kind: 'wait' } : { kind: 'wait', next: { ...recent, turns: next } };
}

/**
 * Gives the turns to the waiting gates of the highest rank, and calls as many as there is room for. A gate that was
 * called and still waits loses its turn.
 *
 * @param waiting the gates that wait for the brake, the highest rank first
 * @returns the next state, and the gates to call
 */
export function callWaiting<Waiting extends Candidate>(
  state: BrakeState,
  waiting: readonly Waiting[],
  now: Instant,
  limits: BrakeLimits,
): { readonly next: BrakeState; readonly called: readonly Waiting[] } {
  const recent = currentBrake(state, now);
  const turns = new Map(recent.turns.map((turn) => [turn.gate, turn]));
  const late = waiting.filter(({ gate }) => isOver(turns.get(gate), now)).map(({ gate }) => ({ gate, at: now }));
  const missed = [...recent.missed, ...late];
  const excluded = new Set(missed.map(({ gate }) => gate));
  const next = waiting.filter(({ gate }) => !excluded.has(gate)).slice(0, limits.maxClosesPerHour);
  const called = next.slice(0, brakeCounts(recent, now, limits).left);
  const turnOf = ({ gate, rank }: Waiting, place: number): Turn =>
    place < called.length ? { gate, rank, calledAt: turns.get(gate)?.calledAt ?? now } : { gate, rank };
  return { next: { ...recent, turns: next.map(turnOf), missed }, called };
}

function isOver(turn: Turn | undefined, now: Instant): boolean {
  return turn?.calledAt !== undefined && Date.parse(now) - Date.parse(turn.calledAt) >= TURN_MILLISECONDS;
}

function isBefore(a: Candidate, b: Candidate): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.gate < b.gate);
}

function byRank(a: Candidate, b: Candidate): number {
  return isBefore(a, b) ? -1 : 1;
}

function isSame(a: readonly Turn[], b: readonly Turn[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
