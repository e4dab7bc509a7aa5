// Describes findings, states and decisions in English, for logs, terminals and mails.

import type { BlockedFix, TaggedImage } from '../gate/blocked-fix.ts';
import type { Gate } from '../gate/gate.ts';
import type { Clearance, GateState, Waiting, WaitingFor } from '../gate/record.ts';
import { type Finding, knownSeverity } from '../policy/finding.ts';
import type { ExemptedFinding, Exemption, Reason, Verdict } from '../policy/verdict.ts';
import type { Decision, ImageDecision } from './decision.ts';
import { describeOverride } from './override-text.ts';
import { minute } from './times.ts';

/** The number of images in a sentence, and of findings in an image, that are named; the rest is counted. */
const MAX_NOTES = 3;

/** The name of a gate as users write it: the repository, with the digest if the gate is an image. */
export function gateName({ repository, digest }: Gate): string {
  return digest === undefined ? repository : `${repository}@${digest}`;
}

/** The gate's name, short enough for the subject of a message. */
export function shortName({ repository, digest }: Gate): string {
  return digest === undefined ? repository : `${repository}@${shortDigest(digest)}`;
}

/** The first 12 digits of a digest, enough to recognize it. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}

/** `the fix 1.5 is blocked by 1.4` */
export function describeBlockedFix({ fix, blockedBy, moreBlockedBy }: BlockedFix): string {
  const more = moreBlockedBy === 0 ? '' : ` and ${counted(moreBlockedBy, 'more image')}`;
  return `the fix ${tagOf(fix)} is blocked by ${blockedBy.map(tagOf).join(', ')}${more}`;
}

/** The first tag of an image, or the beginning of its digest. */
export function tagOf({ digest, tags }: TaggedImage): string {
  return tags[0] ?? shortDigest(digest);
}

/** A finding in one line: advisory, severity, package, installed and fixed version, link. */
export function describeFinding(finding: Finding): string {
  const { vulnerability, package: found, score, exploited, epss, link } = finding;
  const extras = [
    score === undefined ? undefined : `CVSS ${score}`,
    exploited ? 'known exploit' : undefined,
    epss === undefined ? undefined : `EPSS ${epss}`,
  ].filter(isText);
  const severityText = [describeSeverity(finding), ...extras].join(', ');
  // A finding of the image itself has no version.
  const where = [found.name, found.version].filter((part) => part !== '').join(' ');
  return `${vulnerability} (${severityText}) in ${where}: ${describeFix(finding)}${link === undefined ? '' : ` ${link}`}`;
}

/** The severity of a finding as the scanner reported it. An inherited severity is marked as such. */
export function describeSeverity(finding: Finding): string {
  if (finding.severity.kind === 'known') return finding.severity.severity;
  const known = knownSeverity(finding);
  return known?.from === 'report' ? inheritedSeverity(known.severity) : `severity "${finding.severity.label}"`;
}

/** The severity that the policy used for a reason. An inherited severity is marked as such. */
export function describeCounted({ severity, inherited }: Pick<Reason, 'severity' | 'inherited'>): string {
  return inherited === true ? inheritedSeverity(severity) : severity;
}

/** The rule of a reason, with the EPSS score if the finding counts as exploited by it. */
export function describeRule({ rule, epss }: Pick<Reason, 'rule' | 'epss'>): string {
  return epss === undefined ? rule : `${rule} by EPSS ${epss}`;
}

function inheritedSeverity(severity: string): string {
  return `${severity}, inherited from the report`;
}

function describeFix({ fix, package: found }: Finding): string {
  if (found.fixedVersion !== undefined) return `fixed in ${found.fixedVersion}.`;
  if (fix === 'none') return 'no fix yet.';
  return fix === 'available' ? 'a fix is available.' : 'unknown whether a fix exists.';
}

/** Why a finding is exempt, and until when. */
export function describeExemption(exemption: Exemption): string {
  switch (exemption.kind) {
    case 'exception':
      return `exempted by an exception until ${minute(exemption.exception.expiresAt)}${exemption.exception.untilFixed ? ' or until a fix exists' : ''}: ${exemption.exception.reason}`;
    case 'grace':
      return `in its grace period until ${minute(exemption.until)}`;
    case 'suppressed':
      return 'suppressed in the scanner';
    case 'rejected':
      return 'about an advisory that was withdrawn';
    case 'unknownIgnored':
      return 'of unknown severity, which the policy ignores';
  }
}

const WAITING_FOR: Readonly<Record<Exclude<WaitingFor, 'inUse' | 'refused'>, string>> = {
  audit: 'it is in audit mode, which closes nothing',
  pause: 'pullgate is paused; run `pullgate resume` to end the pause',
  release: 'it was released; the next reconciliation closes it again if it still has blockers',
  override: 'an override is in force',
  brake:
    'the limit on closings (maxClosesPerHour or maxClosesPerDay) is reached; pullgate closes it when the limit allows',
  foreignLock:
    'someone else locked it, and pullgate does not touch that lock; once it is removed, pullgate closes the gate',
};

/** Why a gate waits. */
export function describeWaiting(waiting: Waiting): string {
  if (waiting.for === 'refused') return `the registry refuses to close it: ${waiting.problem}`;
  if (waiting.for !== 'inUse') return WAITING_FOR[waiting.for];
  return `it is in use by ${waiting.by}, which would fail if it were closed; set ${waiting.setting} to close such gates too`;
}

export const CLEARANCES: Readonly<Record<Clearance, string>> = {
  gone: 'it is no longer in the registry (deleted or archived)',
  outOfScope: 'it is out of scope (no tag points to it, or the config excludes its repository)',
  exempted: 'its findings no longer violate the policy (policy change, exception or suppression)',
  scanned: 'a newer scan shows nothing that violates the policy',
  resolved: 'the scanner reports all its findings as resolved',
};

/** A decision in one sentence, for the log. */
export function summarize(decision: Decision): string {
  const name = shortName(decision.gate);
  const notes = weightiestFirst(decision.images).slice(0, MAX_NOTES).map(noteOf);
  const more = decision.images.length - notes.length;
  if (decision.override !== undefined) notes.unshift(noteOfOverride(decision.override));
  if (more > 0) notes.push(`and ${counted(more, 'more image')}`);
  const awaited = decision.awaited.length;
  if (awaited > 0)
    notes.push(`the scanner does not list ${counted(awaited, 'finding')} from an event yet; the event is retried`);
  if (decision.notifyError !== undefined) notes.push(`a notice could not be sent yet (${decision.notifyError})`);
  if (decision.blockedFix !== undefined) notes.push(describeBlockedFix(decision.blockedFix));
  if (decision.remedyError !== undefined) notes.push(`a fix could not be looked for (${decision.remedyError})`);
  return `${name} ${outcome(decision)}${notes.length === 0 ? '' : `: ${notes.join('; ')}`}`;
}

function noteOfOverride({ step, order }: NonNullable<Decision['override']>): string {
  if (step !== 'ends') return describeOverride(order);
  return `the override by ${order.by} that kept it ${order.kind} has ended${order.endedBy === undefined ? '' : ` (${order.endedBy} ended it early)`}`;
}

const WEIGHT: Readonly<Record<ImageDecision['kind'], number>> = { holds: 0, cleared: 1, none: 2 };

/** Sorts the blockers first, so that a shortened list keeps them. */
export function weightiestFirst(images: readonly ImageDecision[]): readonly ImageDecision[] {
  return images.toSorted((a, b) => WEIGHT[a.kind] - WEIGHT[b.kind]);
}

function outcome({ action, to, problem }: Decision): string {
  switch (action) {
    case 'nothing':
      return `stays ${describeState(to)}`;
    case 'closed':
      return 'is closed now';
    case 'opened':
      return to.kind === 'waiting' ? `is open now, waiting: ${describeWaiting(to)}` : 'is open now';
    case 'waiting':
      return `is ${describeState(to)}`;
    case 'cleared':
      return 'no longer needs to be closed';
    case 'restored':
      return 'is closed again';
    case 'unexplained':
      return `stays ${describeState(to)}`;
    case 'refused':
      return `could not be changed: ${problem}`;
  }
}

/** Describes a gate's state. */
export function describeState(state: GateState): string {
  if (state.kind === 'unexplained') return 'closed, although its record does not say why';
  if (state.kind !== 'waiting') return state.kind;
  return `${state.for === 'foreignLock' ? 'locked' : 'open'}, waiting: ${describeWaiting(state)}`;
}

function noteOf(image: ImageDecision): string {
  const name = shortDigest(image.digest);
  if (image.kind === 'cleared') return `${name} is no longer a blocker: ${CLEARANCES[image.how]}`;
  if (image.kind === 'holds' && (image.why.kind === 'unproven' || image.why.kind === 'recentScan'))
    return `${name} is still a blocker, since proof is missing: ${image.why.detail}`;
  if (image.kind === 'holds' && image.why.kind === 'undetermined') {
    return `${name} ${describeVerdict(image.verdict)}; it stays a blocker until there is proof`;
  }
  return `${name} ${describeVerdict(image.verdict)}`;
}

/** Describes a verdict. */
export function describeVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'block':
      return `violates the policy with ${list(verdict.reasons.map((reason) => `${reason.finding.vulnerability} in ${reason.finding.package.name} (${describeCounted(reason)}, ${describeRule(reason)})`))}`;
    case 'undetermined':
      return `is undetermined: the severity of ${list(verdict.undetermined.map(({ vulnerability }) => vulnerability))} is unknown`;
    case 'allow':
      return verdict.exempted.length === 0
        ? 'has no finding that violates the policy'
        : `is allowed because of exemptions: ${list(verdict.exempted.map(describeExempted))}`;
  }
}

function describeExempted({ finding, exemption }: ExemptedFinding): string {
  return `${finding.vulnerability} is ${describeExemption(exemption)}`;
}

/** Capitalizes the first letter of a sentence. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `1 gate`, `2 gates`. `many` is the plural if it is irregular: `2 repositories`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** `1,200`. */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** The first items of a list, and the number of the others. */
export function list(items: readonly string[], most = MAX_NOTES): string {
  const more = items.length - most;
  return `${items.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}
