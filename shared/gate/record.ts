// pullgate's own row for a gate: what makes a closed gate ours, and what the next observation needs to know.
import type { Finding, Instant } from '../policy/finding.ts';
import { DAY_MILLISECONDS } from '../runtime/time.ts';
import type { Gate } from './gate.ts';
import type { OverrideStep, RecordedOverride } from './override.ts';

/** An image whose verdict was `block`, with the findings that made it so. */
export interface Blocker {
  readonly digest: string;
  /** The tags it had when it was last seen with any: what people know it by. */
  readonly tags: readonly string[];
  /** Since when it holds the gate. */
  readonly since: Instant;
  /** When it was last seen to violate, to the minute: only a scan that is newer than this can prove it clean. */
  readonly violatedAt: Instant;
  /** The findings that violated when it was last seen to, kept because the provider forgets them. */
  readonly findings: readonly [Finding, ...Finding[]];
  /**
   * How many more violated than a record keeps: while there are any, only a scan, or the image's going away, releases
   * it.
   */
  readonly omittedFindings: number;
  /**
   * Set while it holds nothing: remembered, since the same digest may come back without a new scan, and what exempts it
   * may end.
   */
  readonly inactive?: { readonly at: Instant; readonly why: InactiveReason } | undefined;
}

/**
 * Why a blocker holds nothing for now: the image is gone, it does not count, or its recorded findings do not violate at
 * present.
 */
export type InactiveReason = 'gone' | 'outOfScope' | 'exempted';

/** Why pullgate does not close a gate that has a blocker, or an override that closes it. */
export type Waiting =
  | { readonly for: 'audit' | 'pause' | 'release' | 'brake' | 'foreignLock' | 'override' }
  | ({ readonly for: 'inUse' } & InUse);

export type WaitingFor = Waiting['for'];

/** What runs and would fail if the gate closed. */
export interface InUse {
  /** Who uses it, in the plural: `Lambda functions`. */
  readonly by: string;
  /** The key of the config that closes such gates, too. */
  readonly setting: string;
}

/**
 * The state of a gate. `closing` and `opening` are intents: a crash in between is finished by the next observation.
 * `waiting`: it has a blocker, and something keeps pullgate from closing it.
 */
export type GateState =
  | { readonly kind: 'open' }
  | { readonly kind: 'closing' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'opening' }
  | ({ readonly kind: 'waiting' } & Waiting);

/** A state that no intent is under way in. */
export type StableState = Exclude<GateState, { kind: 'closing' | 'opening' }>;

/** A state change, as it is notified. */
export type Notice = NoticeContent & NoticedChange;

/** What changed. */
export type NoticedChange =
  | { readonly kind: 'closed' | 'restored' }
  | { readonly kind: 'waiting'; readonly waiting: Waiting }
  | { readonly kind: 'cleared'; readonly clearances: readonly ClearedImage[] }
  | {
      readonly kind: 'opened';
      /** Why it is open although something holds it. Undefined: nothing holds it. */
      readonly waiting?: Waiting | undefined;
      /** Since when it had been closed. Undefined: it was not known to be. */
      readonly closedSince?: Instant | undefined;
      readonly clearances: readonly ClearedImage[];
      /** What is still pullable although it has findings, and why that is so. */
      readonly stillPullable: readonly StillPullable[];
    }
  /** An override began or ended, and nothing else changed. */
  | { readonly kind: 'override'; readonly waiting?: Waiting | undefined };

/** What every notice says. */
interface NoticeContent {
  /** When it happened. */
  readonly at: Instant;
  /** What holds the gate: the first `NOTICE_IMAGES` images, each with its `NOTICE_FINDINGS` worst findings. */
  readonly images: readonly NoticeImage[];
  readonly moreImages: number;
  /** How many more hold it that the record had no room for: with them, only a person opens it. */
  readonly omittedImages: number;
  /** The override of the gate, if any. */
  readonly override?: Omit<OverrideStep, 'next'> | undefined;
}

export interface NoticeImage {
  readonly digest: string;
  readonly tags: readonly string[];
  /** Those that violate, worst first. */
  readonly findings: readonly Finding[];
  readonly moreFindings: number;
}

export interface StillPullable {
  readonly digest: string;
  readonly tags: readonly string[];
  readonly why: 'outOfScope' | 'exempted' | 'undetermined';
  readonly vulnerabilities: readonly string[];
}

/**
 * How a blocker was cleared, so that it holds the gate no longer: it is inactive; a finished, newer scan shows nothing
 * that violates; or the provider says of each of its findings that it is resolved.
 */
export type Clearance = InactiveReason | 'scanned' | 'resolved';

/** An image that had held the gate, and how it was cleared. */
export interface ClearedImage {
  readonly digest: string;
  readonly how: Clearance;
}

export interface GateRecord {
  readonly gate: Gate;
  readonly state: GateState;
  /** Since when it is in this state. */
  readonly since: Instant;
  /** Since when it is closed, kept through an opening's steps. */
  readonly closedSince?: Instant | undefined;
  /** The closing that the registry shows, if any, is ours: set with the intent to close, until the gate is open. */
  readonly claimed?: boolean | undefined;
  readonly blockers: readonly Blocker[];
  /** Blockers that did not fit into the record: while there are any, only a person opens the gate. */
  readonly omittedBlockers: number;
  /** Notices that have not been delivered yet. */
  readonly pending: readonly Notice[];
  readonly override?: RecordedOverride | undefined;
}

/** How long an image that went away is remembered, in days. */
const MEMORY_DAYS = 30;
export const NOTICE_IMAGES = 5;
export const NOTICE_FINDINGS = 5;

/** The record of a gate that has none yet. */
export function newRecord(gate: Gate, now: Instant): GateRecord {
  return { gate, state: { kind: 'open' }, since: now, blockers: [], omittedBlockers: 0, pending: [] };
}

const MEMORY_MILLISECONDS = MEMORY_DAYS * DAY_MILLISECONDS;

/** Is a moment longer ago than pullgate remembers what went away? */
export function isLongAgo(at: Instant, now: Instant): boolean {
  return Date.parse(now) - Date.parse(at) >= MEMORY_MILLISECONDS;
}

/**
 * Does an open gate's record say nothing any more? Not at once: a worker that still holds an old version must not meet
 * a new row of that version.
 */
export function isForgettable(record: GateRecord, now: Instant): boolean {
  const isEmpty = record.blockers.length === 0 && record.omittedBlockers === 0 && record.pending.length === 0;
  return isEmpty && record.override === undefined && record.state.kind === 'open' && isLongAgo(record.since, now);
}

/** Is the gate closed by its record? An intent to restore a missing lock counts, an intent to open does not. */
export function isRecordedClosed({ state, closedSince }: GateRecord): boolean {
  return state.kind === 'closed' || (state.kind === 'closing' && closedSince !== undefined);
}

/** The blockers that hold the gate now. */
export function activeBlockers(record: Pick<GateRecord, 'blockers'>): readonly Blocker[] {
  return record.blockers.filter((blocker) => blocker.inactive === undefined);
}
