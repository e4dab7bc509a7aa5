// Exceptions: reviewed decisions that one finding does not count, checked as they stand in the config.
import * as v from 'valibot';
import { closedObject, required } from '../runtime/problem.ts';
import { digest } from './digest.ts';
import type { Instant } from './finding.ts';
import { globSchema } from './glob.ts';

/** A reviewed decision that one finding does not count, for a while. */
export interface Exception {
  /** The advisory (CVE, GHSA or another); a finding's aliases match too. Upper or lower case does not matter. */
  readonly id: string;
  /** Only in repositories that match this glob. Default: in all. */
  readonly repository?: string | undefined;
  /** Only in this image. Default: in all. */
  readonly digest?: string | undefined;
  /** Only in the package of this name. Default: in all. */
  readonly package?: string | undefined;
  /** The first moment at which it does not count any more. A date in the config ends with that day in UTC. */
  readonly expiresAt: Instant;
  readonly reason: string;
  readonly approvedBy?: string | undefined;
  /** It lapses once a fix is known to exist. */
  readonly untilFixed: boolean;
}

const text = (allowed: string) => v.pipe(v.string(allowed), v.trim(), v.minLength(1, allowed));
const matching = (pattern: RegExp, allowed: string) => v.pipe(v.string(allowed), v.regex(pattern, allowed));

/** A later one has five digits for its year, and text order would not be time order any more. */
const LAST_INSTANT: Instant = '9999-12-31T23:59:59.999Z';
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const EXPIRES = 'a date (2026-12-31, which ends with that day in UTC) or a time with its zone (2026-12-31T18:00:00Z)';

/** Turns the config's `expires` into the first moment that it does not cover. */
const expires = v.pipe(
  v.string(EXPIRES),
  v.regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/, EXPIRES),
  v.check(isRealDate, EXPIRES),
  v.transform((given): Instant => {
    const end = new Date(given);
    if (DATE.test(given)) end.setUTCDate(end.getUTCDate() + 1);
    return end.getUTCFullYear() > 9999 ? LAST_INSTANT : end.toISOString();
  }),
);

/** Is it in the calendar? `Date` would silently read 31 June as 1 July. */
function isRealDate(given: string): boolean {
  const day = given.slice(0, 'yyyy-mm-dd'.length);
  const midnight = new Date(`${day}T00:00:00Z`);
  return ![Date.parse(given), midnight.getTime()].some(Number.isNaN) && midnight.toISOString().startsWith(day);
}

/** One entry of `policy.exceptions` in the config. */
export const exception = v.pipe(
  closedObject(
    {
      id: required(
        matching(
          /^[A-Za-z][A-Za-z0-9]*([-:_.][A-Za-z0-9]+)+$/,
          'the id of one advisory, such as CVE-2024-6119 or GHSA-xxxx-xxxx-xxxx (an exception for everything is refused)',
        ),
      ),
      repository: v.optional(globSchema),
      digest: v.optional(digest),
      package: v.optional(text('the name of a package')),
      expires: required(expires),
      reason: required(text('why the finding does not count')),
      approvedBy: v.optional(text('who approved it')),
      untilFixed: v.optional(v.boolean('true or false'), false),
    },
    'an object with id, expires and reason',
  ),
  v.transform(({ expires: expiresAt, ...rest }): Exception => ({ ...rest, expiresAt })),
);

/** The exceptions that have expired: inert, but reported, so that the list can be cleaned up. */
export function expiredExceptions(
  { exceptions }: { readonly exceptions: readonly Exception[] },
  now: Instant,
): readonly Exception[] {
  return exceptions.filter((one) => one.expiresAt <= now);
}
