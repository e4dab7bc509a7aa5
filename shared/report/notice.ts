// Creates the notice of a state change, as data.
import type { BlockedFix } from '../gate/blocked-fix.ts';
import type { EvaluatedImage, NextBlockers } from '../gate/blockers.ts';
import type { OverrideStep } from '../gate/override.ts';
import {
  activeBlockers,
  type Blocker,
  type GateRecord,
  type GateState,
  type InUse,
  NOTICE_FINDINGS,
  NOTICE_IMAGES,
  type Notice,
  type NoticedChange,
  type NoticeImage,
  type OutsideChange,
  type StableState,
  type StillPullable,
  type Waiting,
} from '../gate/record.ts';
import type { Repetition } from '../gate/restorations.ts';
import { isUsageUnknown, sumUsage } from '../gate/usage.ts';
import { type Instant, worstFirst } from '../policy/finding.ts';

interface NoticeInput {
  /** The record before the change. */
  readonly record: GateRecord;
  readonly next: NextBlockers;
  readonly evaluated: readonly EvaluatedImage[];
  readonly override: OverrideStep | undefined;
  /** What uses the gate, if anything is known to. */
  readonly inUse: InUse | undefined;
  readonly otherLocks: readonly string[] | undefined;
  /** The change of the lock that triggered the reconciliation, if any. */
  readonly changedBy?: OutsideChange | undefined;
  /** When a lock was found that the record does not explain. */
  readonly unexplainedSince?: Instant | undefined;
  /** The fix that the gate blocks, if any. */
  readonly blockedFix?: BlockedFix | undefined;
  readonly now: Instant;
}

/**
 * Creates the notice of one action. It is small enough to stay in the record until it is delivered.
 *
 * @param kind what was done; `override`: an override began or ended, and nothing else changed
 * @param state the state after the action
 */
export function createNotice(kind: Notice['kind'], state: StableState, input: NoticeInput): Notice {
  const { next, evaluated, override, otherLocks, now } = input;
  return {
    ...changeOf(kind, state, input),
    at: now,
    ...imagesOf(withObservedUsage(next.active, evaluated), next.omitted),
    ...(override === undefined ? {} : { override: withoutNext(override) }),
    ...(otherLocks === undefined ? {} : { otherLocks }),
  };
}

function changeOf(kind: Notice['kind'], state: StableState, input: NoticeInput): NoticedChange {
  const { record, next, evaluated, inUse, changedBy, blockedFix } = input;
  const waiting = state.kind === 'waiting' ? waitingOf(state) : undefined;
  const clearances = next.clearances.slice(0, NOTICE_IMAGES);
  if (kind === 'override') return { kind, waiting };
  if (kind === 'opened') {
    const pullable = stillPullable(next, evaluated).slice(0, NOTICE_IMAGES);
    return { kind, waiting, closedSince: record.closedSince, clearances, stillPullable: pullable };
  }
  if (waiting !== undefined) return { kind: 'waiting', waiting };
  if (state.kind === 'unexplained') return { kind: 'unexplained', since: input.unexplainedSince };
  if (state.kind === 'open') return { kind: 'cleared', clearances };
  if (kind === 'remedy' && blockedFix !== undefined) return { kind, blockedFix };
  const fix = blockedFix === undefined ? {} : { blockedFix };
  if (kind === 'closedInUse' && inUse !== undefined) return { kind, inUse, ...fix };
  if (kind !== 'restored') return { kind: 'closed', ...fix };
  const was = stateBefore(record);
  return was === 'closed' ? { kind, was, removedBy: changedBy, ...fix } : { kind, was, ...fix };
}

/** The state before a gate was closed again. */
function stateBefore({ state, closedSince }: GateRecord): Extract<Notice, { kind: 'restored' }>['was'] {
  if (closedSince !== undefined) return 'closed';
  return state.kind === 'waiting' ? waitingOf(state) : 'open';
}

function waitingOf({ kind: _kind, ...waiting }: Extract<GateState, { kind: 'waiting' }>): Waiting {
  return waiting;
}

function withoutNext({ next: _next, ...step }: OverrideStep): NonNullable<Notice['override']> {
  return step;
}

/** The notice of several restorations, of which people have not been notified yet. */
export function repeatedNotice(
  repeated: Repetition,
  { next, now }: { readonly next: NextBlockers; readonly now: Instant },
): Notice {
  return {
    ...{ kind: 'restored', was: 'closed', repeated },
    at: now,
    ...imagesOf(next.active, next.omitted),
  };
}

/**
 * The notice of an intent that was carried out but never confirmed, because its worker crashed, and that has since been
 * reverted.
 */
export function missedNotice(record: GateRecord): Notice {
  const change: NoticedChange =
    record.state.kind === 'closing'
      ? closingOf(record)
      : { kind: 'opened', closedSince: record.closedSince, clearances: [], stillPullable: [] };
  return {
    ...change,
    at: record.since,
    ...imagesOf(activeBlockers(record), record.omittedBlockers),
  };
}

function closingOf({ closedSince }: GateRecord): NoticedChange {
  return closedSince === undefined ? { kind: 'closed' } : { kind: 'restored', was: 'closed' };
}

/** The record keeps the use of a blocker as it was at its last change. A notice says what was observed now. */
function withObservedUsage(active: readonly Blocker[], evaluated: readonly EvaluatedImage[]): readonly Blocker[] {
  const observed = new Map(
    evaluated.flatMap(({ evaluation }) =>
      evaluation.kind === 'holds' ? [[evaluation.blocker.digest, evaluation]] : [],
    ),
  );
  return active.map((one) => ({ ...one, usage: observed.get(one.digest)?.blocker.usage ?? one.usage }));
}

/** The blockers that a notice names, how many more there are, and what is known about the use of all. */
function imagesOf(
  active: readonly Blocker[],
  omittedImages: number,
): Pick<Notice, 'images' | 'moreImages' | 'omittedImages' | 'usage'> {
  const images = active.slice(0, NOTICE_IMAGES).map(noticeImage);
  const omitted = Array.from({ length: omittedImages }, () => undefined);
  const usage = sumUsage([...active.map((one) => one.usage), ...omitted]);
  const known = isUsageUnknown(usage) ? {} : { usage };
  return { images, moreImages: active.length - images.length, omittedImages, ...known };
}

function noticeImage({ digest, tags, findings, usage }: Blocker): NoticeImage {
  return {
    digest,
    tags,
    findings: worstFirst(findings).slice(0, NOTICE_FINDINGS),
    moreFindings: Math.max(0, findings.length - NOTICE_FINDINGS),
    ...(usage === undefined ? {} : { usage }),
  };
}

/** The images that have findings and can be pulled once the gate opens. */
function stillPullable(next: NextBlockers, evaluated: readonly EvaluatedImage[]): readonly StillPullable[] {
  const remembered = next.blockers.flatMap(({ digest, tags, findings, inactive }): readonly StillPullable[] => {
    if (inactive === undefined || inactive.why === 'gone') return [];
    return [
      { digest, tags, why: inactive.why, vulnerabilities: unique(findings.map((finding) => finding.vulnerability)) },
    ];
  });
  const others = evaluated.flatMap(({ image, evaluation }): readonly StillPullable[] => {
    if (image.presence === 'gone' || (evaluation.kind !== 'none' && evaluation.kind !== 'released')) return [];
    const { verdict } = evaluation;
    const { digest, tags } = image;
    if (verdict.kind === 'undetermined') {
      return [
        {
          digest,
          tags,
          why: 'undetermined',
          vulnerabilities: unique(verdict.undetermined.map((one) => one.vulnerability)),
        },
      ];
    }
    if (verdict.exempted.length === 0) return [];
    return [
      {
        digest,
        tags,
        why: 'exempted',
        vulnerabilities: unique(verdict.exempted.map((one) => one.finding.vulnerability)),
      },
    ];
  });
  return [...remembered, ...others];
}

function unique(vulnerabilities: readonly string[]): readonly string[] {
  return [...new Set(vulnerabilities)].slice(0, NOTICE_FINDINGS);
}
