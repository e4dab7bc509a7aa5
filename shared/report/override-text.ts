// Describes an override: what it is, who gave it and why, and what it came to.
import type { Override } from '../gate/override.ts';
import type { Notice, Waiting } from '../gate/record.ts';

type NoticeOverride = NonNullable<Notice['override']>;

/** An override in one sentence, without its full stop. */
export function describeOverride({ kind, until, by, approvedBy, reason }: Override): string {
  return `an override by ${by} keeps it ${kind} until ${until}, approved by ${approvedBy}: ${reason}`;
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
    const early = endedBy === undefined ? '' : `, before its time, by ${endedBy}`;
    return [
      `An override by ${by} had kept ${where} ${kind} since ${at}. It ended at ${endedAt}${early}.`,
      ...why,
      ...(notified === 'nothing' ? ['It was over before pullgate saw it.'] : []),
      '',
    ];
  }
  return [
    `An override by ${by} keeps ${where} ${kind}: from ${at} until ${until}, whatever the policy says.`,
    ...why,
    ...(replaces === undefined
      ? []
      : [`It replaces an override by ${replaces.by} that kept it ${replaces.kind} until ${replaces.until}.`]),
    '',
  ];
}

/** What an override that begins has come to. */
export function beginningLine(
  notice: Notice,
  order: Override,
  waiting: Waiting | undefined,
  problem: string | undefined,
): string {
  if (problem !== undefined) return `It is not closed for now: ${problem}.`;
  if (notice.kind === 'opened' && notice.closedSince !== undefined)
    return `It is open now; it had been closed since ${notice.closedSince}.`;
  if (waiting?.for === 'override') return 'It is open now, and stays so although something would close it.';
  return notice.kind === 'override' ? `It was ${order.kind} already.` : `It is ${order.kind} now.`;
}

/** How an override ends. */
export function endOfOverride({ kind, until }: Override): readonly string[] {
  const then =
    kind === 'open' ? 'pullgate closes it if anything holds it then' : 'pullgate opens it if nothing holds it then';
  return ['', `At ${until} ${then}. \`pullgate override clear\` with the name of the image ends it earlier.`];
}
