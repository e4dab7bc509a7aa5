// The actions that the page of `npm start -- --watch` can request, and the validation of those requests.
import * as v from 'valibot';
import { digest } from '../../shared/policy/digest.ts';
import { REPOSITORY_NAME, repositoryName } from '../../shared/policy/repository-name.ts';
import { SEVERITIES } from '../../shared/policy/severity.ts';

/** The keys of the stack's config that the page can change. The program checks their values, as in `pulumi up`. */
export interface StackConfig {
  readonly severityThreshold: string;
  readonly mode: string;
  readonly maxClosesPerHour: number;
  /** The object `pullgate:policy`, with its exceptions. */
  readonly policy: Readonly<Record<string, unknown>>;
}

/**
 * The most minutes that one action can advance the clock: longer than a day, so that it reaches any scheduled sweep.
 */
const MAX_MINUTES = 25 * 60;
const MAX_BURST_IMAGES = 60;
const MAX_CHARACTERS = 200;

const text = (what: string) =>
  v.pipe(v.string(what), v.trim(), v.minLength(1, what), v.maxLength(MAX_CHARACTERS, what));
const whole = (least: number, most: number) => {
  const allowed = `a whole number from ${least} to ${most}`;
  return v.pipe(v.number(allowed), v.integer(allowed), v.minValue(least, allowed), v.maxValue(most, allowed));
};
/** Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const ADVISORY = /^[A-Za-z][A-Za-z0-9]*(?:[-:_.][A-Za-z0-9]+)+$/;

const repository = v.pipe(v.string(REPOSITORY_NAME), v.trim(), repositoryName);
const tag = v.pipe(text('a tag, such as 1.0'), v.regex(TAG, 'a tag of letters, digits and . _ -, such as 1.0'));
const severity = v.picklist(SEVERITIES, `one of ${SEVERITIES.join(', ')}`);
const image = { repository, digest };

const ACTION = v.variant(
  'do',
  [
    v.strictObject({ do: v.literal('push'), repository, tag }),
    v.strictObject({
      ...{ do: v.literal('report'), ...image, severity },
      id: v.pipe(text('an advisory, such as CVE-2026-1001'), v.regex(ADVISORY, 'an advisory, such as CVE-2026-1001')),
      package: text('the name of a package, such as openssl'),
      isFixable: v.boolean('true or false'),
      isExploited: v.boolean('true or false'),
    }),
    v.strictObject({ do: v.literal('pull'), ...image }),
    v.strictObject({ do: v.literal('scanClean'), ...image }),
    v.strictObject({ do: v.literal('forget'), ...image }),
    v.strictObject({ do: v.literal('remove'), ...image }),
    v.strictObject({ do: v.literal('burst'), severity, images: whole(1, MAX_BURST_IMAGES) }),
    v.strictObject({ do: v.literal('letPass'), minutes: whole(1, MAX_MINUTES) }),
    v.strictObject({
      do: v.literal('deploy'),
      config: v.strictObject({
        severityThreshold: text('a severity'),
        mode: text('enforce or audit'),
        maxClosesPerHour: v.number('a number'),
        policy: v.record(v.string(), v.unknown(), 'an object'),
      }),
    }),
  ],
  'one of push, report, pull, scanClean, forget, remove, burst, letPass, deploy',
);

export type Action = v.InferOutput<typeof ACTION>;
export type ActionOf<Name extends Action['do']> = Extract<Action, { readonly do: Name }>;

/** Returns the requested action, or a sentence that says why the request is invalid. */
export function parseAction(body: string): { readonly action: Action } | { readonly problem: string } {
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    return { problem: 'The body of the request must be JSON.' };
  }
  const { success, output, issues } = v.safeParse(ACTION, given, { abortPipeEarly: true });
  if (success) return { action: output };
  return { problem: `Invalid request: ${issues.map(describe).join('; ')}.` };
}

const MAX_SHOWN_CHARACTERS = 100;

function describe(issue: v.InferIssue<typeof ACTION>): string {
  const key = v.getDotPath(issue);
  const given = JSON.stringify(issue.input)?.slice(0, MAX_SHOWN_CHARACTERS) ?? 'nothing';
  if (issue.type === 'strict_object')
    return issue.expected === 'never' ? `unknown key "${key}"` : `"${key}" is missing`;
  return `"${key}" must be ${issue.message}; got ${given}`;
}
