// Describes each image of an answer: which findings violate, which are exempted and until when, and which exceptions
// have lapsed.
import { type EvaluatedImage, isInScope } from '../../shared/gate/blockers.ts';
import type { HoldReason } from '../../shared/gate/image-evaluation.ts';
import type { Blocker } from '../../shared/gate/record.ts';
import type { Exception } from '../../shared/policy/exceptions.ts';
import { type Finding, findingKey, type ImageId, type Instant, rankOf } from '../../shared/policy/finding.ts';
import { type Exemption, judgeBy, type Reason, type Verdict } from '../../shared/policy/verdict.ts';
import { findingsIn, type Usage } from '../../shared/reconcile/observation.ts';
import type { GateRules } from '../../shared/reconcile/rules.ts';
import type { FoundImage } from '../stack/client.ts';
import { endOfExemption } from '../terminal/words.ts';

/** A finding that would violate without its exemption, and when the exemption ends. */
export interface ExemptedAnswer {
  readonly finding: Finding;
  readonly exemption: Exemption;
  readonly until: Instant | undefined;
}

/** One image that the answer is about. */
export interface ImageAnswer {
  readonly digest: string;
  readonly tags: readonly string[];
  /** `asked`: the named image; `child`: an image of the named index; `other`: another blocker of the same gate. */
  readonly part: 'asked' | 'child' | 'other';
  readonly verdict: Verdict['kind'] | 'outOfScope' | 'gone';
  /** What is known about its use: as observed now and, of a blocker, as recorded. Undefined: nothing. */
  readonly usage: Usage | undefined;
  /** Why the image is a blocker now; undefined if it is not. */
  readonly holds: HoldReason | undefined;
  /** The findings that violate now, worst first. */
  readonly violating: readonly Reason[];
  /** The findings of unknown severity. */
  readonly undetermined: readonly Finding[];
  /** The findings that violated earlier and still count, although the scanner no longer shows them. */
  readonly remembered: readonly Finding[];
  /** How many more violating findings there were than the record has room for. */
  readonly omittedFindings: number;
  readonly exempted: readonly ExemptedAnswer[];
  /** Exceptions for its violating findings that no longer apply because they expired or a fix exists. */
  readonly lapsed: readonly { readonly finding: Finding; readonly exception: Exception }[];
}

/** Describes the named image, its children, and the gate's other blockers. */
export function imageAnswers(
  seen: readonly EvaluatedImage[],
  { repository, digest, children }: FoundImage,
  rules: GateRules,
  now: Instant,
): readonly ImageAnswer[] {
  return seen.flatMap(({ image, evaluation }): readonly ImageAnswer[] => {
    const isChild = children.some((child) => child.digest === image.digest);
    const part = image.digest === digest ? 'asked' : isChild ? 'child' : 'other';
    const isBlocker = evaluation.kind === 'holds';
    if (part === 'other' && !isBlocker) return [];
    const verdict: Verdict = evaluation.kind === 'forgotten' ? { kind: 'allow', exempted: [] } : evaluation.verdict;
    const blocker: Blocker | undefined = isBlocker ? evaluation.blocker : undefined;
    const findings = image.presence === 'present' ? findingsIn(image) : [];
    const shown = new Set(findings.map(findingKey));
    const violating = verdict.kind === 'block' ? verdict.reasons : [];
    const isOut =
      (evaluation.kind === 'inactive' && evaluation.how === 'outOfScope') || !isInScope(image, repository, rules);
    return [
      {
        digest: image.digest,
        tags: image.presence === 'present' ? image.tags : (blocker?.tags ?? []),
        part,
        verdict: image.presence === 'gone' ? 'gone' : isOut ? 'outOfScope' : verdict.kind,
        usage: blocker?.usage ?? (image.presence === 'present' ? image.usage : undefined),
        holds: isBlocker ? evaluation.why : undefined,
        violating: violating.toSorted((a, b) => rankOf(b.finding) - rankOf(a.finding)),
        undetermined: verdict.kind === 'allow' ? [] : verdict.undetermined,
        remembered: (blocker?.findings ?? []).filter((finding) => !shown.has(findingKey(finding))),
        omittedFindings: blocker?.omittedFindings ?? 0,
        exempted: verdict.exempted.map(({ finding, exemption }) => ({
          finding,
          exemption,
          until: endOfExemption(exemption),
        })),
        lapsed: lapsedFor({ repository, digest: image.digest }, violating, rules, now),
      },
    ];
  });
}

/** A time that is never reached. */
const NEVER: Instant = '9999-12-31T23:59:59.999Z';

/**
 * The exceptions that would exempt a violating finding if they still applied. The core decides which exceptions match.
 */
function lapsedFor(
  image: ImageId,
  violating: readonly Reason[],
  { policy }: GateRules,
  now: Instant,
): ImageAnswer['lapsed'] {
  return policy.exceptions.flatMap((exception) => {
    if (exception.expiresAt > now && !exception.untilFixed) return [];
    const alive = { ...exception, expiresAt: NEVER, untilFixed: false };
    const { exempted } = judgeBy({ ...policy, exceptions: [alive] })(
      image,
      violating.map(({ finding }) => finding),
      now,
    );
    return exempted.flatMap(({ finding, exemption }) =>
      exemption.kind === 'exception' ? [{ finding, exception }] : [],
    );
  });
}
