// What a person says of an order by hand, checked: for how long, why, and who approved it.

import { type HandWish, MAX_HAND_HOURS } from '../../shared/gate/override.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { UsageError } from '../terminal/ending.ts';

export interface OrderOptions {
  readonly for?: string;
  readonly reason?: string;
  readonly approvedBy?: string;
}

const MINUTE_MILLISECONDS = 60_000;
const MOST_MINUTES = MAX_HAND_HOURS * 60;
const DURATION = /^(?:(\d{1,2})h)?(?:(\d{1,4})m)?$/;
const FORMS = `hours, minutes or both, such as 30m, 4h or 1h30m; 1m at least, ${MAX_HAND_HOURS}h at most`;
/** A mail and a log line take more, people do not. */
const MOST_CHARACTERS = { reason: 500, approvedBy: 200 } as const;

/**
 * What is wished, from the command's options.
 *
 * @throws UsageError that names every option that is missing or wrong
 */
export function wishOf(kind: HandWish['kind'], options: OrderOptions, at: Instant, by: string): HandWish {
  const minutes = minutesIn(options.for);
  const [reason, approvedBy] = [textIn(options.reason), textIn(options.approvedBy)];
  const problems = [
    ...(minutes === undefined ? [`--for ${shown(options.for)}: expected ${FORMS}`] : []),
    ...problemOf('--reason', options.reason, reason, 'why it has to be', MOST_CHARACTERS.reason),
    ...problemOf('--approved-by', options.approvedBy, approvedBy, 'who approved it', MOST_CHARACTERS.approvedBy),
  ];
  if (minutes === undefined || problems.length > 0) {
    throw new UsageError(`an order by hand has an end, a reason and an approver:\n  ${problems.join('\n  ')}`);
  }
  const until = new Date(Date.parse(at) + minutes * MINUTE_MILLISECONDS).toISOString();
  return { kind, at, until, reason, approvedBy, by };
}

/** Undefined where it is none, or too short or too long. */
function minutesIn(given: string | undefined): number | undefined {
  const parts = DURATION.exec(given?.trim() ?? '');
  if (parts === null) return undefined;
  const [, hours = '0', minutes = '0'] = parts;
  const all = Number(hours) * 60 + Number(minutes);
  return all >= 1 && all <= MOST_MINUTES ? all : undefined;
}

function textIn(given: string | undefined): string {
  return given?.trim() ?? '';
}

/** It is read in mails, logs and terminals: one line, and nothing in it that is not meant to be seen. */
function problemOf(option: string, given: string | undefined, text: string, what: string, most: number) {
  const isPlain = text !== '' && text.length <= most && !/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u.test(text);
  return isPlain ? [] : [`${option} ${shown(given)}: expected ${what}, in one line of ${most} characters at most`];
}

function shown(given: string | undefined): string {
  return given === undefined ? 'is missing' : JSON.stringify(given.length > 80 ? `${given.slice(0, 80)}…` : given);
}
