// The brake limits how many gates close in an hour, so that one newly disclosed vulnerability cannot take everything
// down. Gates that wait for it have turns, so that a newcomer never overtakes a gate of higher rank.
import type { Instant } from '../policy/finding.ts';
import { shortHash } from '../runtime/hash.ts';
import { HOUR_MILLISECONDS, MINUTE_MILLISECONDS } from '../runtime/time.ts';
import { type Gate, gateKey } from './gate.ts';

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

/** The brake of a stack. It lists at most as many gates as may close within an hour. */
export interface BrakeState {
  /** The closings that count towards the limit. */
  readonly closings: readonly Mark[];
  /** The gates that close next, in this order. */
  readonly turns: readonly Turn[];
  /** The gates that did not use their turn. They have none for an hour, so that they block no other gate. */
  readonly missed: readonly Mark[];
}

export const IDLE_BRAKE: BrakeState = { closings: [], turns: [], missed: [] };

/** How long a gate may take to close once a tick has called it. */
const TURN_MILLISECONDS = 15 * MINUTE_MILLISECONDS;

/** The name of a gate in the brake's row, which has a limit: names of repositories can have 256 characters. */
export function brakeKey(gate: Gate): string {
  return shortHash(gateKey(gate));
}

/** Drops what is an hour old or older. */
export function lastHour({ closings, turns, missed }: BrakeState, now: Instant): BrakeState {
  const hourAgo = new Date(Date.parse(now) - HOUR_MILLISECONDS).toISOString();
  const isRecent = ({ at }: Mark) => at > hourAgo;
  return { closings: closings.filter(isRecent), turns, missed: missed.filter(isRecent) };
}

/** How many more gates may be closed now. */
export function roomLeft(state: BrakeState, now: Instant, maxClosesPerHour: number): number {
  return Math.max(0, maxClosesPerHour - lastHour(state, now).closings.length);
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
export function admit(state: BrakeState, candidate: Candidate, now: Instant, maxClosesPerHour: number): BrakeAnswer {
  const recent = lastHour(state, now);
  const { closings, turns, missed } = recent;
  const { gate } = candidate;
  if (closings.some((closing) => closing.gate === gate)) return { kind: 'counted' };
  const others = turns.filter((turn) => turn.gate !== gate);
  const ahead = others.filter((turn) => isBefore(turn, candidate) && !isOver(turn, now));
  if (closings.length + ahead.length < maxClosesPerHour)
    return { kind: 'admitted', next: { ...recent, closings: [...closings, { gate, at: now }], turns: others } };
  if (missed.some((one) => one.gate === gate)) return { kind: 'wait' };
  const own = turns.find((turn) => turn.gate === gate);
  const next = [...others, { ...own, ...candidate }].sort(byRank).slice(0, maxClosesPerHour);
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
  maxClosesPerHour: number,
): { readonly next: BrakeState; readonly called: readonly Waiting[] } {
  const recent = lastHour(state, now);
  const turns = new Map(recent.turns.map((turn) => [turn.gate, turn]));
  const late = waiting.filter(({ gate }) => isOver(turns.get(gate), now)).map(({ gate }) => ({ gate, at: now }));
  const missed = [...recent.missed, ...late];
  const excluded = new Set(missed.map(({ gate }) => gate));
  const next = waiting.filter(({ gate }) => !excluded.has(gate)).slice(0, maxClosesPerHour);
  const called = next.slice(0, Math.max(0, maxClosesPerHour - recent.closings.length));
  const turnOf = ({ gate, rank }: Waiting, place: number): Turn =>
    place < called.length ? { gate, rank, calledAt: turns.get(gate)?.calledAt ?? now } : { gate, rank };
  return { next: { closings: recent.closings, turns: next.map(turnOf), missed }, called };
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
