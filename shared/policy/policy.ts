// The policy: which findings close a gate. It is data from the stack's config, checked here and trusted elsewhere.
import * as v from 'valibot';
import { closedObject, type Parsed, type Problem, problemsFrom } from '../runtime/problem.ts';
import { type Exception, exception, lastsTooLong, MAX_PACKAGE_DAYS } from './exceptions.ts';
import type { Instant } from './finding.ts';
import { SEVERITIES, type Severity } from './severity.ts';

/** The lowest severity that violates, or `never`. */
export type Threshold = Severity | 'never';

/** Which findings close a gate. */
export interface Policy {
  /** Findings at or above this severity violate. Default: high. */
  readonly severityThreshold: Severity;
  /** The threshold for findings that have no fix. Default: `severityThreshold`. */
  readonly unfixable: Threshold;
  /**
   * How to treat a finding with an unknown severity. `inherit` (default): take the severity from the CVSS score, or
   * else from the report that names the finding. `block`: it violates. `ignore`: it is exempt.
   */
  readonly unknownSeverity: (typeof UNKNOWN_SEVERITY)[number];
  /** Findings with a known exploit at or above this severity violate, regardless of fix and grace. Default: never. */
  readonly exploited: Threshold;
  /** A finding whose EPSS score is at least this counts as exploited. No score: it does not. Default: never. */
  readonly epss: number | 'never';
  /** For each severity, the days after disclosure before a finding violates. Default: none. */
  readonly graceDays: Readonly<Partial<Record<Severity, number | undefined>>>;
  /** The images in scope: `tagged` (default), which includes the children of tagged indexes, or `all`. */
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
const days = v.pipe(
  v.number(`a whole number of days, 0 to ${MAX_GRACE_DAYS}`),
  v.integer(`a whole number of days, 0 to ${MAX_GRACE_DAYS}`),
  v.minValue(0, `a whole number of days, 0 to ${MAX_GRACE_DAYS}`),
  v.maxValue(MAX_GRACE_DAYS, `a whole number of days, 0 to ${MAX_GRACE_DAYS}`),
);

const EPSS = 'a number, 0 to 1, or never';
/** `pulumi config set --path` stores a decimal number as text. */
const decimal = v.pipe(v.string(EPSS), v.regex(/^(0|1|[01]?\.\d+)$/, EPSS), v.transform(Number));
const epss = v.union(
  [v.literal('never'), v.pipe(v.union([v.number(EPSS), decimal], EPSS), v.minValue(0, EPSS), v.maxValue(1, EPSS))],
  EPSS,
);

const refinementEntries = {
  unfixable: v.optional(threshold),
  unknownSeverity: v.optional(v.picklist(UNKNOWN_SEVERITY, `one of ${UNKNOWN_SEVERITY.join(', ')}`), 'inherit'),
  exploited: v.optional(threshold, 'never'),
  epss: v.optional(epss, 'never'),
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
};
/** The refinements' keys in the config. */
export const REFINEMENTS: readonly string[] = Object.keys(refinementEntries);

const refinements = closedObject(refinementEntries, 'an object of refinements, such as { "unfixable": "never" }');

const both = v.object({
  severityThreshold: v.optional(severity, DEFAULT_THRESHOLD),
  policy: v.optional(refinements, {}),
});

function toPolicy({ severityThreshold, policy }: v.InferOutput<typeof both>): Policy {
  const { unfixable = severityThreshold, ...fields } = policy;
  return { severityThreshold, unfixable, ...fields };
}

/** The policy of a stack whose config has none. */
export const DEFAULT_POLICY: Policy = toPolicy(v.parse(both, {}));

/**
 * Checks the stack's policy.
 *
 * @param severityThreshold the value of the config key; `undefined` means its default
 * @param policy the object `policy` in the config; `undefined` means its defaults
 * @param now when the policy is written: the end of an exception for a whole package is limited. Default: not checked
 * @returns the policy, or every problem with it, each with its config key
 */
export function parsePolicy(severityThreshold: unknown, policy: unknown, now?: Instant): Parsed<Policy> {
  const { success, output, issues } = v.safeParse(both, { severityThreshold, policy });
  if (!success) return { ok: false, problems: problemsFrom(issues, '') };
  const value = toPolicy(output);
  const [first, ...others] = conflictsIn(value, now);
  return first === undefined ? { ok: true, value } : { ok: false, problems: [first, ...others] };
}

/** The problems with values that are valid alone. */
function conflictsIn({ epss: likely, exploited, exceptions }: Policy, now: Instant | undefined): readonly Problem[] {
  const allowed =
    'a score only together with policy.exploited, which is never; set policy.exploited, or remove policy.epss';
  const withoutEffect = likely !== 'never' && exploited === 'never';
  return [
    ...(withoutEffect ? [{ key: 'policy.epss', given: likely, allowed }] : []),
    ...exceptions.flatMap((one, index) =>
      now === undefined || !lastsTooLong(one, now)
        ? []
        : [{ key: `policy.exceptions[${index}].expires`, given: one.expiresAt, allowed: NEAR }],
    ),
  ];
}

const NEAR = `a date at most ${MAX_PACKAGE_DAYS} days ahead, because its id is *`;
