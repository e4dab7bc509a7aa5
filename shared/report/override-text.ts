// What people read of an order by hand: what it is, who gave it and why, and what it came to.
import type { Override } from '../gate/override.ts';
import type { Notice } from '../gate/record.ts';

type NoticeOverride = NonNullable<Notice['override']>;

/** An order in one sentence, without its full stop. */
export function describeOverride({ kind, until, by, approvedBy, reason }: Override): string {
  return `${by} keeps it ${kind} by hand until ${until}, approved by ${approvedBy}: ${reason}`;
}

/** What is said first, where an order begins or is over. */
export function overrideLines({ step, order }: NoticeOverride, where: string, endedAt: string): readonly string[] {
  const { kind, at, until, by, approvedBy, reason, told, endedBy, replaces } = order;
  const why = [`Reason: ${reason}`, `Approved by: ${approvedBy}`];
  if (step === 'ends') {
    const early = endedBy === undefined ? '' : `, before its time, by ${endedBy}`;
    return [
      `${by} had ${where} kept ${kind} by hand since ${at}. That ended at ${endedAt}${early}.`,
      ...why,
      ...(told === 'nothing' ? ['It was over before pullgate had heard of it.'] : []),
      '',
    ];
  }
  return [
    `${by} keeps ${where} ${kind} by hand: from ${at} until ${until}, whatever the policy says.`,
    ...why,
    ...(replaces === undefined
      ? []
      : [`It takes the place of an order by ${replaces.by}, to keep it ${replaces.kind} until ${replaces.until}.`]),
    '',
  ];
}

/** What a beginning has come to. */
export function beginningLine(
  { kind, closedSince, waitingFor }: Notice,
  order: Override,
  problem: string | undefined,
): string {
  if (problem !== undefined) return `It is not closed for now: ${problem}.`;
  if (kind === 'opened' && closedSince !== undefined) return `It is open now; it had been closed since ${closedSince}.`;
  if (waitingFor === 'override') return 'It is open now, and stays so although something would close it.';
  return kind === 'override' ? `It was ${order.kind} already.` : `It is ${order.kind} now.`;
}

/** How an order ends, for those who read of it. */
export function endOfOverride({ kind, until }: Override): readonly string[] {
  const then =
    kind === 'open' ? 'pullgate closes it if anything holds it then' : 'pullgate opens it if nothing holds it then';
  return ['', `At ${until} ${then}. \`pullgate override clear\` with the name of the image ends it before.`];
}
