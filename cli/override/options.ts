// Checks the options of an override: its duration, reason and approver.

import { MAX_OVERRIDE_HOURS, type NewOverride } from '../../shared/gate/override.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { durationForms, minutesAfter, parseMinutes, shownOption } from '../terminal/duration.ts';
import { UsageError } from '../terminal/ending.ts';

export interface OverrideOptions {
  readonly for?: string;
  readonly reason?: string;
  readonly approvedBy?: string;
}

/** Limits that keep the text readable. A mail and a log line could hold more. */
export const REASON_CHARACTERS = 500;
const APPROVER_CHARACTERS = 200;

/**
 * Creates the override that the command's options describe.
 *
 * @throws UsageError that names every missing or invalid option
 */
export function parseOverride(
  kind: NewOverride['kind'],
  options: OverrideOptions,
  at: Instant,
  by: string,
): NewOverride {
  const minutes = parseMinutes(options.for, MAX_OVERRIDE_HOURS);
  const [reason, approvedBy] = [optionText(options.reason), optionText(options.approvedBy)];
  const problems = [
    ...(minutes === undefined
      ? [`--for ${shownOption(options.for)}: expected ${durationForms(MAX_OVERRIDE_HOURS)}`]
      : []),
    ...textProblems('--reason', options.reason, 'a reason', REASON_CHARACTERS),
    ...textProblems('--approved-by', options.approvedBy, 'the name of the approver', APPROVER_CHARACTERS),
  ];
  if (minutes === undefined || problems.length > 0) {
    throw new UsageError(`an override needs a duration, a reason and an approver:\n  ${problems.join('\n  ')}`);
  }
  return { kind, at, until: minutesAfter(at, minutes), reason, approvedBy, by };
}

/** The text appears in mails, logs and terminals, so it must be one line without invisible characters. */
export function textProblems(option: string, given: string | undefined, what: string, most: number) {
  const text = optionText(given);
  const isPlain = text !== '' && text.length <= most && !/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u.test(text);
  return isPlain ? [] : [`${option} ${shownOption(given)}: expected ${what} in one line, at most ${most} characters`];
}

export function optionText(given = ''): string {
  return given.trim();
}
