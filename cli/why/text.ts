// The answer to `pullgate why` as people read it: can it be pulled, who says so, by what, and what to do next.
import { styleText } from 'node:util';
import type { Finding, Instant } from '../../shared/policy/finding.ts';
import { isNonEmpty } from '../../shared/policy/verdict.ts';
import { describeCounted, describeState } from '../../shared/report/sentences.ts';
import { escapeUnseen } from '../../shared/runtime/problem.ts';
import type { Obstacle } from '../stack/side.ts';
import { columns } from '../terminal/terminal.ts';
import { endOf, exceptionName, minute, nearEnd, plain } from '../terminal/words.ts';
import type { Move } from './advice.ts';
import type { ExemptedAnswer, ImageAnswer } from './images.ts';
import type { GateAnswer, WhyAnswer } from './why.ts';

type Style = Parameters<typeof styleText>[0];

/** So many rows of an image's findings are shown; `--json` has all. */
const MAX_ROWS = 20;
const MAX_OTHERS = 5;

/** The answer in lines. Colour only where stdout is a terminal. */
export function whyLines(answer: WhyAnswer, now: Instant): readonly string[] {
  const { image, digest, tags, isDefaultTag, unsure, images } = answer;
  const others = images.filter(({ part }) => part === 'other');
  const lines = [
    plain(image),
    `  ${digest}${tags.length === 0 ? ', without a tag' : ` (${plain(tags.join(', '))})`}`,
    ...(isDefaultTag ? ['  No tag was given: this is the tag latest.'] : []),
    '',
    ...verdictLines(answer, now),
    ...images.filter(({ part }) => part !== 'other').flatMap((one) => imageLines(one, now)),
    ...others.slice(0, MAX_OTHERS).flatMap((one) => imageLines(one, now)),
    ...(others.length > MAX_OTHERS
      ? ['', `${others.length - MAX_OTHERS} more images hold it (--json shows them all).`]
      : []),
    ...(unsure === undefined ? [] : ['', `Not certain: ${plain(unsure)}.`]),
    ...adviceLines(answer),
  ];
  return lines;
}

function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

function verdictLines(answer: WhyAnswer, now: Instant): readonly string[] {
  const { pullable, closedBy, obstacles, problem, gates } = answer;
  const word = pullable ? paint('green', 'PULLABLE') : paint('red', 'REFUSED');
  const reasons = obstacles.map(
    (one) => `${one.for === 'some' ? 'For some who pull, ' : ''}${obstacleLine(one, answer)}`,
  );
  const refusal = closedBy === undefined ? `${plain(problem ?? '')}.` : reasons.shift();
  const first = pullable ? 'nothing here refuses its pull.' : refusal;
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
      return `another stack of pullgate closed it: ${plain(what)}; ask with that stack (--stack NAME).`;
    case 'others':
      return `somebody else, not pullgate, refuses it: ${plain(what)}; pullgate leaves that alone.`;
  }
}

/** What the record and the look say where that is not plain from the word alone. */
function gateLines(
  { gate, state, held, omittedImages, byHand }: GateAnswer,
  answer: WhyAnswer,
  now: Instant,
): readonly string[] {
  const name = gate.digest === undefined ? `the repository ${gate.repository}` : `the image ${gate.digest}`;
  const isClosedByUs = answer.obstacles.some(({ by }) => by === 'pullgate');
  const lines: string[] = [];
  if (byHand !== undefined)
    lines.push(
      `  By hand ${name} is kept ${byHand.kind} until ${endOf(byHand.until, now)}: ${plain(byHand.reason)} (approved by ${plain(byHand.approvedBy)}).`,
    );
  if (byHand?.kind === 'open' || (byHand?.kind === 'closed' && held === 0)) return lines;
  if (state.kind === 'waiting') lines.push(`  pullgate would close ${name}, and it is ${describeState(state)}.`);
  else if (state.kind === 'closing' || state.kind === 'opening')
    lines.push(`  pullgate is ${state.kind} ${name} at this moment, or was interrupted: the next look finishes it.`);
  else if (held > 0 && !isClosedByUs)
    lines.push(
      `  ${name} is to be closed: what is below violates, and the function looks with the next event or sweep.`,
    );
  else if (held === 0 && omittedImages === 0 && state.kind === 'closed')
    lines.push(`  Nothing holds ${name} any more: the function opens it with the next event or sweep.`);
  if (omittedImages > 0)
    lines.push(
      `  ${omittedImages} more images held ${name} than its record has room for: only \`pullgate release\` opens it.`,
    );
  return lines;
}

const PART = {
  asked: 'This image',
  child: 'An image of this index',
  other: 'Another image that holds the same repository',
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
    ...table('Findings whose severity nobody knows:', undetermined.map(unknown)),
    ...table('Findings that are not shown any more, and nothing proves that they are gone:', remembered.map(unknown)),
    ...(omittedFindings > 0
      ? [`  and ${omittedFindings} more than a record keeps: only a newer scan, or the end of the image, releases it`]
      : []),
    ...exempted.map((one) => `  ${exemptedLine(one, now)}`),
    ...lapsed.map(
      ({ finding, exception }) =>
        `  The exception for ${plain(exceptionName(exception))} ${exception.expiresAt <= now ? `ended at ${minute(exception.expiresAt)}` : `has lapsed, since a fix exists (untilFixed)`}, and does not exempt ${plain(finding.vulnerability)} any more.`,
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
  if (holds?.kind === 'unproven' || holds?.kind === 'unsettled')
    return `holds the gate, proof is missing: ${holds.why}.`;
  if (holds?.kind === 'undetermined') return 'held the gate, and what is not known releases nothing.';
  switch (verdict) {
    case 'block':
      return `violates the policy by ${violating.length === 1 ? '1 finding' : `${violating.length} findings`}.`;
    case 'undetermined':
      return 'is undetermined: the severity of a finding is not known. That closes nothing.';
    case 'outOfScope':
      return 'does not count: no tag leads to it, or the config leaves its repository out.';
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
        return `${what} is in grace${end}`;
      case 'suppressed':
        return `${what} is suppressed at the provider`;
      case 'unknownIgnored':
        return `${what} is of unknown severity, which the policy ignores`;
    }
  })();
  return near ? paint('yellow', `${text}. That end is near: it closes then.`) : `${text}.`;
}

function adviceLines(answer: WhyAnswer): readonly string[] {
  const { pullable, closedBy } = answer;
  const steps = [...handSteps(answer), ...findingSteps(answer)];
  if (isNonEmpty(steps)) return ['', 'What to do next:', ...steps];
  return pullable || closedBy !== 'others'
    ? []
    : ['', 'What to do: ask whoever set it. pullgate opens only what it closed itself.'];
}

/** An order that keeps it closed goes before everything else: what is done about findings does not open it. */
function handSteps({ gates, advice }: WhyAnswer): readonly string[] {
  const orders = gates.flatMap(({ byHand }) => (byHand?.kind === 'closed' ? [byHand] : []));
  return orders.flatMap(({ until, approvedBy }, place) => [
    `  It is kept closed by hand until ${minute(until)}, approved by ${plain(approvedBy)}: no fix and no exception opens it before. To end that now:`,
    `       pullgate resume ${plain(advice.resume[place] ?? '')}`,
  ]);
}

function findingSteps({ advice, gates }: WhyAnswer): readonly string[] {
  const { moves, exceptions, exceptionsOpen, unnamed, untaggedHold } = advice;
  if (!isNonEmpty(moves)) return [];
  const ofRepository = untaggedHold
    ? 'push the fixed images; then delete the images above, since the policy (images: all) counts them without a tag, too'
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
          `  2. Or have it reviewed, and add to pullgate:policy.exceptions (fill in the reason, and who approved it), then \`pulumi up\`${exceptionsOpen ? '' : '; these alone do not open it, see above'}:`,
          ...exceptions.map((one) => `       - ${escapeUnseen(JSON.stringify(one))}`),
        ]),
    ...(unnamed.length === 0
      ? []
      : [`  No exception can name ${plain(unnamed.join(', '))}: suppress it at the provider, once it is reviewed.`]),
  ];
}

function moveRow({ package: name, installed, moveTo, withoutFix }: Move): readonly string[] {
  const to =
    moveTo === undefined
      ? `no fixed version known of ${withoutFix.join(', ')}: leave it out, or an exception`
      : `${moveTo} or newer`;
  return [name, installed, '->', to].map(plain);
}
