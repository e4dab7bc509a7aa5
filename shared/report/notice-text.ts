// Renders a notice as the text of a mail or a message: what happened, why, since when, and what to do.

import type { Gate } from '../gate/gate.ts';
import type { ClearedImage, Notice, NoticeImage, StillPullable, Waiting } from '../gate/record.ts';
import { beginningLine, describeOverride, endOfOverride, overrideLines } from './override-text.ts';
import { CLEARANCES, describeFinding, describeWaiting, gateName, list, shortName } from './sentences.ts';

/** A message to people. */
export interface Message {
  /** At most 100 characters of ASCII, which every route allows. */
  readonly subject: string;
  readonly text: string;
}

/** The most tags of an image that are named; the rest is counted. */
const MAX_TAGS = 10;

const STILL_PULLABLE: Readonly<Record<StillPullable['why'], string>> = {
  outOfScope: 'it does not count, since no tag leads to it or the config leaves its repository out',
  exempted: 'since the policy exempts its findings',
  undetermined: 'since nobody knows how severe its findings are',
};

/** What ends a closing, or keeps a gate from one. */
function waysOut({ override }: Notice, isOpen: boolean): readonly string[] {
  if (isOverriddenClosed(override)) return endOfOverride(override.order);
  const [title, end, verb] = isOpen
    ? ['How to keep it open:', 'nothing would close it any more', 'clears']
    : ['How to reopen it:', 'it opens by itself', 'opens'];
  return [
    '',
    title,
    `  1. Push an image with the fixed versions under the same tag, or delete the images above; ${end} once none of them is left.`,
    '  2. Or have the finding reviewed and add an exception (id, expires, reason) to the policy of the stack, then `pulumi up`.',
    '  3. Or suppress the finding at the provider.',
    `A finding that merely disappears ${verb} nothing: only an image that is gone, an exception, or the scanner's proof that it is clean does.`,
  ];
}

export function renderNotice(gate: Gate, notice: Notice): Message {
  const { override } = notice;
  const where = `${gateName(gate)} (registry ${gate.registry})`;
  const { subject, lines } = renderChange(gate, notice, where);
  if (override?.isNews !== true) return message(subject, lines);
  if (override.step === 'ends') return message(subject, [...overrideLines(override, where, notice.at), ...lines]);
  const { order } = override;
  const waiting = waitingOf(notice);
  const problem = order.kind === 'closed' && waiting !== undefined ? reasonToWait(waiting, override) : undefined;
  return message(`${problem === undefined ? '' : 'NOT '}${order.kind} by override: ${shortName(gate)}`, [
    ...overrideLines(override, where, notice.at),
    beginningLine(notice, order, waiting, problem),
    ...becauseOf(notice),
    ...endOfOverride(order),
  ]);
}

interface Change {
  readonly subject: string;
  readonly lines: readonly string[];
}

function renderChange(gate: Gate, notice: Notice, where: string): Change {
  const name = shortName(gate);
  switch (notice.kind) {
    case 'closed':
      return changeOf(`closed: ${name}`, [
        `pullgate closed ${where} at ${notice.at}: no one can pull it except the principals that the config exempts.`,
        ...becauseOf(notice),
        ...waysOut(notice, false),
      ]);
    case 'restored':
      return changeOf(`closed again: ${name}`, [
        `Something had removed or changed what keeps ${where} closed; pullgate put it back at ${notice.at}.`,
        'If your own infrastructure code did this, its next run will do it again: configure it to ignore what pullgate sets there.',
        ...becauseOf(notice),
        ...waysOut(notice, false),
      ]);
    case 'waiting':
      return changeOf(`NOT closed: ${name}`, [
        `${where} would be closed, and is ${notice.waiting.for === 'foreignLock' ? 'not closed by pullgate' : 'still open'}: ${reasonToWait(notice.waiting, notice.override)}.`,
        ...becauseOf(notice),
        ...waysOut(notice, true),
      ]);
    case 'cleared':
      return changeOf(`clear: ${name}`, [
        `${where} had to be closed and waited; nothing holds it any more, since ${notice.at}.`,
        ...describeClearances(notice.clearances),
      ]);
    case 'opened':
      return changeOf(`opened: ${name}`, [
        `pullgate opened ${where} at ${notice.at}${notice.closedSince === undefined ? '' : `; it had been closed since ${notice.closedSince}`}.`,
        ...(notice.waiting === undefined
          ? describeClearances(notice.clearances)
          : [
              `It still has a reason to be closed, but ${reasonToWait(notice.waiting, notice.override)}.`,
              ...becauseOf(notice),
            ]),
        ...describeStillPullable(notice.stillPullable),
      ]);
    case 'override':
      return changeOf(`override ended: ${name}`, [`It ${staysAs(notice)}.`, ...becauseOf(notice)]);
  }
}

function staysAs(notice: Extract<Notice, { kind: 'override' }>): string {
  const { waiting, override, images, omittedImages } = notice;
  if (waiting !== undefined) return `is still open: ${reasonToWait(waiting, override)}`;
  const isBlocked = images.length > 0 || omittedImages > 0;
  return isBlocked ? 'stays closed, since something holds it' : 'stays open, since nothing holds it';
}

function changeOf(subject: string, lines: readonly string[]): Change {
  return { subject, lines };
}

function message(subject: string, lines: readonly string[]): Message {
  return { subject: `[pullgate] ${subject}`.slice(0, 100), text: `${lines.join('\n')}\n` };
}

/** Why a gate is not closed although something holds it. Undefined: it is closed, or nothing holds it. */
function waitingOf(notice: Notice): Waiting | undefined {
  return 'waiting' in notice ? notice.waiting : undefined;
}

function reasonToWait(waiting: Waiting, override: Notice['override']): string {
  if (waiting.for === 'override' && override !== undefined) return describeOverride(override.order);
  return describeWaiting(waiting);
}

function becauseOf({ images, moreImages, omittedImages, override }: Notice): readonly string[] {
  const ordered = isOverriddenClosed(override) && !override.isNews ? [`  ${describeOverride(override.order)}`] : [];
  const because = [
    ...ordered,
    ...images.flatMap(describeImage),
    ...(moreImages === 0 ? [] : [`  and ${moreImages} more images`]),
    ...(omittedImages === 0
      ? []
      : [`  and ${omittedImages} more that its record has no room for: it opens only by \`pullgate release\``]),
  ];
  return because.length === 0 && override !== undefined ? [] : ['', 'Why:', ...because];
}

/** Does a person keep it closed, whatever holds it? */
function isOverriddenClosed(override: Notice['override']): override is NonNullable<Notice['override']> {
  return override !== undefined && override.step !== 'ends' && override.order.kind === 'closed';
}

function describeImage({ digest, tags, findings, moreFindings }: NoticeImage): readonly string[] {
  return [
    `  ${digest}${describeTags(tags)}`,
    ...findings.map((finding) => `    ${describeFinding(finding)}`),
    ...(moreFindings === 0 ? [] : [`    and ${moreFindings} more findings`]),
  ];
}

/** An image may have a thousand tags, and a message 256 KB. */
function describeTags(tags: readonly string[]): string {
  return tags.length === 0 ? '' : ` (${list(tags, MAX_TAGS)})`;
}

function describeClearances(clearances: readonly ClearedImage[]): readonly string[] {
  return clearances.map(({ digest, how }) => `  ${digest}: ${CLEARANCES[how]}.`);
}

function describeStillPullable(images: readonly StillPullable[]): readonly string[] {
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
