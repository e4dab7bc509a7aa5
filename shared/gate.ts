// How each image of a gate is accounted for: the rule that a finding closes, and only proof opens.
import { type Finding, findingKey, type Instant } from './finding.ts';
import type { ImageLook, Scan } from './ports.ts';
import { type Account, type Closer, isLongAgo } from './record.ts';
import type { Judge, Verdict } from './verdict.ts';

/** What became of one image at a look. */
export type Accounting =
  /** It is no closer and was none. */
  | { readonly kind: 'none'; readonly verdict: Verdict }
  /** It holds the gate. */
  | { readonly kind: 'holds'; readonly closer: Closer; readonly why: HoldReason; readonly verdict: Verdict }
  /** It went away: it holds nothing, and is remembered. */
  | { readonly kind: 'departed'; readonly closer: Closer; readonly how: 'gone' | 'outOfScope' }
  /** It held the gate and is proved harmless. */
  | { readonly kind: 'released'; readonly how: Exclude<Account, 'gone'>; readonly verdict: Verdict }
  /** Only a scan can tell: ask for it, and account again. */
  | { readonly kind: 'needsScan' }
  /** It went away long enough ago. */
  | { readonly kind: 'forgotten' };

export type HoldReason =
  | { readonly kind: 'violates' }
  /** Some severity is not known, and what is not known releases no closer. */
  | { readonly kind: 'undetermined' }
  /** Its findings went away, and nothing proves that the danger did. */
  | { readonly kind: 'unproven'; readonly why: string };

export interface AccountingInput {
  readonly repository: string;
  readonly image: ImageLook;
  /** What the record knows of it. */
  readonly closer: Closer | undefined;
  /** Does it count: is its repository in the config, and it tagged where only tagged images count? */
  readonly inScope: boolean;
  /** Undefined: not asked for yet. */
  readonly scan: Scan | undefined;
  readonly judge: Judge;
  readonly now: Instant;
}

/** The most findings that a closer keeps: a thousand closers of one repository must fit into a row, and images of one base share theirs. */
export const MAX_FINDINGS = 200;
/** The most tags that a closer keeps. */
const MAX_TAGS = 10;
const CLEAN: Verdict = { kind: 'allow', spared: [] };

/** Accounts for one image, from what the world shows and what the record knows. */
export function account(input: AccountingInput & { readonly scan: Scan }): Exclude<Accounting, { kind: 'needsScan' }>;
export function account(input: AccountingInput): Accounting;
export function account(input: AccountingInput): Accounting {
  const { image, closer, inScope, now } = input;
  if (image.presence === 'gone')
    return closer === undefined ? { kind: 'none', verdict: CLEAN } : depart(closer, 'gone', now);
  if (!inScope) return closer === undefined ? { kind: 'none', verdict: CLEAN } : depart(closer, 'outOfScope', now);
  const verdict = judgeImage(input, image.findings);
  if (verdict.kind === 'block') {
    return { kind: 'holds', closer: blockedCloser(input, image, verdict), why: { kind: 'violates' }, verdict };
  }
  if (closer === undefined) return { kind: 'none', verdict };
  return accountForCloser(input, image, closer, verdict);
}

/** A closer that is there, counts, and whose findings of today do not violate. */
function accountForCloser(
  input: AccountingInput,
  image: Extract<ImageLook, { presence: 'present' }>,
  closer: Closer,
  verdict: Verdict,
): Accounting {
  const held = { ...closer, tags: tagsOf(image.tags, closer), since: sinceOf(closer, input.now), departed: undefined };
  if (verdict.kind === 'undetermined') return { kind: 'holds', closer: held, why: { kind: 'undetermined' }, verdict };
  const unseen = judgeImage(input, absentOf(closer, image.findings));
  if (closer.omittedFindings === 0 && unseen.kind === 'allow') return { kind: 'released', how: 'spared', verdict };
  if (input.scan === undefined) return { kind: 'needsScan' };
  const missing = missingProof(input.scan, closer);
  return missing === undefined
    ? { kind: 'released', how: 'scanned', verdict }
    : { kind: 'holds', closer: held, why: { kind: 'unproven', why: missing }, verdict };
}

function missingProof(scan: Scan, closer: Closer): string | undefined {
  if (scan.kind === 'unproven') return scan.why;
  return scan.at > closer.violatedAt
    ? undefined
    : `the last finished scan (${scan.at}) is not newer than the last look that saw it violate (${closer.violatedAt})`;
}

function judgeImage({ judge, repository, image, now }: AccountingInput, findings: readonly Finding[]): Verdict {
  return judge({ repository, digest: image.digest }, findings, now);
}

/** A recorded finding that went away while another still violates stays recorded: nothing has proved that it is gone. */
function blockedCloser(
  input: AccountingInput,
  { tags, findings }: Extract<ImageLook, { presence: 'present' }>,
  verdict: Extract<Verdict, { kind: 'block' }>,
): Closer {
  const { closer, image, now } = input;
  const unseen = closer === undefined ? CLEAN : judgeImage(input, absentOf(closer, findings));
  const [first, ...others] = verdict.reasons;
  const more = [...others, ...(unseen.kind === 'block' ? unseen.reasons : [])].map((reason) => reason.finding);
  const kept = more.slice(0, MAX_FINDINGS - 1);
  return {
    digest: image.digest,
    tags: tagsOf(tags, closer),
    since: sinceOf(closer, now),
    violatedAt: now,
    findings: [first.finding, ...kept],
    omittedFindings: more.length - kept.length,
  };
}

/** The recorded findings that a look does not show any more. */
function absentOf(closer: Closer, findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set(findings.map(findingKey));
  return closer.findings.filter((finding) => !seen.has(findingKey(finding)));
}

/** An image that came back holds the gate since it did. */
function sinceOf(closer: Closer | undefined, now: Instant): Instant {
  return closer === undefined || closer.departed !== undefined ? now : closer.since;
}

/** The tags that people know it by: those of now, or the last that it had; not more than a mail can name. */
function tagsOf(tags: readonly string[], closer: Closer | undefined): readonly string[] {
  return tags.length > 0 || closer === undefined ? tags.slice(0, MAX_TAGS) : closer.tags;
}

function depart(closer: Closer, why: 'gone' | 'outOfScope', now: Instant): Accounting {
  const departed = closer.departed ?? { at: now, why };
  if (isLongAgo(departed.at, now)) return { kind: 'forgotten' };
  return { kind: 'departed', closer: { ...closer, departed: { ...departed, why } }, how: why };
}

/** How coarse `violatedAt` is, in milliseconds: a replay within the hour writes nothing. */
const VIOLATED_AT_GRAIN = 3_600_000;

/** Is the closer as good as what the record already says, so that nothing needs to be written? */
export function sameCloser(a: Closer, b: Closer): boolean {
  return (
    a.departed?.why === b.departed?.why &&
    Date.parse(b.violatedAt) - Date.parse(a.violatedAt) < VIOLATED_AT_GRAIN &&
    a.omittedFindings === b.omittedFindings &&
    a.tags.join() === b.tags.join() &&
    sameFindings(a.findings, b.findings)
  );
}

function sameFindings(a: readonly Finding[], b: readonly Finding[]): boolean {
  return a.length === b.length && JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => (findingKey(a) < findingKey(b) ? -1 : 1));
}

/** Does a known exploit hold the gate? Then the brake does not. */
export function isExploited(closers: readonly Closer[]): boolean {
  return closers.some((closer) => closer.findings.some((finding) => finding.exploited));
}
