// Creates the notice of a state change, as data.
import type { EvaluatedImage, NextBlockers } from '../gate/blockers.ts';
import type { OverrideStep } from '../gate/override.ts';
import {
  activeBlockers,
  type Blocker,
  type GateRecord,
  type GateState,
  NOTICE_FINDINGS,
  NOTICE_IMAGES,
  type Notice,
  type NoticeImage,
  type StillPullable,
  type Waiting,
} from '../gate/record.ts';
import { type Instant, worstFirst } from '../policy/finding.ts';

interface NoticeInput {
  /** The record as it was before. */
  readonly record: GateRecord;
  readonly next: NextBlockers;
  readonly evaluated: readonly EvaluatedImage[];
  readonly override: OverrideStep | undefined;
  readonly now: Instant;
}

/** The notice of one action, small enough to be kept in the record until it is delivered. */
export function createNotice(
  kind: Notice['kind'],
  state: GateState,
  { record, next, evaluated, override, now }: NoticeInput,
): Notice {
  return {
    kind,
    waiting: state.kind === 'waiting' ? waitingOf(state) : undefined,
    at: now,
    closedSince: record.closedSince,
    ...imagesOf(next.active),
    omittedImages: next.omitted,
    clearances: next.clearances.slice(0, NOTICE_IMAGES),
    stillPullable: kind === 'opened' ? stillPullable(next, evaluated).slice(0, NOTICE_IMAGES) : [],
    ...(override === undefined ? {} : { override: withoutNext(override) }),
  };
}

function waitingOf({ kind: _kind, ...waiting }: Extract<GateState, { kind: 'waiting' }>): Waiting {
  return waiting;
}

function withoutNext({ next: _next, ...step }: OverrideStep): NonNullable<Notice['override']> {
  return step;
}

/**
 * The notice of an intent that was carried out and never confirmed, since its worker crashed, and that is taken back by
 * now.
 */
export function missedNotice(record: GateRecord): Notice {
  return {
    kind: record.state.kind === 'closing' ? 'closed' : 'opened',
    at: record.since,
    closedSince: record.closedSince,
    ...imagesOf(activeBlockers(record)),
    omittedImages: record.omittedBlockers,
    clearances: [],
    stillPullable: [],
  };
}

/** The blockers that a notice names, and how many more there are. */
function imagesOf(active: readonly Blocker[]): Pick<Notice, 'images' | 'moreImages'> {
  const images = active.slice(0, NOTICE_IMAGES).map(noticeImage);
  return { images, moreImages: active.length - images.length };
}

function noticeImage({ digest, tags, findings }: Blocker): NoticeImage {
  return {
    digest,
    tags,
    findings: worstFirst(findings).slice(0, NOTICE_FINDINGS),
    moreFindings: Math.max(0, findings.length - NOTICE_FINDINGS),
  };
}

/** What can be pulled again, or still, although it has findings: worth knowing where a gate opens. */
function stillPullable(next: NextBlockers, evaluated: readonly EvaluatedImage[]): readonly StillPullable[] {
  const remembered = next.blockers.flatMap(({ digest, tags, findings, departed }): readonly StillPullable[] => {
    if (departed === undefined || departed.why === 'gone') return [];
    return [
      { digest, tags, why: departed.why, vulnerabilities: unique(findings.map((finding) => finding.vulnerability)) },
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
