// What is wrong with a value from outside: where, what was given, and what is allowed. Collected, so that all are reported at once.
import { type BaseIssue, type GenericSchema, optional, pipe, unknown } from 'valibot';

/** One thing wrong with one value. */
export interface Problem {
  /** The path of the value, in the words of the one who wrote it: `policy.exceptions[2].expires`. */
  readonly key: string;
  /** The value as it was given; `undefined` where it is missing. */
  readonly given: unknown;
  /** What would have been right. */
  readonly allowed: string;
}

/** The checked value, or every problem with it. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] };

const SHOWN_CHARACTERS = 120;

/** A problem as a sentence. Long values are cut, so that a log line stays one line. */
export function describeProblem({ key, given, allowed }: Problem): string {
  if (given === undefined) return `${key} is missing: expected ${allowed}`;
  const text = JSON.stringify(given) ?? String(given);
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  return `${key} is ${shown}: expected ${allowed}`;
}

/**
 * Valibot's issues as problems, below the key `root`. A schema's message says what is allowed; for a key that no schema knows, that is named.
 * The order is that of the issues.
 */
export function problemsFrom(
  issues: readonly [BaseIssue<unknown>, ...BaseIssue<unknown>[]],
  root: string,
): readonly [Problem, ...Problem[]] {
  const [first, ...rest] = issues;
  return [problemFrom(first, root), ...rest.map((issue) => problemFrom(issue, root))];
}

function problemFrom(issue: BaseIssue<unknown>, root: string): Problem {
  let key = root;
  for (const { key: part } of issue.path ?? []) {
    key += typeof part === 'number' ? `[${part}]` : key === '' ? String(part) : `.${String(part)}`;
  }
  if (issue.type === 'strict_object') return { key, given: issue.input, allowed: 'no such key (a typing error?)' };
  return { key, given: issue.input, allowed: issue.message };
}

/**
 * A schema for a key that must be there, whose own message also answers where it is missing: an object schema alone would not say what is allowed.
 * To the type checker it stays the schema that it was, since it never yields `undefined`.
 */
export function required<Schema extends GenericSchema<unknown, unknown>>(schema: Schema): Schema {
  // The default is what makes an object schema look at a missing key at all.
  return pipe(
    optional(unknown(), () => undefined),
    schema,
  ) as unknown as Schema;
}
