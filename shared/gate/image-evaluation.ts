// What each image means for its gate: a finding closes, and only proof opens.
import { type Finding, findingKey, type Instant, later, worstFirst } from '../policy/finding.ts';
import type { Judge, Verdict } from '../policy/verdict.ts';
import { findingsIn, type ImageObservation, type ReportStatus, type Scan } from '../reconcile/observation.ts';
import { MINUTE_MILLISECONDS } from '../runtime/time.ts';
import { type Blocker, type InactiveReason, isLongAgo } from './record.ts';

/** What one image means for its gate. */
export type ImageEvaluation =
  /** It is no blocker and was none. */
  | { readonly kind: 'none'; readonly verdict: Verdict }
  /** It holds the gate. */
  | { readonly kind: 'holds'; readonly blocker: Blocker; readonly why: HoldReason; readonly verdict: Verdict }
  /** It holds nothing for now, and is remembered: it may come back, or what exempted it may end. */
  | { readonly kind: 'inactive'; readonly blocker: Blocker; readonly how: InactiveReason; readonly verdict: Verdict }
  /**
   * It held the gate, and a scan has proved it harmless, or the provider says that all of its findings are resolved.
   */
  | { readonly kind: 'released'; readonly how: 'scanned' | 'resolved'; readonly verdict: Verdict }
  /** Only a scan can tell: ask for it, and evaluate again. */
  | { readonly kind: 'needsScan' }
  /** It went away long enough ago. */
  | { readonly kind: 'forgotten' };

export type HoldReason =
  | { readonly kind: 'violates' }
  /** Some severity is not known, and what is not known releases no blocker. */
  | { readonly kind: 'undetermined' }
  /** Its findings went away, and nothing proves that the danger did. */
  | { readonly kind: 'unproven'; readonly detail: string }
  /** A scan has only just finished, and its findings may still be on their way: observe again soon. */
  | { readonly kind: 'recentScan'; readonly detail: string };

export interface EvaluationInput {
  readonly repository: string;
  readonly image: ImageObservation;
  /** What the record knows of it. */
  readonly blocker: Blocker | undefined;
  /** Does it count? Its repository must be in the config; if only tagged images count, it must be tagged. */
  readonly inScope: boolean;
  /** Undefined: not asked for yet. */
  readonly scan: Scan | undefined;
  /** The most findings that a blocker keeps. */
  readonly maxFindings: number;
  /** When the observation began, which showed the image and its findings. */
  readonly observedAt: Instant;
  readonly judge: Judge;
  readonly now: Instant;
}

/**
 * The most findings that a blocker of a repository keeps: a thousand blockers must fit into a row, and images of one
 * base share their findings.
 */
export const MAX_FINDINGS = 200;
/** The same if an image is a gate of its own, with one blocker. */
export const MAX_FINDINGS_OF_IMAGE = 2_000;
/** The most tags that a blocker keeps. */
const MAX_TAGS = 10;
const CLEAN: Verdict = { kind: 'allow', exempted: [] };

/** Evaluates one image, from what was observed and what the record knows. */
export function evaluateImage(
  input: EvaluationInput & { readonly scan: Scan },
): Exclude<ImageEvaluation, { kind: 'needsScan' }>;
export function evaluateImage(input: EvaluationInput): ImageEvaluation;
export function evaluateImage(input: EvaluationInput): ImageEvaluation {
  const { image, blocker, inScope } = input;
  if (blocker === undefined) return evaluateNewcomer(input);
  if (image.presence === 'gone') return becomeInactive(input, blocker, 'gone', CLEAN);
  const verdict = judgeImage(input, findingsIn(image));
  if (!inScope)
    return becomeInactive(
      input,
      verdict.kind === 'block' ? { ...blocker, violatedAt: input.now } : blocker,
      'outOfScope',
      CLEAN,
    );
  return verdict.kind === 'block'
    ? holdForViolating(input, image, verdict)
    : evaluateBlocker(input, image, blocker, verdict);
}

/** An image that the record does not know holds the gate only if it violates. */
function evaluateNewcomer(input: EvaluationInput): ImageEvaluation {
  const { image, inScope } = input;
  if (image.presence === 'gone' || !inScope) return { kind: 'none', verdict: CLEAN };
  const verdict = judgeImage(input, findingsIn(image));
  return verdict.kind === 'block' ? holdForViolating(input, image, verdict) : { kind: 'none', verdict };
}

/** A blocker that is there, counts, and whose findings of today do not violate. */
function evaluateBlocker(input: EvaluationInput, image: Present, blocker: Blocker, verdict: Verdict): ImageEvaluation {
  const absent = absentOf(blocker, findingsIn(image));
  const statusOf = statusesOf(image);
  const unexplained = absent.filter((finding) => statusOf(finding) === 'active');
  const isAccountedFor = blocker.omittedFindings === 0 && judgeImage(input, unexplained).kind === 'allow';
  // What is not known releases no blocker; but one that holds nothing at present does not begin to because of it.
  if (verdict.kind === 'undetermined' && (blocker.inactive === undefined || !isAccountedFor)) {
    return { kind: 'holds', blocker: keptBlocker(input, image, blocker), why: { kind: 'undetermined' }, verdict };
  }
  if (isAccountedFor) {
    // What is still shown is not resolved, whatever is said of the report that it once came in.
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

/** The findings of a scan may be listed a little later than the scan. */
const SCAN_SETTLES_MILLISECONDS = 5 * MINUTE_MILLISECONDS;

/**
 * What is missing for a proof: a scan that finished after the image was last seen to violate, or to be away, and well
 * before this observation.
 */
function missingProof(scan: Scan, { violatedAt, inactive }: Blocker, observedAt: Instant): HoldReason | undefined {
  if (scan.kind === 'unproven') return scan;
  const since = later(violatedAt, inactive?.at ?? violatedAt);
  if (scan.at <= since) {
    const detail = `the last finished scan (${scan.at}) is not newer than when it was last seen to violate or to be away (${since})`;
    return { kind: 'unproven', detail };
  }
  return Date.parse(observedAt) - Date.parse(scan.at) < SCAN_SETTLES_MILLISECONDS
    ? {
        kind: 'recentScan',
        detail: `its scan has only just finished (${scan.at}); it is observed again in a few minutes`,
      }
    : undefined;
}

function judgeImage({ judge, repository, image, now }: EvaluationInput, findings: readonly Finding[]): Verdict {
  return judge({ repository, digest: image.digest }, findings, now);
}

type Present = Extract<ImageObservation, { presence: 'present' }>;

/** A blocker that goes on to hold the gate, or does so again: then nothing older than its absence proves anything. */
function keptBlocker({ now }: EvaluationInput, { tags }: Present, blocker: Blocker): Blocker {
  const violatedAt = later(blocker.violatedAt, blocker.inactive?.at ?? blocker.violatedAt);
  return { ...blocker, tags: tagsOf(tags, blocker), since: sinceOf(blocker, now), violatedAt, inactive: undefined };
}

/**
 * A recorded finding that went away, or is exempted, while another violates stays recorded, unless it is proved to be
 * gone.
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
    since: sinceOf(blocker, now),
    violatedAt: now,
    findings: [first, ...kept],
    omittedFindings: Math.max(blocker?.omittedFindings ?? 0, others.length - kept.length),
  };
  return { kind: 'holds', blocker: active, why: { kind: 'violates' }, verdict };
}

/** The recorded findings that are not among these. */
function absentOf(blocker: Blocker | undefined, findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set(findings.map(findingKey));
  return (blocker?.findings ?? []).filter((finding) => !seen.has(findingKey(finding)));
}

/** What the provider says of the report that a recorded finding came in. `active` if it says nothing. */
function statusesOf({ reports }: Present): (finding: Finding) => ReportStatus {
  const statuses = new Map(reports.map(({ id, status }) => [id, status]));
  return ({ report }) => (report === undefined ? 'active' : (statuses.get(report) ?? 'active'));
}

/** An image that came back holds the gate since it did. */
function sinceOf(blocker: Blocker | undefined, now: Instant): Instant {
  return blocker === undefined || blocker.inactive !== undefined ? now : blocker.since;
}

/** The tags that people know it by: those of now, or the last that it had; not more than a mail can name. */
function tagsOf(tags: readonly string[], blocker: Blocker | undefined): readonly string[] {
  return tags.length > 0 || blocker === undefined ? tags.toSorted().slice(0, MAX_TAGS) : blocker.tags;
}

/** What exempts a finding may end at any time; an image that went away is remembered for some weeks. */
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

/** How coarse the moments of a blocker are, in milliseconds: a replay within the minute writes nothing. */
const GRAIN_MILLISECONDS = MINUTE_MILLISECONDS;

/** Is the blocker as good as what the record already says, so that nothing needs to be written? */
export function sameBlocker(a: Blocker, b: Blocker): boolean {
  return (
    a.inactive?.why === b.inactive?.why &&
    Date.parse(lastDangerous(b)) - Date.parse(lastDangerous(a)) < GRAIN_MILLISECONDS &&
    a.omittedFindings === b.omittedFindings &&
    a.tags.toSorted().join() === b.tags.toSorted().join() &&
    sameFindings(a.findings, b.findings)
  );
}

/** When it was last seen to violate, or to be exempted: a scan from before that proves nothing. */
function lastDangerous({ violatedAt, inactive }: Blocker): Instant {
  return inactive?.why === 'exempted' ? later(violatedAt, inactive.at) : violatedAt;
}

function sameFindings(a: readonly Finding[], b: readonly Finding[]): boolean {
  return a.length === b.length && JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => (findingKey(a) < findingKey(b) ? -1 : 1));
}

/** Does a known exploit hold the gate? Then the brake does not. */
export function isExploited(blockers: readonly Blocker[]): boolean {
  return blockers.some((blocker) => blocker.findings.some((finding) => finding.exploited));
}
