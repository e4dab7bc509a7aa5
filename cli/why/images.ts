// What a look says of each image that an answer is about: what violates, what is exempted and until when, and what has lapsed.
import type { Accounted } from '../../shared/gate/blockers.ts';
import type { HoldReason } from '../../shared/gate/image-evaluation.ts';
import type { Blocker } from '../../shared/gate/record.ts';
import { type Finding, findingKey, type ImageId, type Instant, rankOf } from '../../shared/policy/finding.ts';
import type { Exception } from '../../shared/policy/policy.ts';
import { type Exemption, judgeBy, type Reason, type Verdict } from '../../shared/policy/verdict.ts';
import type { ImageObservation } from '../../shared/reconcile/ports.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import type { FoundImage } from '../stack/side.ts';

/** A finding that would violate, but for a rule, with the end of that where it has one. */
export interface ExemptedAnswer {
  readonly finding: Finding;
  readonly exemption: Exemption;
  readonly until: Instant | undefined;
}

/** One image that the answer is about. */
export interface ImageAnswer {
  readonly digest: string;
  readonly tags: readonly string[];
  /** `asked`: the image that was named; `child`: one of that index; `other`: another that holds the same gate. */
  readonly part: 'asked' | 'child' | 'other';
  readonly verdict: Verdict['kind'] | 'outOfScope' | 'gone';
  /** Does it hold the gate at a look now, and why. */
  readonly holds: HoldReason | undefined;
  /** The findings that violate now, worst first. */
  readonly violating: readonly Reason[];
  /** Those whose severity nobody knows. */
  readonly undetermined: readonly Finding[];
  /** Those that hold it because they once violated, though the scanner does not show them any more. */
  readonly remembered: readonly Finding[];
  /** How many more violated than a record keeps. */
  readonly omittedFindings: number;
  readonly exempted: readonly ExemptedAnswer[];
  /** Exceptions that were for one of its violating findings, and have ended: at their end, or since a fix exists. */
  readonly lapsed: readonly { readonly finding: Finding; readonly exception: Exception }[];
}

/** The image that was asked about with its children, and whatever else holds the gate. */
export function imageAnswers(
  seen: readonly Accounted[],
  { repository, digest, children }: FoundImage,
  rules: Rules,
  now: Instant,
): readonly ImageAnswer[] {
  return seen.flatMap(({ image, accounting }): readonly ImageAnswer[] => {
    const isChild = children.some((child) => child.digest === image.digest);
    const part = image.digest === digest ? 'asked' : isChild ? 'child' : 'other';
    const isHolding = accounting.kind === 'holds';
    if (part === 'other' && !isHolding) return [];
    const verdict: Verdict = accounting.kind === 'forgotten' ? { kind: 'allow', exempted: [] } : accounting.verdict;
    const blocker: Blocker | undefined = isHolding ? accounting.blocker : undefined;
    const findings = image.presence === 'present' ? image.findings : [];
    const shown = new Set(findings.map(findingKey));
    const violating = verdict.kind === 'block' ? verdict.reasons : [];
    const isOut =
      (accounting.kind === 'departed' && accounting.how === 'outOfScope') || isOutside(image, repository, rules);
    return [
      {
        digest: image.digest,
        tags: image.presence === 'present' ? image.tags : (blocker?.tags ?? []),
        part,
        verdict: image.presence === 'gone' ? 'gone' : isOut ? 'outOfScope' : verdict.kind,
        holds: isHolding ? accounting.why : undefined,
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

/** Does it not count: is its repository not in the config, or does no tag lead to it where only tagged images count? */
function isOutside(image: ImageObservation, repository: string, { includes, policy }: Rules): boolean {
  if (image.presence === 'gone') return false;
  return !includes(repository) || (policy.images === 'tagged' && !image.tagged);
}

/** When what exempts a finding ends, where it does by itself. */
export function endOfExemption(exemption: Exemption): Instant | undefined {
  switch (exemption.kind) {
    case 'exception':
      return exemption.exception.expiresAt;
    case 'grace':
      return exemption.until;
    case 'suppressed':
    case 'unknownIgnored':
      return undefined;
  }
}

/** A moment that is not reached. */
const NEVER: Instant = '9999-12-31T23:59:59.999Z';

/** The exceptions that would exempt a violating finding if they had not ended: the core itself tells which are for it. */
function lapsedFor(
  image: ImageId,
  violating: readonly Reason[],
  { policy }: Rules,
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
