// Exceptions: reviewed decisions to exempt a finding. This file checks them as the config has them.
import * as v from 'valibot';
import { closedObject, required } from '../runtime/problem.ts';
import { DAY_MILLISECONDS } from '../runtime/time.ts';
import { digest } from './digest.ts';
import type { Instant } from './finding.ts';
import { globSchema } from './glob.ts';

/** A reviewed decision to exempt a finding for a limited time. */
export interface Exception {
  /**
   * The advisory (CVE, GHSA or another). It also matches a finding's aliases. Case does not matter. `*`: all advisories
   * of a package, because the scanner names them without details.
   */
  readonly id: string;
  /** A glob: the exception applies only in matching repositories. Default: all. */
  readonly repository?: string | undefined;
  /** The exception applies only to this image. Default: all. */
  readonly digest?: string | undefined;
  /** The exception applies only to the package with this name. Default: all. */
  readonly package?: string | undefined;
  /** The first moment at which it has expired. A date in the config includes that day in UTC. */
  readonly expiresAt: Instant;
  readonly reason: string;
  readonly approvedBy?: string | undefined;
  /** Whether it expires early, once a fix is available. */
  readonly untilFixed: boolean;
}

/** The id of an exception for all advisories of a package. */
export const ANY_ADVISORY = '*';
/** For how long such an exception may last, in days. */
export const MAX_PACKAGE_DAYS = 30;

/** YAML reads text that consists of digits as a number. */
const anyText = (allowed: string) =>
  v.string(({ input }) => (typeof input === 'number' ? `${allowed}; put it in quotes` : allowed));
const text = (allowed: string) => v.pipe(anyText(allowed), v.trim(), v.minLength(1, allowed));
const matching = (pattern: RegExp, allowed: string) => v.pipe(anyText(allowed), v.regex(pattern, allowed));

const PACKAGE_ONLY =
  'the id of one advisory, or * together with package and with repository or digest (an exception for all findings is not allowed)';

/** The latest possible time. A five-digit year would break the rule that text order is time order. */
const LAST_INSTANT: Instant = '9999-12-31T23:59:59.999Z';
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const EXPIRES = 'a date (2026-12-31, including that day in UTC) or a time with its zone (2026-12-31T18:00:00Z)';

/**
 * A date or a time without quotes in the stack's YAML, as Pulumi hands it over: `2026-12-31 00:00:00 +0000 UTC`.
 * Midnight in UTC is how a date arrives, so it means that day. Source: https://pkg.go.dev/time#Time.String
 */
const UNQUOTED_DATE = /^(\d{4}-\d{2}-\d{2}) 00:00:00 \+0000 UTC$/;
const UNQUOTED_TIME = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?)\d* ([+-]\d{2})(\d{2}) \S+$/;

function quoted(given: string): string {
  return given.replace(UNQUOTED_DATE, '$1').replace(UNQUOTED_TIME, '$1T$2$3:$4');
}

/** Turns the config's `expires` into the first moment at which the exception has expired. */
const expires = v.pipe(
  v.string(EXPIRES),
  v.transform(quoted),
  v.regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/, EXPIRES),
  v.check(isRealDate, EXPIRES),
  v.transform((given): Instant => {
    const end = new Date(given);
    if (DATE.test(given)) end.setUTCDate(end.getUTCDate() + 1);
    return end.getUTCFullYear() > 9999 ? LAST_INSTANT : end.toISOString();
  }),
);

/** Does the date exist? `Date` silently reads 31 June as 1 July. */
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
          /^([A-Za-z][A-Za-z0-9]*([-:_.][A-Za-z0-9]+)+|\*)$/,
          'the id of one advisory, such as CVE-2024-6119 or GHSA-xxxx-xxxx-xxxx, or * with a package',
        ),
      ),
      repository: v.optional(globSchema),
      digest: v.optional(digest),
      package: v.optional(text('the name of a package')),
      expires: required(expires),
      reason: required(text('the reason for the exception')),
      approvedBy: v.optional(text('the name of the approver')),
      untilFixed: v.optional(v.boolean('true or false'), false),
    },
    'an object with id, expires and reason',
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.value.id !== ANY_ADVISORY) return;
    const { package: found, repository, digest: image } = dataset.value;
    if (found !== undefined && (repository !== undefined || image !== undefined)) return;
    const path = { type: 'object', origin: 'value', input: dataset.value, key: 'id', value: ANY_ADVISORY } as const;
    addIssue({ message: PACKAGE_ONLY, input: ANY_ADVISORY, path: [path] });
  }),
  v.transform(({ expires: expiresAt, ...rest }): Exception => ({ ...rest, expiresAt })),
);

/**
 * Does an exception for all advisories of a package last too long? A date includes that day, so that its end is up to a
 * day later.
 */
export function lastsTooLong({ id, expiresAt }: Pick<Exception, 'id' | 'expiresAt'>, now: Instant): boolean {
  const left = Date.parse(expiresAt) - Date.parse(now);
  return id === ANY_ADVISORY && left > (MAX_PACKAGE_DAYS + 1) * DAY_MILLISECONDS;
}

/** The expired exceptions. They have no effect, but are reported so that they can be removed from the config. */
export function expiredExceptions(
  { exceptions }: { readonly exceptions: readonly Exception[] },
  now: Instant,
): readonly Exception[] {
  return exceptions.filter((one) => one.expiresAt <= now);
}
