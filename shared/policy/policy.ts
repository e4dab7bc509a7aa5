// The policy: which findings close a gate. Pure data from the stack's config, checked here and trusted everywhere else.
import * as v from 'valibot';
import { closedObject, type Parsed, problemsFrom, required } from '../runtime/problem.ts';
import type { Instant } from './finding.ts';
import { GLOB_PATTERN } from './glob.ts';
import { SEVERITIES, type Severity } from './severity.ts';

/** A severity from which findings count, or `never`. */
export type Threshold = Severity | 'never';

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

/** Which findings close a gate. */
export interface Policy {
  /** A finding at or above it violates. Default: high. */
  readonly severityThreshold: Severity;
  /** The threshold for findings that have no fix. Default: `severityThreshold`. */
  readonly unfixable: Threshold;
  /**
   * What an unknown severity is: that of the CVSS score or else of the report that names the finding (`inherit`, the
   * default), a violation, or ignored.
   */
  readonly unknownSeverity: (typeof UNKNOWN_SEVERITY)[number];
  /** A finding with a known exploit violates from here up, whatever its fix or grace. Default: never. */
  readonly exploited: Threshold;
  /** Days since disclosure before a finding of that severity violates. Default: none. */
  readonly graceDays: Readonly<Partial<Record<Severity, number | undefined>>>;
  /** Which images count: the tagged ones with the children of tagged indexes (default), or all. */
  readonly images: (typeof IMAGES)[number];
  readonly exceptions: readonly Exception[];
}

export const UNKNOWN_SEVERITY = ['inherit', 'block', 'ignore'] as const;
export const IMAGES = ['tagged', 'all'] as const;
const THRESHOLDS = [...SEVERITIES, 'never'] as const;
const DEFAULT_THRESHOLD: Severity = 'high';
const MAX_GRACE_DAYS = 3650;

const severity = v.picklist(SEVERITIES, `one of ${SEVERITIES.join(', ')}`);
const threshold = v.picklist(THRESHOLDS, `one of ${THRESHOLDS.join(', ')}`);
const text = (allowed: string) => v.pipe(v.string(allowed), v.trim(), v.minLength(1, allowed));
const matching = (pattern: RegExp, allowed: string) => v.pipe(v.string(allowed), v.regex(pattern, allowed));

/** A glob over repository names. */
export const globSchema = matching(GLOB_PATTERN, 'a glob over repository names, such as "team/*" or "team/**"');

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

const exception = v.pipe(
  closedObject(
    {
      id: required(
        matching(
          /^[A-Za-z][A-Za-z0-9]*([-:_.][A-Za-z0-9]+)+$/,
          'the id of one advisory, such as CVE-2024-6119 or GHSA-xxxx-xxxx-xxxx (an exception for everything is refused)',
        ),
      ),
      repository: v.optional(globSchema),
      digest: v.optional(matching(/^sha256:[0-9a-f]{64}$/, 'a digest: sha256: and 64 hexadecimal digits')),
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

const days = v.pipe(
  v.number(`a whole number of days, 0 to ${MAX_GRACE_DAYS}`),
  v.integer(`a whole number of days, 0 to ${MAX_GRACE_DAYS}`),
  v.minValue(0, `a whole number of days, 0 to ${MAX_GRACE_DAYS}`),
  v.maxValue(MAX_GRACE_DAYS, `a whole number of days, 0 to ${MAX_GRACE_DAYS}`),
);

const refinements = closedObject(
  {
    unfixable: v.optional(threshold),
    unknownSeverity: v.optional(v.picklist(UNKNOWN_SEVERITY, `one of ${UNKNOWN_SEVERITY.join(', ')}`), 'inherit'),
    exploited: v.optional(threshold, 'never'),
    graceDays: v.optional(
      closedObject(
        {
          informational: v.optional(days),
          low: v.optional(days),
          medium: v.optional(days),
          high: v.optional(days),
          critical: v.optional(days),
        },
        'an object from severity to days, such as { "high": 7 }',
      ),
      {},
    ),
    images: v.optional(v.picklist(IMAGES, `one of ${IMAGES.join(', ')}`), 'tagged'),
    exceptions: v.optional(v.array(exception, 'a list of exceptions'), []),
  },
  'an object of refinements, such as { "unfixable": "never" }',
);

const both = v.object({
  severityThreshold: v.optional(severity, DEFAULT_THRESHOLD),
  policy: v.optional(refinements, {}),
});

/**
 * Checks the stack's policy.
 *
 * @param severityThreshold the key of that name; `undefined` stands for its default
 * @param policy the object `policy`; `undefined` stands for its defaults
 * @returns the policy, or every problem with it, by the keys' names in the config
 */
export function parsePolicy(severityThreshold: unknown, policy: unknown): Parsed<Policy> {
  const { success, output, issues } = v.safeParse(both, { severityThreshold, policy });
  if (!success) return { ok: false, problems: problemsFrom(issues, '') };
  const { unfixable = output.severityThreshold, ...fields } = output.policy;
  return { ok: true, value: { severityThreshold: output.severityThreshold, unfixable, ...fields } };
}

/** The exceptions that do not count any more: inert, but worth a word to whoever keeps the list. */
export function expiredExceptions(policy: Policy, now: Instant): readonly Exception[] {
  return policy.exceptions.filter((one) => one.expiresAt <= now);
}
