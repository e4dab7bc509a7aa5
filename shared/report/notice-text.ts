// Renders a notice as a mail or message: what happened, when, why, and what to do.

import type { Gate } from '../gate/gate.ts';
import type { Notice, NoticeImage, OutsideChange, StillPullable, Waiting, WaitingFor } from '../gate/record.ts';
import type { Repetition } from '../gate/restorations.ts';
import type { ImagesOf } from '../reconcile/rules.ts';
import { plain } from '../runtime/unseen.ts';
import { type AdviceSubject, adviseFix, adviseOverride, overrideCommand } from './advice.ts';
import { clearanceLines, type UsageContext, usageLines, usageSentence } from './notice-usage.ts';
import { beginningLine, describeOverride, endOfOverride, overrideLines } from './override-text.ts';
import { type RemovalCommands, remedyLines } from './remedy-text.ts';
import {
  CLEARANCES,
  capitalized,
  counted,
  describeFinding,
  describeWaiting,
  gateName,
  list,
  shortName,
} from './sentences.ts';
import { minute } from './times.ts';

/** A message to the people that the config lists. */
export interface Message {
  /** At most 100 ASCII characters, which every channel accepts. */
  readonly subject: string;
  readonly text: string;
}

/** The number of tags that a message lists for an image; the rest is counted. */
const MAX_TAGS = 10;

const STILL_PULLABLE: Readonly<Record<StillPullable['why'], string>> = {
  outOfScope: CLEARANCES.outOfScope,
  exempted: 'its findings are exempt',
  undetermined: 'the severity of its findings is unknown',
};

/** What to do to open a closed gate, or to keep an open one open. */
function waysOut(notice: Notice, subject: AdviceSubject, isOpen: boolean): readonly string[] {
  const { override } = notice;
  if (isOverriddenClosed(override)) return endOfOverride(override.order);
  const goal = isOpen ? 'keep it open' : 'reopen it';
  const left = subject.isImage ? 'Once this image is deleted' : 'Once none of them is left';
  const effect = `${left}, ${isOpen ? 'there is no reason to close it' : 'it opens automatically'}.`;
  return [
    '',
    `To ${goal}, do one of the following:`,
    `  1. ${capitalized(adviseFix(subject))}. ${effect}`,
    "  2. Review the finding, add an exception (id, expires, reason) to the stack's policy, and run `pulumi up`.",
    '  3. Suppress the finding in the scanner.',
    // An override opens no lock of someone else.
    ...(waitingOf(notice)?.for === 'foreignLock' ? [] : [`  4. If it cannot wait, ${adviseOverride('IMAGE')}.`]),
    'A finding that only disappears from the scanner is no proof: the image must be gone, its findings must be exempt, or the scanner must show that it is clean.',
  ];
}

/** What a notice depends on besides its gate and its change. */
export interface NoticeContext extends UsageContext {
  /** What a closed gate means for pulls on this cloud, as a sentence. */
  readonly effectOfClosing: string;
  /** Where to find out who changed a lock, as a sentence. */
  readonly whereToLook: string;
  readonly imagesOf: ImagesOf;
  /** How to delete and untag images on this cloud. */
  readonly removal: RemovalCommands;
}

/** Renders a notice. */
export function renderNotice(gate: Gate, notice: Notice, context: NoticeContext): Message {
  const { override } = notice;
  const where = `${gateName(gate)} (registry ${gate.registry})`;
  const { subject, lines: change } = renderChange(gate, notice, where, context);
  const others = [...describeOtherLocks(notice), ...describeDropped(notice), ...describeRule(notice)];
  const lines = [...change, ...others];
  if (override?.isNews !== true) return message(subject, lines);
  if (override.step === 'ends') return message(subject, [...overrideLines(override, where, notice.at), ...lines]);
  const { order } = override;
  const waiting = waitingOf(notice);
  const problem = order.kind === 'closed' && waiting !== undefined ? reasonToWait(waiting, override) : undefined;
  return message(`${problem === undefined ? '' : 'NOT '}${order.kind} by override: ${shortName(gate)}`, [
    ...overrideLines(override, where, notice.at),
    beginningLine(notice, order, waiting, problem),
    ...becauseOf(gate, notice, context),
    ...endOfOverride(order),
    ...others,
  ]);
}

interface Change {
  readonly subject: string;
  readonly lines: readonly string[];
}

function renderChange(gate: Gate, notice: Notice, where: string, context: NoticeContext): Change {
  const { effectOfClosing, imagesOf } = context;
  const name = shortName(gate);
  const subject: AdviceSubject = { isImage: gate.digest !== undefined, images: imagesOf(gate) };
  switch (notice.kind) {
    case 'closed':
      return changeOf(`closed: ${name}`, [
        `pullgate closed ${where} at ${minute(notice.at)}. ${effectOfClosing}`,
        ...becauseOf(gate, notice, context),
        ...fixLines(gate, notice, context),
        ...waysOut(notice, subject, false),
      ]);
    case 'restored':
      if (notice.repeated !== undefined) return describeRepetition(notice.repeated, name, where);
      return changeOf(`closed again: ${name}`, [
        ...describeRestoration(notice, where, context),
        ...becauseOf(gate, notice, context),
        ...fixLines(gate, notice, context),
        ...waysOut(notice, subject, false),
      ]);
    case 'unexplained':
      return changeOf(`closed, reason unknown: ${name}`, [
        `${where} has had a lock of pullgate since ${minute(notice.since ?? notice.at)} at the latest, and the record does not say why. The record may be lost, an older copy of it may have been restored, or someone may have written the lock back.`,
        `It stays closed, and opens automatically once each of its images has a scan that finished after that time and shows nothing that violates the policy.`,
        `If you know that its images are fine, run \`${overrideCommand('IMAGE')}\`. pullgate then removes the lock, and closes the gate again only for a finding.`,
      ]);
    case 'closedInUse':
      return changeOf(`closed, but in use: ${name}`, [
        `${where} is closed, and ${notice.inUse.by} that use it fail. It stays closed. Move them to another image, or see below how to reopen it.`,
        ...becauseOf(gate, notice, context),
        ...fixLines(gate, notice, context),
        ...waysOut(notice, subject, false),
      ]);
    case 'remedy':
      return changeOf(`fix blocked: ${name}`, [
        `${where} is closed, and blocks the fix for the images that keep it closed.`,
        ...fixLines(gate, notice, context),
        ...becauseOf(gate, notice, context),
      ]);
    case 'waiting':
      return changeOf(`NOT closed: ${name}`, [
        `${where} should be closed, but ${notice.waiting.for === 'foreignLock' ? 'pullgate did not close it' : 'is still open'}: ${reasonToWait(notice.waiting, notice.override)}.`,
        ...becauseOf(gate, notice, context),
        ...waysOut(notice, subject, true),
      ]);
    case 'cleared':
      return changeOf(`clear: ${name}`, [
        `${where} no longer needs to be closed. Its last blocker was cleared at ${minute(notice.at)}.`,
        ...clearanceLines(gate, notice.clearances, context),
      ]);
    case 'opened':
      return changeOf(`opened: ${name}`, [
        `pullgate opened ${where} at ${minute(notice.at)}.${notice.closedSince === undefined ? '' : ` It had been closed since ${minute(notice.closedSince)}.`}`,
        ...(notice.waiting === undefined
          ? clearanceLines(gate, notice.clearances, context)
          : [
              `There is still a reason to close it, but ${reasonToWait(notice.waiting, notice.override)}.`,
              ...becauseOf(gate, notice, context),
            ]),
        ...describeStillPullable(notice.stillPullable),
      ]);
    case 'override':
      return changeOf(`override ended: ${name}`, [`It ${staysAs(notice)}.`, ...becauseOf(gate, notice, context)]);
  }
}

function describeRestoration(
  notice: Extract<Notice, { kind: 'restored' }>,
  where: string,
  { whereToLook }: NoticeContext,
): readonly string[] {
  const { at, was } = notice;
  if (was === 'closed') {
    return [
      `The lock that keeps ${where} closed was missing or did not match the config. pullgate restored it at ${minute(at)}.`,
      notice.removedBy === undefined ? whereToLook : describeChange(notice.removedBy),
      IGNORE_THE_LOCK,
    ];
  }
  const because = was === 'open' ? 'an image that had kept it closed violates the policy again' : OVER[was.for];
  return [`pullgate closed ${where} again at ${minute(at)}: ${because}.`];
}

/** It is the last change that was reported, not proof: an earlier one may have removed the lock unreported. */
function describeChange({ who, call, at }: OutsideChange): string {
  return `The last change by someone else: ${who} called ${call} at ${minute(at)}.`;
}

function describeRepetition({ times, since }: Repetition, name: string, where: string): Change {
  const often = counted(times, 'time');
  return changeOf(`closed again ${often}: ${name}`, [
    `The lock that keeps ${where} closed was missing or did not match the config. pullgate restored it ${often} since ${minute(since)}. There is at most one notice a day about it.`,
    IGNORE_THE_LOCK,
  ]);
}

const IGNORE_THE_LOCK =
  'If your infrastructure code removed it, the next run will remove it again. Configure that code to ignore the lock.';

/** The fix that the closed repository blocks, and what lets it out. */
function fixLines(gate: Gate, notice: Notice, context: NoticeContext): readonly string[] {
  const blocked = 'blockedFix' in notice ? notice.blockedFix : undefined;
  return blocked === undefined
    ? []
    : ['', ...remedyLines(gate, blocked, { images: context.imagesOf(gate), removal: context.removal })];
}

/** Why a gate that waited is closed again. */
export const OVER: Readonly<Record<WaitingFor, string>> = {
  audit: 'it is no longer in audit mode',
  pause: 'the pause is over',
  release: 'it was opened once, and still has blockers',
  override: 'the override that kept it open is over',
  brake: 'the limit on closings allows it',
  foreignLock: "someone else's lock on it is gone",
  inUse: 'it is no longer in use',
  refused: 'the registry accepts the change now',
};

function staysAs(notice: Extract<Notice, { kind: 'override' }>): string {
  const { waiting, override, images, omittedImages } = notice;
  if (waiting !== undefined) return `is still open: ${reasonToWait(waiting, override)}`;
  const isBlocked = images.length > 0 || omittedImages > 0;
  return isBlocked ? 'stays closed because it has blockers' : 'stays open because it has no blockers';
}

function changeOf(subject: string, lines: readonly string[]): Change {
  return { subject, lines };
}

/** A text from outside, such as a package's version, must not begin a line of its own. */
export function message(subject: string, lines: readonly string[]): Message {
  return { subject: plain(`[pullgate] ${subject}`).slice(0, 100), text: `${lines.map(plain).join('\n')}\n` };
}

/** Why a gate is open although it should be closed. Undefined if it is closed or may be open. */
export function waitingOf(notice: Notice): Waiting | undefined {
  return 'waiting' in notice ? notice.waiting : undefined;
}

export function reasonToWait(waiting: Waiting, override: Notice['override']): string {
  if (waiting.for === 'override' && override !== undefined) return describeOverride(override.order);
  return describeWaiting(waiting);
}

function becauseOf(gate: Gate, notice: Notice, context: UsageContext): readonly string[] {
  const { images, moreImages, omittedImages, override } = notice;
  const ordered = isOverriddenClosed(override) && !override.isNews ? [`  ${describeOverride(override.order)}`] : [];
  const because = [
    ...ordered,
    ...images.flatMap((image) => describeImage(gate, image, context)),
    ...(moreImages === 0 ? [] : [`  and ${counted(moreImages, 'more image')}`]),
    ...(omittedImages === 0
      ? []
      : [
          `  and ${counted(omittedImages, 'more image')} that did not fit into the record: to open the gate, run \`pullgate release\``,
        ]),
    ...usageLines(notice, context),
  ];
  return because.length === 0 && override !== undefined ? [] : ['', 'Why:', ...because];
}

/** Does an override keep the gate closed? */
function isOverriddenClosed(override: Notice['override']): override is NonNullable<Notice['override']> {
  return override !== undefined && override.step !== 'ends' && override.order.kind === 'closed';
}

function describeImage(gate: Gate, image: NoticeImage, context: UsageContext): readonly string[] {
  const { digest, tags, findings, moreFindings } = image;
  return [
    `  ${digest}${describeTags(tags)}`,
    ...findings.map((finding) => `    ${describeFinding(finding)}`),
    ...(moreFindings === 0 ? [] : [`    and ${counted(moreFindings, 'more finding')}`]),
    `    ${usageSentence(gate, image, context)}`,
  ];
}

/** An image can have a thousand tags, and a message can be at most 256 KB long. */
function describeTags(tags: readonly string[]): string {
  return tags.length === 0 ? '' : ` (${list(tags, MAX_TAGS)})`;
}

/** pullgate leaves the locks of its other deployments alone. One may be left of a deployment that no longer exists. */
function describeOtherLocks({ otherLocks = [] }: Notice): readonly string[] {
  return otherLocks.map(
    (id) =>
      `Pulls are still refused by ${id}, a lock of another pullgate deployment. If that deployment no longer exists, run \`pullgate release --orphans ${id}\`.`,
  );
}

function describeRule({ rule }: Notice): readonly string[] {
  return rule === undefined ? [] : [`The mode and the policy are those of ${rule} in the stack's config.`];
}

function describeDropped({ droppedBefore = 0 }: Notice): readonly string[] {
  if (droppedBefore === 0) return [];
  return [
    '',
    `${counted(droppedBefore, 'older notice')} of this gate could not be sent in time, and ${droppedBefore === 1 ? 'was' : 'were'} dropped.`,
  ];
}

function describeStillPullable(images: readonly StillPullable[]): readonly string[] {
  if (images.length === 0) return [];
  return [
    '',
    'Images that can be pulled although they have findings:',
    ...images.map(
      ({ digest, tags, why, vulnerabilities }) =>
        `  ${digest}${describeTags(tags)} with ${vulnerabilities.join(', ')}: ${STILL_PULLABLE[why]}.`,
    ),
  ];
}
