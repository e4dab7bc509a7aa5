// Evaluates what an image means for its gate: a finding closes the gate, and only proof opens it.
import { type Finding, findingKey, type Instant, later, worstFirst } from '../policy/finding.ts';
import type { Judge, Verdict } from '../policy/verdict.ts';
import {
  findingsIn,
  type ImageObservation,
  type ReportStatus,
  type Scan,
  type Usage,
} from '../reconcile/observation.ts';
import { MINUTE_MILLISECONDS } from '../runtime/time.ts';
import { shareFacts } from './kept-facts.ts';
import { type Blocker, type InactiveReason, isLongAgo } from './record.ts';

/** What an image means for its gate. */
export type ImageEvaluation =
  /** It is not a blocker, and was not one before. */
  | { readonly kind: 'none'; readonly verdict: Verdict }
  /** It is an active blocker and keeps the gate closed. */
  | { readonly kind: 'holds'; readonly blocker: Blocker; readonly why: HoldReason; readonly verdict: Verdict }
  /** It no longer blocks, but is remembered: it may come back, or its exemption may end. */
  | { readonly kind: 'inactive'; readonly blocker: Blocker; readonly how: InactiveReason; readonly verdict: Verdict }
  /** It was a blocker, and a scan proved it clean, or the provider reports all its findings as resolved. */
  | { readonly kind: 'released'; readonly how: 'scanned' | 'resolved'; readonly verdict: Verdict }
  /** Only a scan can decide: read it, and evaluate again. */
  | { readonly kind: 'needsScan' }
  /** It has been gone for so long that it is dropped from the record. */
  | { readonly kind: 'forgotten' };

export type HoldReason =
  | { readonly kind: 'violates' }
  /** The severity of a finding is unknown, and that clears no blocker. */
  | { readonly kind: 'undetermined' }
  /** Its findings disappeared without proof that the vulnerability is gone. */
  | { readonly kind: 'unproven'; readonly detail: string }
  /** A scan finished only minutes ago and its findings may not be listed yet: observe again soon. */
  | { readonly kind: 'recentScan'; readonly detail: string };

export interface EvaluationInput {
  readonly repository: string;
  readonly image: ImageObservation;
  /** The image's blocker in the record, if any. */
  readonly blocker: Blocker | undefined;
  /** Is it in scope (`isInScope`)? */
  readonly inScope: boolean;
  /** The last scan. Undefined: not read yet. */
  readonly scan: Scan | undefined;
  /** The most findings that a blocker keeps. */
  readonly maxFindings: number;
  /** When the observation of the image and its findings began. */
  readonly observedAt: Instant;
  readonly judge: Judge;
  readonly now: Instant;
}

/**
 * The most findings that a blocker keeps if the gate is a repository: a thousand blockers must fit into a row, and
 * images with the same base image share their findings.
 */
export const MAX_FINDINGS = 200;
/** The most findings that a blocker keeps if the gate is an image, which has only one blocker. */
export const MAX_FINDINGS_OF_IMAGE = 2_000;
/** The most tags that a blocker keeps. */
export const MAX_TAGS = 10;
const CLEAN: Verdict = { kind: 'allow', exempted: [] };

/** Evaluates one image from its observation and its blocker in the record. */
export function evaluateImage(
  input: EvaluationInput & { readonly scan: Scan },
): Exclude<ImageEvaluation, { kind: 'needsScan' }>;
export function evaluateImage(input: EvaluationInput): ImageEvaluation;
export function evaluateImage(input: EvaluationInput): ImageEvaluation {
  const { inScope } = input;
  if (input.blocker === undefined) return evaluateNewcomer(input);
  const { image, blocker } = shareFacts({ image: input.image, blocker: input.blocker });
  if (image.presence === 'gone') return becomeInactive(input, blocker, 'gone', CLEAN);
  const verdict = judgeImage(input, findingsIn(image));
  if (!inScope) {
    const violatedAt = verdict.kind === 'block' ? input.now : blocker.violatedAt;
    return becomeInactive(input, { ...blocker, usage: usageOf(image, blocker), violatedAt }, 'outOfScope', CLEAN);
  }
  return verdict.kind === 'block'
    ? holdForViolating({ ...input, blocker }, image, verdict)
    : evaluateBlocker(input, image, blocker, verdict);
}

/** An image that the record does not have becomes a blocker only if it violates. */
function evaluateNewcomer(input: EvaluationInput): ImageEvaluation {
  const { image, inScope } = input;
  if (image.presence === 'gone' || !inScope) return { kind: 'none', verdict: CLEAN };
  const verdict = judgeImage(input, findingsIn(image));
  return verdict.kind === 'block' ? holdForViolating(input, image, verdict) : { kind: 'none', verdict };
}

/** Evaluates a blocker that is present and in scope, and whose current findings do not violate. */
function evaluateBlocker(input: EvaluationInput, image: Present, blocker: Blocker, verdict: Verdict): ImageEvaluation {
  const absent = absentOf(blocker, findingsIn(image));
  const statusOf = statusesOf(image);
  const unaccounted = absent.filter((finding) => statusOf(finding) === 'active');
  const isAccountedFor = blocker.omittedFindings === 0 && judgeImage(input, unaccounted).kind === 'allow';
  // An unknown severity clears no active blocker, but it does not make an inactive blocker active.
  if (verdict.kind === 'undetermined' && (blocker.inactive === undefined || !isAccountedFor)) {
    return { kind: 'holds', blocker: keptBlocker(input, image, blocker), why: { kind: 'undetermined' }, verdict };
  }
  if (isAccountedFor) {
    // A finding that is still listed is not resolved, even if its earlier report is.
    const resolved = absent.filter((finding) => statusOf(finding) === 'resolved');
    const isResolved = verdict.kind === 'allow' && resolved.length === blocker.findings.length;
    return isResolved
      ? { kind: 'released', how: 'resolved', verdict }
      : becomeInactive(input, blocker, 'exempted', verdict);
  }
  if (input.scan === undefined) return { kind: 'needsScan' };
  const why = missingProof(input.scan, blocker, input.observedAt);
  return why === undefined
    ? { kind: 'released', how: 'scanned', verdict }
    : { kind: 'holds', blocker: keptBlocker(input, image, blocker), why, verdict };
}

/** The findings of a scan may be listed a few minutes after the scan. */
export const SCAN_SETTLES_MILLISECONDS = 5 * MINUTE_MILLISECONDS;

/**
 * What is missing for a proof. Proof is a scan that finished after the image was last seen violating or absent, and
 * some minutes before this observation.
 */
function missingProof(scan: Scan, { violatedAt, inactive }: Blocker, observedAt: Instant): HoldReason | undefined {
  if (scan.kind === 'unproven') return scan;
  const since = later(violatedAt, inactive?.at ?? violatedAt);
  if (scan.at <= since) {
    const detail = `the last finished scan (${scan.at}) is not newer than the last time it violated or was absent (${since})`;
    return { kind: 'unproven', detail };
  }
  return Date.parse(observedAt) - Date.parse(scan.at) < SCAN_SETTLES_MILLISECONDS
    ? {
        kind: 'recentScan',
        detail: `its scan finished only minutes ago (${scan.at}); pullgate observes it again soon`,
      }
    : undefined;
}

function judgeImage({ judge, repository, image, now }: EvaluationInput, findings: readonly Finding[]): Verdict {
  return judge({ repository, digest: image.digest }, findings, now);
}

type Present = Extract<ImageObservation, { presence: 'present' }>;

/** A blocker that stays or becomes active. If it was inactive, only a scan after that time can prove it clean. */
function keptBlocker({ now }: EvaluationInput, image: Present, blocker: Blocker): Blocker {
  const violatedAt = later(blocker.violatedAt, blocker.inactive?.at ?? blocker.violatedAt);
  return {
    ...blocker,
    tags: tagsOf(image.tags, blocker),
    untagged: image.tagged ? undefined : true,
    usage: usageOf(image, blocker),
    since: sinceOf(blocker, now),
    violatedAt,
    inactive: undefined,
  };
}

/**
 * Keeps the gate closed for a violating image. A recorded finding that is absent or exempt stays recorded unless its
 * report is resolved.
 */
function holdForViolating(
  { blocker, maxFindings, now }: EvaluationInput,
  image: Present,
  verdict: Extract<Verdict, { kind: 'block' }>,
): ImageEvaluation {
  const [reason, ...reasons] = verdict.reasons;
  const violating = [reason.finding, ...reasons.map(({ finding }) => finding)] as const;
  const statusOf = statusesOf(image);
  const absent = absentOf(blocker, violating).filter((finding) => statusOf(finding) !== 'resolved');
  const [first, ...others] = worstFirst([...violating, ...absent]);
  const kept = others.slice(0, maxFindings - 1);
  const active: Blocker = {
    digest: image.digest,
    tags: tagsOf(image.tags, blocker),
    untagged: image.tagged ? undefined : true,
    usage: usageOf(image, blocker),
    since: sinceOf(blocker, now),
    violatedAt: now,
    findings: [first, ...kept],
    omittedFindings: Math.max(blocker?.omittedFindings ?? 0, others.length - kept.length),
    closedAt: blocker?.closedAt,
  };
  return { kind: 'holds', blocker: active, why: { kind: 'violates' }, verdict };
}

/** The recorded findings that `findings` does not include. */
function absentOf(blocker: Blocker | undefined, findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set(findings.map(findingKey));
  return (blocker?.findings ?? []).filter((finding) => !seen.has(findingKey(finding)));
}

/** Returns the provider's status for the report of a recorded finding; `active` if there is none. */
function statusesOf({ reports }: Present): (finding: Finding) => ReportStatus {
  const statuses = new Map(reports.map(({ id, status }) => [id, status]));
  return ({ report }) => (report === undefined ? 'active' : (statuses.get(report) ?? 'active'));
}

/** Since when the blocker is active. For an image that came back, this is now. */
function sinceOf(blocker: Blocker | undefined, now: Instant): Instant {
  return blocker === undefined || blocker.inactive !== undefined ? now : blocker.since;
}

/** The current tags, or the last known ones if it has none; at most as many as a mail lists. */
function tagsOf(tags: readonly string[], blocker: Blocker | undefined): readonly string[] {
  return tags.length > 0 || blocker === undefined ? tags.toSorted().slice(0, MAX_TAGS) : blocker.tags;
}

/** What is known about its use: each fact as observed now, else as it was last known. */
function usageOf({ usage }: Present, blocker: Blocker | undefined): Usage | undefined {
  return usage === undefined ? blocker?.usage : { ...blocker?.usage, ...usage };
}

/**
 * Remembers a blocker as inactive. One that is gone or out of scope is dropped after some weeks; an exempt one is not.
 */
function becomeInactive(
  { now }: EvaluationInput,
  blocker: Blocker,
  why: InactiveReason,
  verdict: Verdict,
): ImageEvaluation {
  const before = blocker.inactive;
  const isNew = why === 'exempted' || before === undefined || before.why === 'exempted';
  const inactive = { at: isNew ? now : before.at, why };
  if (why !== 'exempted' && isLongAgo(inactive.at, now)) return { kind: 'forgotten' };
  return { kind: 'inactive', blocker: { ...blocker, inactive }, how: why, verdict };
}

/** The precision of a blocker's times, in milliseconds: a replay within a minute writes nothing. */
const GRAIN_MILLISECONDS = MINUTE_MILLISECONDS;

/** Is blocker `b` so close to the recorded `a` that nothing needs to be written? */
export function sameBlocker(a: Blocker, b: Blocker): boolean {
  return (
    a.inactive?.why === b.inactive?.why &&
    Date.parse(lastDangerous(b)) - Date.parse(lastDangerous(a)) < GRAIN_MILLISECONDS &&
    a.omittedFindings === b.omittedFindings &&
    a.untagged === b.untagged &&
    a.tags.toSorted().join() === b.tags.toSorted().join() &&
    sameFindings(a.findings, b.findings)
  );
}

/** When it was last seen violating or exempt: an earlier scan proves nothing. */
function lastDangerous({ violatedAt, inactive }: Blocker): Instant {
  return inactive?.why === 'exempted' ? later(violatedAt, inactive.at) : violatedAt;
}

function sameFindings(a: readonly Finding[], b: readonly Finding[]): boolean {
  return a.length === b.length && JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => (findingKey(a) < findingKey(b) ? -1 : 1));
}
