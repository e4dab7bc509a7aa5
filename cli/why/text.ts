// The answer to `pullgate why` in lines: whether the image can be pulled, who closed its gate, for what, and what to do
// next.
import type { Finding, Instant } from '../../shared/policy/finding.ts';
import { isNonEmpty } from '../../shared/policy/verdict.ts';
import { describeCounted, describeState } from '../../shared/report/sentences.ts';
import { escapeUnseen } from '../../shared/runtime/problem.ts';
import type { Obstacle } from '../stack/client.ts';
import { columns, paint } from '../terminal/terminal.ts';
import { endOf, exceptionName, minute, nearEnd, plain } from '../terminal/words.ts';
import type { Move } from './advice.ts';
import type { ExemptedAnswer, ImageAnswer } from './images.ts';
import type { GateAnswer, WhyAnswer } from './why.ts';

/** How many rows of an image's findings are shown; `--json` has all. */
const MAX_ROWS = 20;
const MAX_OTHERS = 5;

/** The answer in lines, in colour if stdout is a terminal. */
export function whyLines(answer: WhyAnswer, now: Instant): readonly string[] {
  const { image, digest, tags, isDefaultTag, unsure, images } = answer;
  const others = images.filter(({ part }) => part === 'other');
  const lines = [
    plain(image),
    `  ${digest}${tags.length === 0 ? ', without a tag' : ` (${plain(tags.join(', '))})`}`,
    ...(isDefaultTag ? ['  The name has no tag, which means the tag latest.'] : []),
    '',
    ...verdictLines(answer, now),
    ...images.filter(({ part }) => part !== 'other').flatMap((one) => imageLines(one, now)),
    ...others.slice(0, MAX_OTHERS).flatMap((one) => imageLines(one, now)),
    ...(others.length > MAX_OTHERS
      ? ['', `${others.length - MAX_OTHERS} more images are blockers of its gate (--json shows them all).`]
      : []),
    ...(unsure === undefined ? [] : ['', `Not certain: ${plain(unsure)}.`]),
    ...adviceLines(answer),
  ];
  return lines;
}

function verdictLines(answer: WhyAnswer, now: Instant): readonly string[] {
  const { pullable, closedBy, obstacles, problem, gates } = answer;
  const word = pullable ? paint('green', 'PULLABLE') : paint('red', 'REFUSED');
  const reasons = obstacles.map(
    (one) => `${one.for === 'some' ? 'For some principals, ' : ''}${obstacleLine(one, answer)}`,
  );
  const refusal = closedBy === undefined ? `${plain(problem ?? '')}.` : reasons.shift();
  const first = pullable ? 'nothing refuses its pulls.' : refusal;
  return [
    `${word}: ${first}`,
    ...reasons.map((reason) => `  Also: ${reason}`),
    ...(problem !== undefined && closedBy !== undefined ? [`  Also: ${plain(problem)}.`] : []),
    ...gates.flatMap((gate) => gateLines(gate, answer, now)),
  ];
}

function obstacleLine({ by, what, since }: Obstacle, { stack }: WhyAnswer): string {
  switch (by) {
    case 'pullgate':
      return `pullgate (stack ${stack}) ${since === undefined ? 'closed it' : `has kept it closed since ${minute(since)}`}: ${plain(what)}.`;
    case 'anotherStack':
      return `another pullgate stack closed it: ${plain(what)}; run this command with that stack (--stack NAME).`;
    case 'others':
      return `something that pullgate did not set refuses it: ${plain(what)}; pullgate leaves that alone.`;
  }
}

/** What the record and the observation say beyond the first word of the answer. */
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
  else if (state.kind === 'closing' || state.kind === 'opening')
    lines.push(`  pullgate is ${state.kind} ${name} now, or was interrupted: the next observation finishes it.`);
  else if (blockers > 0 && !isClosedByUs)
    lines.push(`  The findings below violate the policy: the next event or sweep closes ${name}.`);
  else if (blockers === 0 && omittedBlockers === 0 && state.kind === 'closed')
    lines.push(`  No blocker of ${name} is left: the next event or sweep opens it.`);
  if (omittedBlockers > 0)
    lines.push(
      `  ${name} had ${omittedBlockers} more blockers than its record has room for: only \`pullgate release\` opens it.`,
    );
  return lines;
}

const PART = {
  asked: 'This image',
  child: 'An image of this index',
  other: 'Another blocker of the same repository',
};

function imageLines(image: ImageAnswer, now: Instant): readonly string[] {
  const { part, digest, tags, violating, undetermined, remembered, exempted, lapsed, omittedFindings } = image;
  const name =
    part === 'asked'
      ? PART.asked
      : `${PART[part]}, ${digest}${tags.length === 0 ? '' : ` (${plain(tags.join(', '))})`}`;
  const rows = violating.map((reason) => findingRow(reason.finding, describeCounted(reason), reason.rule));
  const table = (title: string, found: readonly (readonly string[])[]) =>
    found.length === 0
      ? []
      : [
          `  ${title}`,
          ...columns([HEADINGS, ...found.slice(0, MAX_ROWS)]).map((line) => `    ${line}`),
          ...(found.length > MAX_ROWS ? [`    and ${found.length - MAX_ROWS} more (--json shows them all)`] : []),
        ];
  const unknown = (finding: Finding) => findingRow(finding, wordOf(finding), '');
  return [
    '',
    `${name} ${stateWords(image)}`,
    ...table('Findings that violate:', rows),
    ...table('Findings of unknown severity:', undetermined.map(unknown)),
    ...table('Findings that the scanner no longer shows, without proof that they are gone:', remembered.map(unknown)),
    ...(omittedFindings > 0
      ? [
          `  and ${omittedFindings} more than a record keeps: only a newer scan, or deleting the image, accounts for them`,
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
    found.fixedVersion ?? (fix === 'none' ? 'no fix yet' : fix === 'available' ? 'a fix exists' : 'not known');
  const extra = exploited ? `${severity}, exploited` : severity;
  return [extra, vulnerability, found.name, found.version, fixed, rule, link].map(plain);
}

function wordOf({ severity }: Finding): string {
  return severity.kind === 'known' ? severity.severity : `"${severity.label}"`;
}

function stateWords({ verdict, holds, violating }: ImageAnswer): string {
  if (holds?.kind === 'unproven' || holds?.kind === 'recentScan')
    return `is a blocker, proof is missing: ${holds.detail}.`;
  if (holds?.kind === 'undetermined') return 'was a blocker, and an unknown severity is no proof that it is safe.';
  switch (verdict) {
    case 'block':
      return `violates the policy by ${violating.length === 1 ? '1 finding' : `${violating.length} findings`}.`;
    case 'undetermined':
      return 'is undetermined: the severity of a finding is unknown. That closes nothing.';
    case 'outOfScope':
      return 'does not count: it has no tag, or the config leaves out its repository.';
    case 'gone':
      return 'is gone.';
    case 'allow':
      return 'has nothing that violates the policy.';
  }
}

function exemptedLine({ finding, exemption, until }: ExemptedAnswer, now: Instant): string {
  const what = plain(`${finding.vulnerability} in ${finding.package.name}`);
  const end = until === undefined ? '' : ` until ${endOf(until, now)}`;
  const near = until !== undefined && nearEnd(until, now) !== undefined;
  const text = (() => {
    switch (exemption.kind) {
      case 'exception':
        return `${what} is excepted${end}${exemption.exception.untilFixed ? ', or until a fix exists' : ''}: ${plain(exemption.exception.reason)}`;
      case 'grace':
        return `${what} is in its grace period${end}`;
      case 'suppressed':
        return `${what} is suppressed at the provider`;
      case 'unknownIgnored':
        return `${what} has an unknown severity, which the policy ignores`;
    }
  })();
  return near ? paint('yellow', `${text}. It closes then.`) : `${text}.`;
}

function adviceLines(answer: WhyAnswer): readonly string[] {
  const { pullable, closedBy } = answer;
  const steps = [...overrideSteps(answer), ...findingSteps(answer)];
  if (isNonEmpty(steps)) return ['', 'What to do next:', ...steps];
  return pullable || closedBy !== 'others'
    ? []
    : ['', 'What to do: ask whoever set it. pullgate opens only what it closed.'];
}

/** An override that keeps it closed comes first: neither a fix nor an exception opens the gate before it ends. */
function overrideSteps({ gates, advice }: WhyAnswer): readonly string[] {
  const overrides = gates.flatMap(({ override }) => (override?.kind === 'closed' ? [override] : []));
  return overrides.flatMap(({ until, approvedBy }, index) => [
    `  An override keeps it closed until ${minute(until)}, approved by ${plain(approvedBy)}: no fix or exception opens it earlier. To end the override now:`,
    `       pullgate override clear ${plain(advice.clear[index] ?? '')}`,
  ]);
}

function findingSteps({ advice, gates }: WhyAnswer): readonly string[] {
  const { moves, exceptions, exceptionsOpen, unnamed, untaggedHold } = advice;
  if (!isNonEmpty(moves)) return [];
  const ofRepository = untaggedHold
    ? 'push the fixed images; then delete the images above, because the policy (images: all) also counts untagged images'
    : 'push the fixed images under the same tags, or delete the images above';
  const target = gates.some(({ gate }) => gate.digest === undefined)
    ? ofRepository
    : 'push the fixed image under the same tag';
  return [
    `  1. Move to fixed versions, and ${target}:`,
    ...columns(moves.map(moveRow)).map((line) => `       ${line}`),
    ...(exceptions.length === 0
      ? []
      : [
          `  2. Or have it reviewed, add to pullgate:policy.exceptions (with the reason and the approver filled in), and run \`pulumi up\`${exceptionsOpen ? '' : '; these alone do not open it, see above'}:`,
          ...exceptions.map((one) => `       - ${escapeUnseen(JSON.stringify(one))}`),
        ]),
    ...(unnamed.length === 0
      ? []
      : [`  No exception can name ${plain(unnamed.join(', '))}: suppress it at the provider once it is reviewed.`]),
  ];
}

function moveRow({ package: name, installed, moveTo, withoutFix }: Move): readonly string[] {
  const to =
    moveTo === undefined
      ? `no fixed version is known for ${withoutFix.join(', ')}: remove the package, or add an exception`
      : `${moveTo} or newer`;
  return [name, installed, '->', to].map(plain);
}
