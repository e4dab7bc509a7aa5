// The record: pullgate's own row for a gate. It says whether a lock is ours, and what the next evaluation needs.
import type { Finding, Instant } from '../policy/finding.ts';
import type { Usage } from '../reconcile/observation.ts';
import { DAY_MILLISECONDS } from '../runtime/time.ts';
import type { BlockedFix, Remedy } from './blocked-fix.ts';
import type { Gate } from './gate.ts';
import type { OverrideStep, RecordedOverride } from './override.ts';
import type { Repetition, Restorations } from './restorations.ts';
import type { UsageSum } from './usage.ts';

/** An image whose verdict was `block`, with the findings that made it so. */
export interface Blocker {
  readonly digest: string;
  /** The last known tags, so that people recognize the image. */
  readonly tags: readonly string[];
  /** It had no tag, and no tagged index contained it, when it was last observed. */
  readonly untagged?: true | undefined;
  /** The last known use. It is kept because nothing can be read about an image that is gone. */
  readonly usage?: Usage | undefined;
  /** Since when it is an active blocker. */
  readonly since: Instant;
  /** When it was last seen violating, to the minute. Only a newer scan can prove it clean. */
  readonly violatedAt: Instant;
  /** The findings that violated at that time. They are kept because the provider deletes its own. */
  readonly findings: readonly [Finding, ...Finding[]];
  /**
   * The number of violating findings that did not fit into the record. If there are any, only a scan or the removal of
   * the image clears the blocker.
   */
  readonly omittedFindings: number;
  /**
   * When its gate was closed while it held. Such a blocker closes its gate again without the brake, once a pause, an
   * override, audit mode or its absence is over. Only proof removes it, together with the blocker.
   */
  readonly closedAt?: Instant | undefined;
  /**
   * Set while it does not block. It is remembered because the same digest may come back without a new scan, and because
   * its exemption may end.
   */
  readonly inactive?: { readonly at: Instant; readonly why: InactiveReason } | undefined;
}

/** Why a blocker is inactive: the image is gone or out of scope, or its recorded findings do not violate at present. */
export type InactiveReason = 'gone' | 'outOfScope' | 'exempted';

/** Why pullgate does not close a gate that has a blocker or an override that closes it. */
export type Waiting =
  | { readonly for: 'audit' | 'pause' | 'release' | 'brake' | 'foreignLock' | 'override' }
  | ({ readonly for: 'inUse' } & InUse)
  | ({ readonly for: 'refused' } & Refusal);

export type WaitingFor = Waiting['for'];

/** The registry refuses to close the gate until a person changes something. */
export interface Refusal {
  /** Why, and what to do. */
  readonly problem: string;
  /** Identifies the cause: people are notified once for each. */
  readonly cause: string;
}

/** What uses the gate and would fail if it closed. */
export interface InUse {
  /** What uses it, in the plural: `Lambda functions`. */
  readonly by: string;
  /** The config key that makes pullgate close such gates too. */
  readonly setting: string;
}

/**
 * The state of a gate. `closing` and `opening` are intents: after a crash, the next reconciliation completes them.
 * `waiting`: the gate should be closed, but something prevents that. `unexplained`: our lock is in place, and the
 * record does not say why.
 */
export type GateState =
  | { readonly kind: 'open' }
  | { readonly kind: 'closing' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'opening' }
  | { readonly kind: 'unexplained' }
  | ({ readonly kind: 'waiting' } & Waiting);

/** Does a lock of ours refuse pulls in this state? */
export function isClosed({ kind }: Pick<GateState, 'kind'>): boolean {
  return kind === 'closed' || kind === 'unexplained';
}

/** A state without a pending intent. */
export type StableState = Exclude<GateState, { kind: 'closing' | 'opening' }>;

/** A change of a gate's lock by someone else, as the cloud's audit log reports it. */
export interface OutsideChange {
  /** The name of the principal. */
  readonly who: string;
  /** The name of the call. */
  readonly call: string;
  readonly at: Instant;
}

/** A state change that people are notified of. */
export type Notice = NoticeContent & NoticedChange;

/** What changed. */
export type NoticedChange =
  | { readonly kind: 'closed'; readonly blockedFix?: BlockedFix | undefined }
  /** The gate is closed again. `was`: its state before; `closed` if its lock was missing or had another form. */
  | {
      readonly kind: 'restored';
      readonly was: 'closed' | 'open' | Waiting;
      /** The change of the lock, if the gate was closed and the cloud's audit log reported one. */
      readonly removedBy?: OutsideChange | undefined;
      /** Set if the notice is about several restorations. */
      readonly repeated?: Repetition | undefined;
      readonly blockedFix?: BlockedFix | undefined;
    }
  /** A closed repository blocks the fix for the images that keep it closed. */
  | { readonly kind: 'remedy'; readonly blockedFix: BlockedFix }
  /** The gate stays closed, although the record does not say why it was closed. */
  | {
      readonly kind: 'unexplained';
      /** When its lock was found. */
      readonly since?: Instant | undefined;
    }
  /** A closed gate is in use, and its users fail. It stays closed. */
  | { readonly kind: 'closedInUse'; readonly inUse: InUse; readonly blockedFix?: BlockedFix | undefined }
  | { readonly kind: 'waiting'; readonly waiting: Waiting }
  | { readonly kind: 'cleared'; readonly clearances: readonly ClearedImage[] }
  | {
      readonly kind: 'opened';
      /** Why it is open although it should be closed. Undefined: there is no reason to close it. */
      readonly waiting?: Waiting | undefined;
      /** Since when it had been closed. Undefined: unknown. */
      readonly closedSince?: Instant | undefined;
      readonly clearances: readonly ClearedImage[];
      /** The images that can be pulled although they have findings, and why. */
      readonly stillPullable: readonly StillPullable[];
    }
  /** An override began or ended, and nothing else changed. */
  | { readonly kind: 'override'; readonly waiting?: Waiting | undefined };

/** The part that all notices have. */
interface NoticeContent {
  /** When it happened. */
  readonly at: Instant;
  /** The first `NOTICE_IMAGES` active blockers, each with its `NOTICE_FINDINGS` worst findings. */
  readonly images: readonly NoticeImage[];
  readonly moreImages: number;
  /**
   * The number of blockers that did not fit into the record. If there are any, only `pullgate release` opens the gate.
   */
  readonly omittedImages: number;
  /** What was known about the use of all active blockers. Undefined: nothing. */
  readonly usage?: UsageSum | undefined;
  /** The label of the rule that applied. Undefined: the stack's defaults. */
  readonly rule?: string | undefined;
  /** The override of the gate, if any. */
  readonly override?: Omit<OverrideStep, 'next'> | undefined;
  /** The locks of other pullgate deployments that refuse pulls, by id. */
  readonly otherLocks?: readonly string[] | undefined;
  /** The next tick sends it, together with those of other gates. Default: who made the change sends it at once. */
  readonly leftToTick?: true | undefined;
  /** The number of older notices of the gate that could not be sent in time and were dropped. Default: none. */
  readonly droppedBefore?: number | undefined;
}

export interface NoticeImage {
  readonly digest: string;
  readonly tags: readonly string[];
  /** The violating findings, worst first. */
  readonly findings: readonly Finding[];
  readonly moreFindings: number;
  /** What was known about its use. Undefined: nothing. */
  readonly usage?: Usage | undefined;
}

export interface StillPullable {
  readonly digest: string;
  readonly tags: readonly string[];
  readonly why: 'outOfScope' | 'exempted' | 'undetermined';
  readonly vulnerabilities: readonly string[];
}

/**
 * How a blocker was cleared: it is inactive; a finished, newer scan shows nothing that violates; or the provider
 * reports all its findings as resolved.
 */
export type Clearance = InactiveReason | 'scanned' | 'resolved';

/** An image that was a blocker, and how it was cleared. */
export interface ClearedImage {
  readonly digest: string;
  readonly how: Clearance;
  /** The last known use of an image that is gone or out of scope, and may still run. Undefined: unknown. */
  readonly usage?: Usage | undefined;
}

export interface GateRecord {
  readonly gate: Gate;
  readonly state: GateState;
  /** Since when the gate is in this state. */
  readonly since: Instant;
  /** Since when the gate is closed. It is kept until the opening is confirmed. */
  readonly closedSince?: Instant | undefined;
  /**
   * When a lock of ours was found although the record had the gate open: the record was lost, or is an older copy.
   * There may have been other blockers, so the gate opens only on proof for all images. Kept until the gate is open.
   */
  readonly unexplainedSince?: Instant | undefined;
  /** Since when the gate waits, for whatever reason. It is kept until the gate is closed, or no longer has to be. */
  readonly waitingSince?: Instant | undefined;
  /** What people were last notified of although the gate did not change, and when. They are reminded each week. */
  readonly concern?: { readonly cause: string; readonly notifiedAt: Instant } | undefined;
  /** A lock in the registry, if there is one, is ours. Set with the intent to close, removed once the gate is open. */
  readonly claimed?: boolean | undefined;
  /** When the brake admitted the closing that the intent `closing` is about. Absent: it was not asked. */
  readonly admittedAt?: Instant | undefined;
  /** Ids, other than the current one, that our lock in the registry may carry. Absent: none, or a lock has no id. */
  readonly lockIds?: readonly string[] | undefined;
  readonly blockers: readonly Blocker[];
  /**
   * The number of blockers that did not fit into the record. If there are any, only `pullgate release` opens the gate.
   */
  readonly omittedBlockers: number;
  /** The newest notices that have not been delivered yet (`addPending`). */
  readonly pending: readonly Notice[];
  /** Set for a day after a notice that the gate's lock was restored. */
  readonly restorations?: Restorations | undefined;
  readonly override?: RecordedOverride | undefined;
  /** The fix that the closed repository blocks. What was announced is kept until the gate opens. */
  readonly remedy?: Remedy | undefined;
}

/** How long an image that is gone or out of scope is remembered, in days. */
const MEMORY_DAYS = 30;
export const NOTICE_IMAGES = 5;
export const NOTICE_FINDINGS = 5;

/** The record of a gate that has none yet. */
export function newRecord(gate: Gate, now: Instant): GateRecord {
  return { gate, state: { kind: 'open' }, since: now, blockers: [], omittedBlockers: 0, pending: [] };
}

const MEMORY_MILLISECONDS = MEMORY_DAYS * DAY_MILLISECONDS;

/** Is a moment longer ago than pullgate remembers images that are gone? */
export function isLongAgo(at: Instant, now: Instant): boolean {
  return Date.parse(now) - Date.parse(at) >= MEMORY_MILLISECONDS;
}

/**
 * Can the record of an open gate be deleted? It must be empty and old: if it were deleted at once, a worker with an
 * outdated version could meet a new row with the same version.
 */
export function isForgettable(record: GateRecord, now: Instant): boolean {
  const isEmpty = record.blockers.length === 0 && record.omittedBlockers === 0 && record.pending.length === 0;
  return isEmpty && record.override === undefined && record.state.kind === 'open' && isLongAgo(record.since, now);
}

/** The blockers that keep the gate closed now. */
export function activeBlockers(record: Pick<GateRecord, 'blockers'>): readonly Blocker[] {
  return record.blockers.filter((blocker) => blocker.inactive === undefined);
}
