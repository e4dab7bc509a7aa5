// Turns findings, states and decisions into English: what people read in logs and terminals, and what mails are made
// of.

import type { Gate } from '../gate/gate.ts';
import type { Clearance, GateState, Waiting, WaitingFor } from '../gate/record.ts';
import { type Finding, knownSeverity } from '../policy/finding.ts';
import type { ExemptedFinding, Exemption, Reason, Verdict } from '../policy/verdict.ts';
import type { Decision, ImageDecision } from './decision.ts';
import { describeOverride } from './override-text.ts';

/** The most images of a sentence, and findings of an image, that are named; the rest is counted. */
const MAX_NOTES = 3;

/** The name that people know a gate by. */
export function gateName({ repository, digest }: Gate): string {
  return digest === undefined ? repository : `${repository}@${digest}`;
}

/** The same, short enough for the subject of a message. */
export function shortName({ repository, digest }: Gate): string {
  return digest === undefined ? repository : `${repository}@${shortDigest(digest)}`;
}

/** Enough of a digest to know it by. */
function shortDigest(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}

/** A finding in one line: advisory, severity, package, installed and fixed version, link. */
export function describeFinding(finding: Finding): string {
  const { vulnerability, package: found, score, exploited, link } = finding;
  const extras = [score === undefined ? undefined : `CVSS ${score}`, exploited ? 'known exploit' : undefined].filter(
    isText,
  );
  const severityText = [describeSeverity(finding), ...extras].join(', ');
  // A finding of the image itself has no version.
  const where = [found.name, found.version].filter((part) => part !== '').join(' ');
  return `${vulnerability} (${severityText}) in ${where}: ${describeFix(finding)}${link === undefined ? '' : ` ${link}`}`;
}

/** The severity of a finding as the scanner gave it. One that it only inherits is marked. */
export function describeSeverity(finding: Finding): string {
  if (finding.severity.kind === 'known') return finding.severity.severity;
  const known = knownSeverity(finding);
  return known?.from === 'report' ? inheritedSeverity(known.severity) : `severity "${finding.severity.label}"`;
}

/** The severity that counted for a reason. One that was inherited is marked. */
export function describeCounted({ severity, inherited }: Pick<Reason, 'severity' | 'inherited'>): string {
  return inherited === true ? inheritedSeverity(severity) : severity;
}

function inheritedSeverity(severity: string): string {
  return `${severity}, inherited from the report`;
}

function describeFix({ fix, package: found }: Finding): string {
  if (found.fixedVersion !== undefined) return `fixed in ${found.fixedVersion}.`;
  if (fix === 'none') return 'no fix yet.';
  return fix === 'available' ? 'a fix is available.' : 'whether there is a fix is not known.';
}

/** What exempted a finding, and until when. */
export function describeExemption(exemption: Exemption): string {
  switch (exemption.kind) {
    case 'exception':
      return `excepted until ${exemption.exception.expiresAt}${exemption.exception.untilFixed ? ' or until a fix exists' : ''}: ${exemption.exception.reason}`;
    case 'grace':
      return `in its grace period until ${exemption.until}`;
    case 'suppressed':
      return 'suppressed at the provider';
    case 'unknownIgnored':
      return 'of unknown severity, which the policy ignores';
  }
}

const WAITING_FOR: Readonly<Record<Exclude<WaitingFor, 'inUse'>, string>> = {
  audit: 'the stack is in audit mode, which closes nothing',
  pause: 'pullgate is paused; `pullgate resume` ends the pause',
  release: 'it was released for now; the next reconciliation closes it again if something still holds it',
  override: 'an override keeps it open for a while',
  brake: 'the limit on closings an hour (maxClosesPerHour) is reached; it closes when its turn comes',
  foreignLock:
    'somebody else has locked it, and pullgate leaves that lock alone; once it is removed, pullgate closes the gate itself',
};

/** Why a gate waits. */
export function describeWaiting(waiting: Waiting): string {
  if (waiting.for !== 'inUse') return WAITING_FOR[waiting.for];
  return `it is in use by ${waiting.by}, which would fail if it closed; set ${waiting.setting} to close such gates too`;
}

export const CLEARANCES: Readonly<Record<Clearance, string>> = {
  gone: 'it is gone from the registry (deleted or archived)',
  outOfScope: 'it does not count any more (no tag leads to it, or the config leaves its repository out)',
  exempted: 'its findings do not violate any more (policy, exception or suppression)',
  scanned: 'a newer scan shows nothing that violates',
  resolved: 'the provider says that each of its findings is resolved',
};

/** A decision in one sentence, for the log. */
export function summarize(decision: Decision): string {
  const name = shortName(decision.gate);
  const notes = weightiestFirst(decision.images).slice(0, MAX_NOTES).map(noteOf);
  const more = decision.images.length - notes.length;
  if (decision.override !== undefined) notes.unshift(noteOfOverride(decision.override));
  if (more > 0) notes.push(`and ${more} more images`);
  const awaited = decision.awaited.length;
  if (awaited > 0)
    notes.push(`${awaited} finding(s) that an event reported are not shown by the scanner yet; the event is retried`);
  if (decision.notifyError !== undefined) notes.push(`a notice could not be sent yet (${decision.notifyError})`);
  return `${name} ${outcome(decision)}${notes.length === 0 ? '' : `: ${notes.join('; ')}`}`;
}

function noteOfOverride({ step, order }: NonNullable<Decision['override']>): string {
  if (step !== 'ends') return describeOverride(order);
  return `the override by ${order.by} that kept it ${order.kind} has ended${order.endedBy === undefined ? '' : `, since ${order.endedBy} ended it`}`;
}

const WEIGHT: Readonly<Record<ImageDecision['kind'], number>> = { holds: 0, cleared: 1, none: 2 };

/** What holds the gate first: a list that is cut must not lose it. */
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
      return to.kind === 'waiting' ? `is open now, though ${describeWaiting(to)}` : 'is open now';
    case 'waiting':
      return `is ${describeState(to)}`;
    case 'cleared':
      return 'has nothing to wait for any more';
    case 'restored':
      return 'is closed again';
    case 'refused':
      return `could not be changed: ${problem}`;
  }
}

/** A gate's state in words. */
export function describeState(state: GateState): string {
  if (state.kind !== 'waiting') return state.kind;
  return `${state.for === 'foreignLock' ? 'locked' : 'open'}, waiting: ${describeWaiting(state)}`;
}

function noteOf(image: ImageDecision): string {
  const name = shortDigest(image.digest);
  if (image.kind === 'cleared') return `${name} holds it no longer, ${CLEARANCES[image.how]}`;
  if (image.kind === 'holds' && (image.why.kind === 'unproven' || image.why.kind === 'recentScan'))
    return `${name} still holds it, proof is missing: ${image.why.detail}`;
  if (image.kind === 'holds' && image.why.kind === 'undetermined') {
    return `${name} still holds it, and what is not known releases nothing: ${describeVerdict(image.verdict)}`;
  }
  return `${name} ${describeVerdict(image.verdict)}`;
}

/** A verdict in words. */
export function describeVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'block':
      return `violates the policy with ${list(verdict.reasons.map((reason) => `${reason.finding.vulnerability} in ${reason.finding.package.name} (${describeCounted(reason)}, ${reason.rule})`))}`;
    case 'undetermined':
      return `is undetermined: nobody knows the severity of ${list(verdict.undetermined.map(({ vulnerability }) => vulnerability))}`;
    case 'allow':
      return verdict.exempted.length === 0
        ? 'has nothing that violates'
        : `is exempted: ${list(verdict.exempted.map(describeExempted))}`;
  }
}

function describeExempted({ finding, exemption }: ExemptedFinding): string {
  return `${finding.vulnerability} is ${describeExemption(exemption)}`;
}

export function list(items: readonly string[], most = MAX_NOTES): string {
  const more = items.length - most;
  return `${items.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}
