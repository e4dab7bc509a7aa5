// Makes the notice of a state change: what people are told, as data.
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
} from '../gate/record.ts';
import { type Instant, worstFirst } from '../policy/finding.ts';

/** The notice of one step, small enough to be kept in the record until it was told. */
export function noticeOf(
  kind: Notice['kind'],
  state: GateState,
  record: GateRecord,
  next: NextBlockers,
  evaluated: readonly EvaluatedImage[],
  now: Instant,
  override?: OverrideStep,
): Notice {
  return {
    kind,
    waitingFor: state.kind === 'waiting' ? state.for : undefined,
    at: now,
    closedSince: record.closedSince,
    images: next.active.slice(0, NOTICE_IMAGES).map(noticeImage),
    moreImages: Math.max(0, next.active.length - NOTICE_IMAGES),
    omittedImages: next.omitted,
    clearances: next.clearances.slice(0, NOTICE_IMAGES),
    stillPullable: kind === 'opened' ? stillPullable(next, evaluated).slice(0, NOTICE_IMAGES) : [],
    ...(override === undefined
      ? {}
      : { override: { step: override.step, order: override.order, isNews: override.isNews } }),
  };
}

/** The step that an intent came to, and that nobody was told of: whoever did it died before it was confirmed, and by now it has been taken back. */
export function missedNotice(record: GateRecord): Notice {
  const held = activeBlockers(record);
  return {
    kind: record.state.kind === 'closing' ? 'closed' : 'opened',
    at: record.since,
    closedSince: record.closedSince,
    images: held.slice(0, NOTICE_IMAGES).map(noticeImage),
    moreImages: Math.max(0, held.length - NOTICE_IMAGES),
    omittedImages: record.omittedBlockers,
    clearances: [],
    stillPullable: [],
  };
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
