// Describes an override: what it does, who ordered it and why, and its effect.
import type { Override } from '../gate/override.ts';
import type { Notice, Waiting } from '../gate/record.ts';
import { minute } from './times.ts';

type NoticeOverride = NonNullable<Notice['override']>;

/** An override as a sentence without the full stop. */
export function describeOverride({ kind, until, by, approvedBy, reason }: Override): string {
  return `an override by ${by} keeps it ${kind} until ${minute(until)}, approved by ${approvedBy}: ${reason}`;
}

/** The first lines of a notice about an override that begins or ends. */
export function overrideLines(
  { step, order, notified }: NoticeOverride,
  where: string,
  endedAt: string,
): readonly string[] {
  const { kind, at, until, by, approvedBy, reason, endedBy, replaces } = order;
  const why = [`Reason: ${reason}`, `Approved by: ${approvedBy}`];
  if (step === 'ends') {
    const early = endedBy === undefined ? '' : ` ${endedBy} ended it early.`;
    return [
      `The override by ${by} that had kept ${where} ${kind} since ${minute(at)} ended at ${minute(endedAt)}.${early}`,
      ...why,
      ...(notified === 'nothing' ? ['It ended before pullgate processed it.'] : []),
      '',
    ];
  }
  return [
    `An override by ${by} keeps ${where} ${kind} from ${minute(at)} until ${minute(until)}, regardless of the policy.`,
    ...why,
    ...(replaces === undefined
      ? []
      : [
          `It replaces an override by ${replaces.by} that would have kept it ${replaces.kind} until ${minute(replaces.until)}.`,
        ]),
    '',
  ];
}

/** The effect of an override that begins. */
export function beginningLine(
  notice: Notice,
  order: Override,
  waiting: Waiting | undefined,
  problem: string | undefined,
): string {
  if (problem !== undefined) return `It is not closed yet: ${problem}.`;
  if (notice.kind === 'opened' && notice.closedSince !== undefined)
    return `It is open now. It had been closed since ${minute(notice.closedSince)}.`;
  if (waiting?.for === 'override') return 'It is open now, although it has blockers.';
  return notice.kind === 'override' ? `It was already ${order.kind}.` : `It is ${order.kind} now.`;
}

/** When the override ends, what happens then, and how to end it earlier. */
export function endOfOverride({ kind, until }: Override): readonly string[] {
  const then = kind === 'open' ? 'closes it if it has blockers' : 'opens it if it has no blockers';
  return [
    '',
    `The override ends at ${minute(until)}; pullgate then ${then}. To end it earlier, run \`pullgate override clear\` with the image's name.`,
  ];
}
