// What is wrong with a value from outside: where, what was given, and what is allowed. Collected, so that all are
// reported at once.
import * as v from 'valibot';

/** One thing wrong with one value. */
export interface Problem {
  /** The path of the value, in the words of the one who wrote it: `policy.exceptions[2].expires`. */
  readonly key: string;
  /** The value as it was given; `undefined` if it is missing. */
  readonly given: unknown;
  /** What would have been right. */
  readonly allowed: string;
}

/** The checked value, or every problem with it. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] };

const SHOWN_CHARACTERS = 120;

/**
 * A problem as a sentence. Long values are cut, so that a log line stays one line; nothing in them is what a terminal
 * would obey.
 */
export function describeProblem({ key, given, allowed }: Problem): string {
  const name = escapeUnseen(key);
  if (given === undefined) return `${name} is missing: expected ${allowed}`;
  const text = escapeUnseen(textOf(given));
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  return `${name} is ${shown}: expected ${allowed}`;
}

/**
 * Text in which every character that is not meant to be seen is escaped as in JSON. JSON itself leaves U+0080 to U+009F
 * as they are, and what turns the direction of writing. https://www.rfc-editor.org/rfc/rfc8259#section-7
 *
 * @param unseen which characters those are. Default: all control and format characters
 */
export function escapeUnseen(text: string, unseen = /\p{Cc}|\p{Cf}/gu): string {
  return text.replaceAll(unseen, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

/** A value from outside may be nested more deeply than it can be written. */
function textOf(given: unknown): string {
  try {
    return JSON.stringify(given) ?? String(given);
  } catch {
    return 'too deeply nested to show';
  }
}

/**
 * Valibot's issues as problems, below the key `root`. A schema's message says what is allowed. The order is that of the
 * issues.
 */
export function problemsFrom(
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
  root: string,
): readonly [Problem, ...Problem[]] {
  const [first, ...rest] = issues;
  const problems = [problemFrom(first, root), ...rest.map((issue) => problemFrom(issue, root))] as const;
  const seen = new Set([nameOf(problems[0])]);
  return [problems[0], ...problems.slice(1).filter((problem) => seen.size < seen.add(nameOf(problem)).size)];
}

/** A value that breaks several rules with one message has one problem. */
function nameOf({ key, allowed }: Problem): string {
  return `${key}\n${allowed}`;
}

/** A hostile or broken message must not make a line of the log that is as long as itself. */
const MAX_PROBLEMS = 5;

/**
 * Checks a part of a message, below the key `root`: one problem for each field, and not so many that a line of the log
 * gets long.
 */
export function check<Schema extends v.GenericSchema>(
  schema: Schema,
  given: unknown,
  root: string,
): Parsed<v.InferOutput<Schema>> {
  const checked = v.safeParse(schema, given);
  if (checked.success) return { ok: true, value: checked.output };
  const [first, ...others] = problemsFrom(checked.issues, root);
  return { ok: false, problems: [first, ...others.slice(0, MAX_PROBLEMS - 1)] };
}

function problemFrom(issue: v.BaseIssue<unknown>, root: string): Problem {
  let key = root;
  for (const { key: part } of issue.path ?? []) {
    key += typeof part === 'number' ? `[${part}]` : key === '' ? String(part) : `.${String(part)}`;
  }
  return { key, given: issue.input, allowed: issue.message };
}

/**
 * A schema for a key that must be there, whose own message also answers if it is missing: an object schema alone would
 * not say what is allowed. To the type checker it stays the schema that it was, since it never yields `undefined`.
 */
export function required<Schema extends v.GenericSchema<unknown, unknown>>(schema: Schema): Schema {
  // The default is what makes an object schema look at a missing key at all.
  return v.pipe(
    v.optional(v.unknown(), () => undefined),
    schema,
  ) as unknown as Schema;
}

/**
 * A schema for an object without any other key than these. Unlike valibot's own, it names every key that does not
 * belong.
 */
export function closedObject<Entries extends v.ObjectEntries>(entries: Entries, allowed: string) {
  const schema = v.objectWithRest(entries, v.never('no such key (check its spelling)'), allowed);
  const isMap = v.check((given: unknown) => !Array.isArray(given), allowed);
  return v.pipe(v.unknown(), isMap, schema) as unknown as v.ObjectSchema<Entries, string>;
}
