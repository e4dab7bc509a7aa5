// The exceptions of the policy and the rules that have expired or expire soon.
import type { Exception } from '../../shared/policy/exceptions.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { exceptionsOf } from '../../shared/policy/rule.ts';
import { minute } from '../../shared/report/times.ts';
import type { Client } from '../stack/client.ts';
import { exceptionName, nearEnd } from '../terminal/words.ts';

export interface ExceptionStatus {
  readonly exception: Exception;
  /** `expired`, or within how many days it expires: 1, 3 or 14. */
  readonly end: 'expired' | number;
}

/** All clouds of a stack have one policy, and the same rules. */
export function endingExceptions(clients: readonly Client[], now: Instant): readonly ExceptionStatus[] {
  const all = clients.flatMap(({ settings }) => exceptionsOf(settings));
  const unique = [...new Map(all.map((exception) => [JSON.stringify(exception), exception])).values()];
  return unique
    .flatMap((exception) => {
      const end = nearEnd(exception.expiresAt, now);
      return end === undefined ? [] : [{ exception, end }];
    })
    .toSorted((a, b) => (a.exception.expiresAt < b.exception.expiresAt ? -1 : 1));
}

export function concernOfException({ exception, end }: ExceptionStatus): readonly string[] {
  return end === 'expired'
    ? [`the exception for ${exceptionName(exception)} expired at ${minute(exception.expiresAt)}: renew it or remove it`]
    : [];
}
