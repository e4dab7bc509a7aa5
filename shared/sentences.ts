// The one place that turns decisions into English: what people read in mails, logs and terminals.
import type { Decision, ImageDecision } from './decision.ts';
import type { Finding } from './finding.ts';
import type { Account, Gate, GateState, Notice, NoticeImage, StillPullable, WaitingFor } from './record.ts';
import type { Rule, Spared, Verdict } from './verdict.ts';

/** A message to people. */
export interface Message {
  /** At most 100 characters of ASCII, as Amazon SNS allows. */
  readonly subject: string;
  readonly text: string;
}

/** So many images of a sentence, and findings of an image, are named; the rest is counted. */
const MAX_NOTES = 3;
const MAX_TAGS = 10;

/** The name that people know a gate by. */
export function gateName({ repository, digest }: Gate): string {
  return digest === undefined ? repository : `${repository}@${digest}`;
}

/** The same, short enough for the subject of a message. */
function shortName({ repository, digest }: Gate): string {
  return digest === undefined ? repository : `${repository}@${shortDigest(digest)}`;
}

/** Enough of a digest to know it by. */
function shortDigest(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}

/** A finding in one line: advisory, severity, package, installed and fixed version, link. */
export function describeFinding(finding: Finding): string {
  const { vulnerability, package: found, severity, score, exploited, link } = finding;
  const word = severity.kind === 'known' ? severity.severity : `severity "${severity.label}"`;
  const extras = [score === undefined ? undefined : `CVSS ${score}`, exploited ? 'known exploit' : undefined].filter(
    isText,
  );
  const severityText = [word, ...extras].join(', ');
  // A finding of the image itself has no version.
  const where = [found.name, found.version].filter((part) => part !== '').join(' ');
  return `${vulnerability} (${severityText}) in ${where}: ${describeFix(finding)}${link === undefined ? '' : ` ${link}`}`;
}

function describeFix({ fix, package: found }: Finding): string {
  if (found.fixedVersion !== undefined) return `fixed in ${found.fixedVersion}.`;
  if (fix === 'none') return 'no fix yet.';
  return fix === 'available' ? 'a fix is available.' : 'whether there is a fix is not known.';
}

/** What spared a finding, and until when. */
export function describeRule(rule: Rule): string {
  switch (rule.kind) {
    case 'exception':
      return `excepted until ${rule.exception.expiresAt}${rule.exception.untilFixed ? ' or until a fix exists' : ''}: ${rule.exception.reason}`;
    case 'grace':
      return `in grace until ${rule.until}`;
    case 'suppressed':
      return 'suppressed at the provider';
    case 'unknownIgnored':
      return 'of unknown severity, which the policy ignores';
  }
}

const WAITING_FOR: Readonly<Record<WaitingFor, string>> = {
  audit: 'the stack is in audit mode, which closes nothing',
  pause: 'pullgate was paused by hand; `pullgate resume` ends that',
  brake: 'the brake (maxClosesPerHour) is used up for this hour; it is closed when its turn comes',
  lambda:
    'it serves Lambda functions, which would fail if it closed; set aws.closeLambdaRepositories to close such repositories too',
  lockedByOthers:
    'somebody else has locked it, and pullgate leaves that lock alone; once it is taken away, pullgate closes the gate itself',
};

const ACCOUNTS: Readonly<Record<Account, string>> = {
  gone: 'it is gone from the registry (deleted or archived)',
  outOfScope: 'it does not count any more (no tag leads to it, or the config leaves its repository out)',
  spared: 'its findings do not violate any more (policy, exception or suppression)',
  scanned: 'a newer scan shows nothing that violates',
  resolved: 'the provider says that each of its findings is resolved',
};

const STILL_PULLABLE: Readonly<Record<StillPullable['why'], string>> = {
  outOfScope: 'it does not count, since no tag leads to it or the config leaves its repository out',
  spared: 'since the policy spares its findings',
  undetermined: 'since nobody knows how severe its findings are',
};

/** What ends a closing, or keeps a gate from one. */
function waysOut(isOpen: boolean): readonly string[] {
  const [title, end, verb] = isOpen
    ? ['How to keep it open:', 'nothing would close it any more', 'clears']
    : ['How to get it open:', 'it opens by itself', 'opens'];
  return [
    '',
    title,
    `  1. Push an image with the fixed versions under the same tag, or delete the images above; ${end} once none of them is left.`,
    '  2. Or have the finding reviewed and add an exception (id, expires, reason) to the policy of the stack, then `pulumi up`.',
    '  3. Or suppress the finding at the provider.',
    `A finding that merely disappears ${verb} nothing: only an image that is gone, an exception, or the scanner's proof that it is clean does.`,
  ];
}

/** What people are told of a state change: what, why, since when, and what they can do. */
export function tell(gate: Gate, notice: Notice): Message {
  const name = shortName(gate);
  const where = `${gateName(gate)} (registry ${gate.registry})`;
  switch (notice.kind) {
    case 'closed':
      return message(`closed: ${name}`, [
        `pullgate closed ${where} at ${notice.at}: nobody can pull it, but for whom the config exempts.`,
        ...becauseOf(notice),
        ...waysOut(false),
      ]);
    case 'restored':
      return message(`closed again: ${name}`, [
        `Something had removed or changed what keeps ${where} closed; pullgate put it back at ${notice.at}.`,
        'If your own infrastructure code did, its next run will do it again: let it leave alone what pullgate sets there.',
        ...becauseOf(notice),
        ...waysOut(false),
      ]);
    case 'waiting':
      return message(`NOT closed: ${name}`, [
        `${where} would be closed, and is ${notice.waitingFor === 'lockedByOthers' ? 'not closed by pullgate' : 'still open'}: ${reasonToWait(notice)}.`,
        ...becauseOf(notice),
        ...waysOut(true),
      ]);
    case 'cleared':
      return message(`clear: ${name}`, [
        `${where} had to be closed and waited; nothing holds it any more, since ${notice.at}.`,
        ...accountsOf(notice),
      ]);
    case 'opened':
      return message(`opened: ${name}`, [
        `pullgate opened ${where} at ${notice.at}${notice.closedSince === undefined ? '' : `; it had been closed since ${notice.closedSince}`}.`,
        ...(notice.waitingFor === undefined
          ? accountsOf(notice)
          : [`It still has a reason to be closed, but ${reasonToWait(notice)}.`, ...becauseOf(notice)]),
        ...stillPullable(notice),
      ]);
  }
}

function message(subject: string, lines: readonly string[]): Message {
  return { subject: `[pullgate] ${subject}`.slice(0, 100), text: `${lines.join('\n')}\n` };
}

function reasonToWait({ waitingFor }: Notice): string {
  return waitingFor === undefined ? 'for no reason that pullgate knows' : WAITING_FOR[waitingFor];
}

function becauseOf({ images, moreImages, omittedImages }: Notice): readonly string[] {
  return [
    '',
    'Why:',
    ...images.flatMap(describeImage),
    ...(moreImages === 0 ? [] : [`  and ${moreImages} more images`]),
    ...(omittedImages === 0
      ? []
      : [`  and ${omittedImages} more that its record has no room for: it opens only by \`pullgate release\``]),
  ];
}

function describeImage({ digest, tags, findings, moreFindings }: NoticeImage): readonly string[] {
  return [
    `  ${digest}${describeTags(tags)}`,
    ...findings.map((finding) => `    ${describeFinding(finding)}`),
    ...(moreFindings === 0 ? [] : [`    and ${moreFindings} more findings`]),
  ];
}

/** An image may have a thousand tags, and Amazon SNS takes 256 KB. */
function describeTags(tags: readonly string[]): string {
  return tags.length === 0 ? '' : ` (${list(tags, MAX_TAGS)})`;
}

function accountsOf({ accounts }: Notice): readonly string[] {
  return accounts.map(({ digest, how }) => `  ${digest}: ${ACCOUNTS[how]}.`);
}

function stillPullable({ stillPullable: images }: Notice): readonly string[] {
  if (images.length === 0) return [];
  return [
    '',
    'Still pullable, although it has findings:',
    ...images.map(
      ({ digest, tags, why, vulnerabilities }) =>
        `  ${digest}${describeTags(tags)} with ${vulnerabilities.join(', ')}: ${STILL_PULLABLE[why]}.`,
    ),
  ];
}

/** A decision in one sentence, for the log. */
export function summarize(decision: Decision): string {
  const name = shortName(decision.gate);
  const notes = weightiestFirst(decision.images).slice(0, MAX_NOTES).map(noteOf);
  const more = decision.images.length - notes.length;
  if (more > 0) notes.push(`and ${more} more images`);
  const unconfirmed = decision.unconfirmed.length;
  if (unconfirmed > 0)
    notes.push(`${unconfirmed} reported finding(s) are not known to the scanner yet; the event comes back`);
  if (decision.untold !== undefined) notes.push(`nobody could be told yet (${decision.untold})`);
  return `${name} ${outcome(decision)}${notes.length === 0 ? '' : `: ${notes.join('; ')}`}`;
}

const WEIGHT: Readonly<Record<ImageDecision['kind'], number>> = { holds: 0, released: 1, none: 2 };

/** What holds the gate first: a list that is cut must not lose it. */
export function weightiestFirst(images: readonly ImageDecision[]): readonly ImageDecision[] {
  return images.toSorted((a, b) => WEIGHT[a.kind] - WEIGHT[b.kind]);
}

function outcome({ done, to, problem }: Decision): string {
  switch (done) {
    case 'nothing':
      return `stays ${describeState(to)}`;
    case 'closed':
      return 'is closed now';
    case 'opened':
      return to.kind === 'waiting' ? `is open now, though ${WAITING_FOR[to.for]}` : 'is open now';
    case 'waiting':
      return `is ${describeState(to)}`;
    case 'cleared':
      return 'has nothing to wait for any more';
    case 'restored':
      return 'is closed again';
    case 'refused':
      return `could not be changed: ${problem ?? 'the registry gave no reason'}`;
  }
}

/** A gate's state in words. */
export function describeState(state: GateState): string {
  if (state.kind !== 'waiting') return state.kind;
  return `${state.for === 'lockedByOthers' ? 'locked' : 'open'}, waiting: ${WAITING_FOR[state.for]}`;
}

function noteOf(image: ImageDecision): string {
  const name = shortDigest(image.digest);
  if (image.kind === 'released') return `${name} holds it no longer, ${ACCOUNTS[image.how]}`;
  if (image.kind === 'holds' && (image.why.kind === 'unproven' || image.why.kind === 'unsettled'))
    return `${name} still holds it, proof is missing: ${image.why.why}`;
  if (image.kind === 'holds' && image.why.kind === 'undetermined') {
    return `${name} still holds it, and what is not known releases nothing: ${describeVerdict(image.verdict)}`;
  }
  return `${name} ${describeVerdict(image.verdict)}`;
}

/** A verdict in words. */
export function describeVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'block':
      return `violates by ${list(verdict.reasons.map(({ finding, rule, severity }) => `${finding.vulnerability} in ${finding.package.name} (${severity}, ${rule})`))}`;
    case 'undetermined':
      return `is undetermined: nobody knows the severity of ${list(verdict.undetermined.map(({ vulnerability }) => vulnerability))}`;
    case 'allow':
      return verdict.spared.length === 0
        ? 'has nothing that violates'
        : `is spared: ${list(verdict.spared.map(describeSpared))}`;
  }
}

function describeSpared({ finding, rule }: Spared): string {
  return `${finding.vulnerability} is ${describeRule(rule)}`;
}

function list(items: readonly string[], most = MAX_NOTES): string {
  const more = items.length - most;
  return `${items.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}
