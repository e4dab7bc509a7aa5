// The verdict: the policy's answer for one image. Exempt findings stay visible, with the exemption and its end.

import { DAY_MILLISECONDS } from '../runtime/time.ts';
import { ANY_ADVISORY, type Exception } from './exceptions.ts';
import { type Finding, type ImageId, type Instant, type KnownSeverity, knownSeverity } from './finding.ts';
import { globMatcher } from './glob.ts';
import type { Policy, Threshold } from './policy.ts';
import { atLeast, type Severity } from './severity.ts';

/** Why a finding violates. */
export interface Reason {
  readonly finding: Finding;
  /** The policy rule that the finding violates. */
  readonly rule: 'severityThreshold' | 'unfixable' | 'exploited' | 'unknownSeverity';
  /**
   * The severity that the policy used: reported, derived from the score, or inherited. `unknown`: the policy blocks
   * unknown severities.
   */
  readonly severity: Severity | 'unknown';
  /** The EPSS score that makes it count as exploited. Undefined: the provider knows of an exploit. */
  readonly epss?: number;
  /** The severity is inherited from the report that names the finding. Default: it is the finding's own. */
  readonly inherited?: true;
}

/** Why a finding at or above a threshold does not violate. */
export type Exemption =
  | { readonly kind: 'exception'; readonly exception: Exception }
  | { readonly kind: 'grace'; readonly until: Instant }
  | { readonly kind: 'suppressed' }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'unknownIgnored' };

/** A finding that would violate without its exemption. */
export interface ExemptedFinding {
  readonly finding: Finding;
  readonly exemption: Exemption;
}

/** The policy's answer for one image. */
export type Verdict =
  | { readonly kind: 'allow'; readonly exempted: readonly ExemptedFinding[] }
  | {
      readonly kind: 'block';
      readonly reasons: readonly [Reason, ...Reason[]];
      readonly undetermined: readonly Finding[];
      readonly exempted: readonly ExemptedFinding[];
    }
  | {
      readonly kind: 'undetermined';
      /** The findings with an unknown severity. */
      readonly undetermined: readonly [Finding, ...Finding[]];
      readonly exempted: readonly ExemptedFinding[];
    };

/** Judges one image by its findings at a given time. */
export type Judge = (image: ImageId, findings: Iterable<Finding>, now: Instant) => Verdict;

type Opinion =
  | { readonly kind: 'below' }
  | { readonly kind: 'undetermined' }
  | ({ readonly kind: 'violates' } & Omit<Reason, 'finding'>)
  | { readonly kind: 'exempted'; readonly exemption: Exemption };

const BELOW: Opinion = { kind: 'below' };
const UNDETERMINED: Opinion = { kind: 'undetermined' };

/** Prepares a policy for many images: indexes its exceptions by advisory and compiles its globs once. */
export function judgeBy(policy: Policy): Judge {
  const exceptions = exceptionsById(policy.exceptions);

  function opinionOf(image: ImageId, finding: Finding, now: Instant): Opinion {
    const byPolicy = opinionByPolicy(policy, finding, now);
    if (byPolicy.kind === 'below') return byPolicy;
    if (finding.state !== 'active') return { kind: 'exempted', exemption: { kind: finding.state } };
    const exception = liveException(exceptions, image, finding, now);
    return exception === undefined ? byPolicy : { kind: 'exempted', exemption: { kind: 'exception', exception } };
  }

  return (image, findings, now) => {
    const reasons: Reason[] = [];
    const undetermined: Finding[] = [];
    const exempted: ExemptedFinding[] = [];
    for (const finding of findings) {
      const opinion = opinionOf(image, finding, now);
      if (opinion.kind === 'violates') {
        const { kind: _kind, ...reason } = opinion;
        reasons.push({ finding, ...reason });
      } else if (opinion.kind === 'exempted') exempted.push({ finding, exemption: opinion.exemption });
      else if (opinion.kind === 'undetermined') undetermined.push(finding);
    }
    if (isNonEmpty(reasons)) return { kind: 'block', reasons, undetermined, exempted };
    return isNonEmpty(undetermined) ? { kind: 'undetermined', undetermined, exempted } : { kind: 'allow', exempted };
  };
}

/** The opinion from thresholds, exploits and grace periods, before suppressions and exceptions apply. */
function opinionByPolicy(policy: Policy, finding: Finding, now: Instant): Opinion {
  if (finding.severity.kind === 'unknown' && policy.unknownSeverity === 'block')
    return { kind: 'violates', rule: 'unknownSeverity', severity: 'unknown' };
  if (finding.severity.kind === 'unknown' && policy.unknownSeverity === 'ignore')
    return { kind: 'exempted', exemption: { kind: 'unknownIgnored' } };
  const known = knownSeverity(finding);
  return known === undefined ? UNDETERMINED : bySeverityAlone(policy, finding, known, now);
}

function bySeverityAlone(policy: Policy, finding: Finding, { severity, from }: KnownSeverity, now: Instant): Opinion {
  const counted = from === 'report' ? ({ severity, inherited: true } as const) : { severity };
  if (reaches(severity, policy.exploited)) {
    if (finding.exploited) return { kind: 'violates', rule: 'exploited', ...counted };
    if (policy.epss !== 'never' && finding.epss !== undefined && finding.epss >= policy.epss)
      return { kind: 'violates', rule: 'exploited', epss: finding.epss, ...counted };
  }
  const rule = finding.fix === 'none' ? 'unfixable' : 'severityThreshold';
  if (!reaches(severity, policy[rule])) return BELOW;
  const until = graceEnd(policy.graceDays[severity], finding.disclosedAt, now);
  return until !== undefined && now < until
    ? { kind: 'exempted', exemption: { kind: 'grace', until } }
    : { kind: 'violates', rule, ...counted };
}

function reaches(severity: Severity, threshold: Threshold): boolean {
  return threshold !== 'never' && atLeast(severity, threshold);
}

/** The end of the grace period. Undefined if the policy has none, or if the disclosure date is unknown or to come. */
function graceEnd(days: number | undefined, disclosedAt: Instant | undefined, now: Instant): Instant | undefined {
  if (days === undefined || disclosedAt === undefined || disclosedAt > now) return undefined;
  return new Date(Date.parse(disclosedAt) + days * DAY_MILLISECONDS).toISOString();
}

interface PreparedException {
  readonly exception: Exception;
  readonly inRepository: (name: string) => boolean;
}

function exceptionsById(exceptions: readonly Exception[]): ReadonlyMap<string, readonly PreparedException[]> {
  const prepared = exceptions.map((exception) => ({
    exception,
    inRepository: exception.repository === undefined ? () => true : globMatcher(exception.repository),
  }));
  return Map.groupBy(prepared, ({ exception }) => exception.id.toUpperCase());
}

/** If several exceptions match, returns the one that lasts longest, so that people see the real end. */
function liveException(
  byId: ReadonlyMap<string, readonly PreparedException[]>,
  image: ImageId,
  finding: Finding,
  now: Instant,
): Exception | undefined {
  if (byId.size === 0) return undefined;
  let longest: Exception | undefined;
  for (const id of [finding.vulnerability, ...finding.aliases, ANY_ADVISORY]) {
    for (const { exception, inRepository } of byId.get(id.toUpperCase()) ?? []) {
      const matches =
        now < exception.expiresAt &&
        !(exception.untilFixed && finding.fix === 'available') &&
        (exception.digest === undefined || exception.digest === image.digest) &&
        (exception.package === undefined || exception.package === finding.package.name) &&
        inRepository(image.repository);
      if (matches && (longest === undefined || exception.expiresAt > longest.expiresAt)) longest = exception;
    }
  }
  return longest;
}

/** Is the image allowed without any exemption? */
export function isPlain(verdict: Verdict): boolean {
  return verdict.kind === 'allow' && verdict.exempted.length === 0;
}

/** Narrows a list to one with a first element. */
export function isNonEmpty<T>(list: readonly T[]): list is readonly [T, ...T[]] {
  return list.length > 0;
}
