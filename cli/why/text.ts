// Formats the answer to `pullgate why` as lines: whether the image can be pulled, who closed its gate and why, and what
// to do next.
import { USERS } from '../../aws/function/usage.ts';
import { ANY_ADVISORY } from '../../shared/policy/exceptions.ts';
import type { Finding, Instant } from '../../shared/policy/finding.ts';
import { isNonEmpty } from '../../shared/policy/verdict.ts';
import { adviseFix, adviseOverride } from '../../shared/report/advice.ts';
import {
  capitalized,
  counted,
  describeCounted,
  describeRule,
  describeState,
  describeUsage,
} from '../../shared/report/sentences.ts';
import { escapeUnseen, plain } from '../../shared/runtime/unseen.ts';
import type { Obstacle } from '../stack/client.ts';
import { columns, paint } from '../terminal/terminal.ts';
import { endOf, exceptionName, minute, nearEnd } from '../terminal/words.ts';
import type { Move } from './advice.ts';
import type { ExemptedAnswer, ImageAnswer } from './images.ts';
import type { GateAnswer, WhyAnswer } from './why.ts';

/** The most findings that are shown for an image. `--json` shows all. */
const MAX_ROWS = 20;
const MAX_OTHERS = 5;

/** Formats the answer as lines, in colour if stdout is a terminal. */
export function whyLines(answer: WhyAnswer, now: Instant): readonly string[] {
  const { image, digest, tags, isDefaultTag, unsure, images } = answer;
  const others = images.filter(({ part }) => part === 'other');
  const lines = [
    plain(image),
    `  ${digest} (${tags.length === 0 ? 'untagged' : plain(tags.join(', '))})`,
    ...(isDefaultTag ? ['  The name has no tag, so this is the image with the tag latest.'] : []),
    '',
    ...verdictLines(answer, now),
    ...images.filter(({ part }) => part !== 'other').flatMap((one) => imageLines(one, now)),
    ...others.slice(0, MAX_OTHERS).flatMap((one) => imageLines(one, now)),
    ...(others.length > MAX_OTHERS
      ? ['', `The gate has ${counted(others.length - MAX_OTHERS, 'more blocker')} (use --json).`]
      : []),
    ...(unsure === undefined ? [] : ['', `Not certain: ${plain(unsure)}.`]),
    ...adviceLines(answer),
  ];
  return lines;
}

function verdictLines(answer: WhyAnswer, now: Instant): readonly string[] {
  const { pullable, closedBy, obstacles, problem, gates, mode, rule } = answer;
  const word = pullable ? paint('green', 'PULLABLE') : paint('red', 'REFUSED');
  const reasons = obstacles.map(
    (one) => `${one.for === 'some' ? 'For some principals, ' : ''}${obstacleLine(one, answer)}`,
  );
  const refusal = closedBy === undefined ? `${plain(problem ?? '')}.` : reasons.shift();
  const first = pullable ? 'nothing refuses pulls of this image.' : refusal;
  return [
    `${word}: ${first}`,
    ...reasons.map((reason) => `  Also: ${reason}`),
    ...(problem !== undefined && closedBy !== undefined ? [`  Also: ${plain(problem)}.`] : []),
    ...gates.flatMap((gate) => gateLines(gate, answer, now)),
    ...(rule === null ? [] : [`  The mode (${mode}) and the policy are those of ${rule}.`]),
  ];
}

function obstacleLine({ by, what, since }: Obstacle, { stack }: WhyAnswer): string {
  switch (by) {
    case 'pullgate':
      return `pullgate (stack ${stack}) ${since === undefined ? 'closed it' : `has kept it closed since ${minute(since)}`}: ${plain(what)}.`;
    case 'anotherStack':
      return `it is still refused by ${plain(what)}, which another pullgate deployment wrote. Run this command with that stack (--stack NAME), or if it no longer exists, \`pullgate release --orphans\`.`;
    case 'others':
      return `${plain(what)}. pullgate did not set this and does not change it.`;
  }
}

/** What the record and the observation add to the verdict. */
function gateLines(
  { gate, state, blockers, omittedBlockers, override }: GateAnswer,
  answer: WhyAnswer,
  now: Instant,
): readonly string[] {
  const name = gate.digest === undefined ? `the repository ${gate.repository}` : `the image ${gate.digest}`;
  const isClosedByUs = answer.obstacles.some(({ by }) => by === 'pullgate');
  const lines: string[] = [];
  if (override !== undefined)
    lines.push(
      `  An override keeps ${name} ${override.kind} until ${endOf(override.until, now)}: ${plain(override.reason)} (approved by ${plain(override.approvedBy)}).`,
    );
  if (override?.kind === 'open' || (override?.kind === 'closed' && blockers === 0)) return lines;
  if (state.kind === 'waiting') lines.push(`  pullgate would close ${name}, but it is ${describeState(state)}.`);
  else if (state.kind === 'unexplained')
    lines.push(
      `  ${capitalized(name)} is closed, and its record does not say why. It opens once each of its images has a newer scan without a violation, or by \`pullgate override open\`.`,
    );
  else if (state.kind === 'closing' || state.kind === 'opening')
    lines.push(`  pullgate is ${state.kind} ${name}. If it was interrupted, the next event or sweep finishes this.`);
  else if (blockers > 0 && !isClosedByUs)
    lines.push(`  The findings below violate the policy: the next event or sweep closes ${name}.`);
  else if (blockers === 0 && omittedBlockers === 0 && state.kind === 'closed')
    lines.push(`  No blockers of ${name} are left: the next event or sweep opens it.`);
  if (omittedBlockers > 0)
    lines.push(
      `  The record has no room for ${counted(omittedBlockers, 'more blocker')} of ${name}: only \`pullgate release\` opens it.`,
    );
  return lines;
}

const PART = {
  asked: 'This image',
  child: 'An image of this index',
  other: 'Another blocker of the same repository',
};

function imageLines(image: ImageAnswer, now: Instant): readonly string[] {
  const { part, digest, tags, usage, violating, undetermined, remembered, exempted, lapsed, omittedFindings } = image;
  const name =
    part === 'asked'
      ? PART.asked
      : `${PART[part]}, ${digest}${tags.length === 0 ? '' : ` (${plain(tags.join(', '))})`}`;
  const rows = violating.map((reason) => findingRow(reason.finding, describeCounted(reason), describeRule(reason)));
  const table = (title: string, found: readonly (readonly string[])[]) =>
    found.length === 0
      ? []
      : [
          `  ${title}`,
          ...columns([HEADINGS, ...found.slice(0, MAX_ROWS)]).map((line) => `    ${line}`),
          ...(found.length > MAX_ROWS ? [`    and ${found.length - MAX_ROWS} more (use --json)`] : []),
        ];
  const unknown = (finding: Finding) => findingRow(finding, wordOf(finding), '');
  return [
    '',
    `${name} ${stateWords(image)}`,
    // Only AWS reports a use.
    ...(usage === undefined ? [] : [`  ${capitalized(describeUsage(usage, USERS))}.`]),
    ...table('Findings that violate:', rows),
    ...table('Findings of unknown severity:', undetermined.map(unknown)),
    ...table('Findings that the scanner no longer shows, without proof that they are gone:', remembered.map(unknown)),
    ...(omittedFindings > 0
      ? [
          `  The record has no room for ${counted(omittedFindings, 'more finding')}: only a newer scan or deleting the image clears the image.`,
        ]
      : []),
    ...exempted.map((one) => `  ${exemptedLine(one, now)}`),
    ...lapsed.map(
      ({ finding, exception }) =>
        `  The exception for ${plain(exceptionName(exception))} ${exception.expiresAt <= now ? `expired at ${minute(exception.expiresAt)}` : `has lapsed because a fix exists (untilFixed)`} and no longer exempts ${plain(finding.vulnerability)}.`,
    ),
  ];
}

const HEADINGS = ['SEVERITY', 'ADVISORY', 'PACKAGE', 'INSTALLED', 'FIXED IN', 'RULE', 'LINK'];

function findingRow(finding: Finding, severity: string, rule: string): readonly string[] {
  const { vulnerability, package: found, exploited, link = '', fix } = finding;
  const fixed =
    found.fixedVersion ?? (fix === 'none' ? 'no fix yet' : fix === 'available' ? 'a fix exists' : 'unknown');
  const extra = exploited ? `${severity}, exploited` : severity;
  return [extra, vulnerability, found.name, found.version, fixed, rule, link].map(plain);
}

function wordOf({ severity }: Finding): string {
  return severity.kind === 'known' ? severity.severity : `"${severity.label}"`;
}

function stateWords({ verdict, holds, violating }: ImageAnswer): string {
  if (holds?.kind === 'unproven' || holds?.kind === 'recentScan')
    return `is still a blocker, because proof is missing: ${holds.detail}.`;
  if (holds?.kind === 'undetermined')
    return 'is still a blocker, because an unknown severity does not prove that it is safe.';
  switch (verdict) {
    case 'block':
      return `violates the policy with ${counted(violating.length, 'finding')}.`;
    case 'undetermined':
      return 'is undetermined, because the severity of a finding is unknown. This does not close a gate.';
    case 'outOfScope':
      return 'is out of scope: it is untagged, or the config excludes its repository.';
    case 'gone':
      return 'is no longer in the registry.';
    case 'allow':
      return 'does not violate the policy.';
  }
}

function exemptedLine({ finding, exemption, until }: ExemptedAnswer, now: Instant): string {
  const what = plain(`${finding.vulnerability} in ${finding.package.name}`);
  const end = until === undefined ? '' : ` until ${endOf(until, now)}`;
  const near = until !== undefined && nearEnd(until, now) !== undefined;
  const text = (() => {
    switch (exemption.kind) {
      case 'exception':
        return `${what} is exempted by an exception${end}${exemption.exception.untilFixed ? ', or until a fix exists' : ''}: ${plain(exemption.exception.reason)}`;
      case 'grace':
        return `${what} is in its grace period${end}`;
      case 'suppressed':
        return `${what} is suppressed at the provider`;
      case 'rejected':
        return `${what} is about an advisory that was withdrawn`;
      case 'unknownIgnored':
        return `${what} has an unknown severity, which the policy ignores`;
    }
  })();
  return near ? paint('yellow', `${text}. Then the gate closes.`) : `${text}.`;
}

function adviceLines(answer: WhyAnswer): readonly string[] {
  const { pullable, closedBy } = answer;
  const steps = [...overrideSteps(answer), ...findingSteps(answer)];
  if (isNonEmpty(steps)) return ['', 'What to do next:', ...steps];
  return pullable || closedBy !== 'others'
    ? []
    : ['', 'What to do next: ask its owner to remove it. pullgate opens only the gates that it closed.'];
}

/** Overrides that keep a gate closed come first, because no fix or exception opens the gate before they end. */
function overrideSteps({ gates, advice }: WhyAnswer): readonly string[] {
  const overrides = gates.flatMap(({ override }) => (override?.kind === 'closed' ? [override] : []));
  return overrides.flatMap(({ until, approvedBy }, index) => [
    `  An override keeps it closed until ${minute(until)}, approved by ${plain(approvedBy)}. No fix or exception opens it earlier. To end the override now:`,
    `       pullgate override clear ${plain(advice.clear[index] ?? '')}`,
  ]);
}

function findingSteps({ advice, gates, image, closedBy }: WhyAnswer): readonly string[] {
  const { moves, exceptions, exceptionsOpen, unnamed, untaggedHold } = advice;
  if (!isNonEmpty(moves)) return [];
  const isImage = gates.every(({ gate }) => gate.digest !== undefined);
  const fix = adviseFix({ isImage, images: untaggedHold ? 'all' : 'tagged' });
  return [
    `  1. Upgrade to fixed versions, and ${fix}:`,
    ...columns(moves.map(moveRow)).map((line) => `       ${line}`),
    ...(exceptions.length === 0
      ? []
      : [
          `  2. Or, after a review, add this to pullgate:policy.exceptions, fill in the reason and the approver, and run \`pulumi up\`${exceptionsOpen ? '' : ' (this alone does not open it; see above)'}:`,
          ...exceptions.map((one) => `       - ${escapeUnseen(JSON.stringify(one))}`),
          ...(exceptions.some(({ id }) => id === ANY_ADVISORY)
            ? ['       The id * exempts every finding of its package, also those with details.']
            : []),
        ]),
    ...(unnamed.length === 0
      ? []
      : [`  No exception can name ${plain(unnamed.join(', '))}: after a review, suppress it at the provider.`]),
    ...(closedBy === 'pullgate' && gates.every(({ override }) => override === undefined)
      ? [`  If it cannot wait, ${adviseOverride(plain(image))}.`]
      : []),
  ];
}

function moveRow({ package: name, installed, moveTo, withoutFix }: Move): readonly string[] {
  const to =
    moveTo === undefined
      ? `no fixed version is known for ${withoutFix.join(', ')}: remove the package, or add an exception`
      : `${moveTo} or newer`;
  return [name, installed, '->', to].map(plain);
}
