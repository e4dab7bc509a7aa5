// What a person can do from the page of `npm start -- --watch`: the requests that it sends, checked at the door.
import * as v from 'valibot';
import { digest } from '../../shared/policy/digest.ts';
import { REPOSITORY_NAME, repositoryName } from '../../shared/policy/repository-name.ts';
import { SEVERITIES } from '../../shared/policy/severity.ts';

/**
 * What may be tried from the page: the keys of a stack's config. The program checks their values, as `pulumi up` does.
 */
export interface StackConfig {
  readonly severityThreshold: string;
  readonly mode: string;
  readonly maxClosesPerHour: number;
  /** The object `pullgate:policy`, with its exceptions. */
  readonly policy: Readonly<Record<string, unknown>>;
}

/** The longest time that can be let pass at once, in minutes: a day and a bit, as far as the longest sweep is away. */
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

/** What a request asks for, or why that is unknown. */
export function parseAction(body: string): { readonly action: Action } | { readonly problem: string } {
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    return { problem: 'The request needs JSON in its body.' };
  }
  const { success, output, issues } = v.safeParse(ACTION, given, { abortPipeEarly: true });
  if (success) return { action: output };
  return { problem: `The request is wrong: ${issues.map(describe).join('; ')}.` };
}

const MAX_SHOWN_CHARACTERS = 100;

function describe(issue: v.InferIssue<typeof ACTION>): string {
  const key = v.getDotPath(issue);
  const given = JSON.stringify(issue.input)?.slice(0, MAX_SHOWN_CHARACTERS) ?? 'nothing';
  if (issue.type === 'strict_object') return `${key ?? 'it'} is not known there, or is missing; given ${given}`;
  return `${key ?? 'it'} needs ${issue.message}; given ${given}`;
}
