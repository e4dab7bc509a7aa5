// Problems with values from outside: the key, the given value, and what is allowed. All problems are reported at once.
import * as v from 'valibot';
import { escapeUnseen } from './unseen.ts';

/** One problem with one value. */
export interface Problem {
  /** The path of the value as its author wrote it: `policy.exceptions[2].expires`. */
  readonly key: string;
  /** The given value; `undefined` if it is missing. */
  readonly given: unknown;
  /** What is allowed, or that the key is unknown (`UNKNOWN_KEY`). */
  readonly allowed: string;
}

/** The checked value, or every problem with it. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] };

/** How `allowed` begins if the key is unknown. A suggestion may follow. */
export const UNKNOWN_KEY = 'unknown key';
const SUGGESTION = /^unknown key; did you mean "(.*)"\?$/;

const SHOWN_CHARACTERS = 120;

/**
 * Describes a problem in a sentence. Long values are shortened, and control characters are escaped, so that the
 * sentence is one line and a terminal does not interpret it.
 */
export function describeProblem({ key, given, allowed }: Problem): string {
  const name = escapeUnseen(key);
  if (allowed.startsWith(UNKNOWN_KEY)) return `${name}: ${allowed}`;
  if (given === undefined) return `${name} is missing: expected ${allowed}`;
  const text = escapeUnseen(textOf(given));
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  return `${name} is ${shown}: expected ${allowed}`;
}

/** The value as JSON. A value from outside may be nested too deeply for `JSON.stringify`. */
function textOf(given: unknown): string {
  try {
    return JSON.stringify(given) ?? String(given);
  } catch {
    return 'too deeply nested to show';
  }
}

/** Converts valibot's issues to problems under the key `root`, in order. A schema's message says what is allowed. */
export function problemsFrom(
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
  root: string,
): readonly [Problem, ...Problem[]] {
  const problems = issues.map((issue) => problemFrom(issue, root));
  const seen = new Set<string>();
  return withoutConsequences(problems.filter((problem) => seen.size < seen.add(nameOf(problem)).size));
}

/**
 * Removes what only follows from another problem: if `expires` is written `expiry`, it is not missing, too. The first
 * problem of such a pair is the unknown key, so at least one problem is left.
 */
export function withoutConsequences(problems: readonly Problem[]): readonly [Problem, ...Problem[]] {
  const meant = problems.flatMap(({ key, allowed }) => {
    const name = SUGGESTION.exec(allowed)?.[1];
    return name === undefined ? [] : [`${key.slice(0, key.lastIndexOf('.') + 1)}${name}`];
  });
  const [first, ...others] = problems.filter(({ key, given }) => given !== undefined || !meant.includes(key));
  if (first === undefined) throw new Error('pullgate bug: a failed check names no problem');
  return [first, ...others];
}

/** The identity of a problem: rules with the same message cause only one problem for a value. */
function nameOf({ key, allowed }: Problem): string {
  return `${key}\n${allowed}`;
}

/** The most problems of a message, so that a hostile or broken message cannot cause a long log line. */
const MAX_PROBLEMS = 5;

/** Checks a part of a message under the key `root`. Returns a limited number of problems, for a log line. */
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
 * A schema for a required key. If the key is missing, the problem has the message of `schema`; an object schema alone
 * would not say what is allowed. The type does not change, because the result is never `undefined`.
 */
export function required<Schema extends v.GenericSchema<unknown, unknown>>(schema: Schema): Schema {
  // The default makes an object schema check a missing key.
  return v.pipe(
    v.optional(v.unknown(), () => undefined),
    schema,
  ) as unknown as Schema;
}

/** A schema for an object with only these keys. Unlike valibot's strict object, it reports every unknown key. */
export function closedObject<Entries extends v.ObjectEntries>(entries: Entries, allowed: string) {
  const isMap = v.check((given: unknown) => !Array.isArray(given), allowed);
  const hasKnownKeys = v.rawCheck<Readonly<Record<string, unknown>>>(({ dataset, addIssue }) => {
    const input = dataset.value as Record<string, unknown> | null;
    if (typeof input !== 'object' || input === null) return;
    for (const [key, value] of Object.entries(input)) {
      if (Object.hasOwn(entries, key)) continue;
      const path = [{ type: 'object', origin: 'value', input, key, value }] as const;
      addIssue({ message: describeUnknownKey(key, Object.keys(entries)), input: value, path: [...path] });
    }
  });
  const object = v.looseObject(entries, allowed) as unknown as v.GenericSchema<
    unknown,
    Readonly<Record<string, unknown>>
  >;
  return v.pipe(v.unknown(), isMap, object, hasKnownKeys) as unknown as v.ObjectSchema<Entries, string>;
}

/** The most typing errors in a key for which a similar key is suggested. */
const MAX_TYPING_ERRORS = 2;

function describeUnknownKey(given: string, known: readonly string[]): string {
  const [best] = known
    .map((key) => ({ key, errors: typingErrors(given, key) }))
    .filter(({ errors }) => errors <= MAX_TYPING_ERRORS)
    .toSorted((a, b) => a.errors - b.errors);
  return best === undefined ? UNKNOWN_KEY : `${UNKNOWN_KEY}; did you mean "${best.key}"?`;
}

/**
 * The edit distance to a key, or to its first or last words: `treshold` and `severity` are close to
 * `severityThreshold`. Ignores case, and separators (`severity-threshold`).
 */
function typingErrors(given: string, key: string): number {
  const text = given.toLowerCase().replace(/[-_. ]/g, '');
  const words = Array.from(key.matchAll(/[A-Z]/g), ({ index }) => index);
  const parts = [key, ...words.flatMap((index) => [key.slice(0, index), key.slice(index)])];
  return Math.min(...parts.map((part) => editDistance(text, part.toLowerCase())));
}

/** The number of single-character edits between two texts (Levenshtein distance). Long texts count as different. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MAX_TYPING_ERRORS) return Number.POSITIVE_INFINITY;
  let distances = Array.from({ length: b.length + 1 }, (_, column) => column);
  let distance = b.length;
  for (const character of a) {
    let diagonal = 0;
    distances = distances.map((above, column) => {
      const replaced = diagonal + (character === b[column - 1] ? 0 : 1);
      distance = column === 0 ? above + 1 : Math.min(replaced, above + 1, distance + 1);
      diagonal = above;
      return distance;
    });
  }
  return distance;
}
