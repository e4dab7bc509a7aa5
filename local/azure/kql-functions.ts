// The scalar functions of Kusto that the local workspace supports, each with its argument types. Other types throw.
import type { Json } from './tables.ts';

/** Datetimes and timespans are in milliseconds. The query's types distinguish them from numbers. */
export type Value = Json;

export interface Argument {
  readonly type: string;
  readonly value: Value;
}

/** @throws Error for unsupported arguments; nothing is guessed */
type ScalarFunction = (args: readonly Argument[], now: number) => Value;

/**
 * Calls a function.
 *
 * @throws Error for an unsupported function or argument type
 */
export function callFunction(name: string, args: readonly Argument[], now: number): Value {
  const found = FUNCTIONS[name];
  if (found === undefined)
    throw new Error(
      `the local workspace does not support the function ${name}(); it supports ${Object.keys(FUNCTIONS).join(', ')}`,
    );
  return found(args, now);
}

/** Whether the call always gives the same answer for the same arguments. Within one query, `now()` and `ago()` do. */
export function isKnownFunction(name: string): boolean {
  return name in FUNCTIONS;
}

/**
 * The text that `tostring()` returns: dynamic text as it is, other dynamic values as JSON, null as empty text.
 * Source: https://learn.microsoft.com/en-us/kusto/query/tostring-function
 */
export function textOf({ type, value }: Argument): string {
  if (value === null) return '';
  switch (type) {
    case 'string':
    case 'guid':
      return String(value);
    case 'long':
    case 'int':
      return String(value);
    case 'dynamic':
      return typeof value === 'string' ? value : JSON.stringify(value);
    default:
      throw new Error(`the local workspace does not know how Kusto writes a ${type} as text`);
  }
}

const FUNCTIONS: Readonly<Record<string, ScalarFunction>> = {
  tostring: (args) => textOf(only('tostring', args)),
  // Source: https://learn.microsoft.com/en-us/kusto/query/toint-function
  toint: (args) => {
    const { value } = typed('toint', args, 0, ['dynamic', 'long', 'int']);
    return typeof value === 'number' ? Math.trunc(value) : null;
  },
  tolower: (args) => text('tolower', args, 0).toLowerCase(),
  strcat: (args) => args.map(textOf).join(''),
  // Case-sensitive. Source: https://learn.microsoft.com/en-us/kusto/query/replace-string-function
  replace_string(args) {
    const [whole, lookup, instead] = [0, 1, 2].map((place) => text('replace_string', args, place));
    if (lookup === undefined || lookup === '')
      throw new Error('the local workspace does not support replace_string() with empty search text');
    return whole?.replaceAll(lookup, () => instead ?? '') ?? null;
  },
  not: (args) => {
    const { value } = typed('not', args, 0, ['bool']);
    return value === null ? null : value !== true;
  },
  iff: (args) => {
    const [condition, yes, no] = [typed('iff', args, 0, ['bool']), need('iff', args, 1), need('iff', args, 2)];
    return condition.value === true ? yes.value : no.value;
  },
  now: (args, now) => (args.length === 0 ? now : added(now, typed('now', args, 0, ['timespan']).value)),
  ago: (args, now) => {
    const { value } = typed('ago', args, 0, ['timespan']);
    return value === null ? null : now - Number(value);
  },
  isempty: (args) => isEmpty(only('isempty', args)),
  isnotempty: (args) => !isEmpty(only('isnotempty', args)),
  array_length: (args) => {
    const { value } = typed('array_length', args, 0, ['dynamic']);
    return Array.isArray(value) ? value.length : null;
  },
  set_difference(args) {
    const [first, ...others] = args.map((_, index) => typed('set_difference', args, index, ['dynamic']).value);
    if (first === undefined || others.length === 0) throw wrongCount('set_difference', args);
    if (!Array.isArray(first) || !others.every(Array.isArray)) return null;
    const taken = new Set(others.flat().map((value) => JSON.stringify(value)));
    return [...new Map(first.map((value) => [JSON.stringify(value), value])).entries()]
      .filter(([key]) => !taken.has(key))
      .map(([, value]) => value);
  },
  extract_all(args) {
    if (args.length !== 2) throw new Error('the local workspace supports only extract_all(regex, text)');
    const regex = regexOf(text('extract_all', args, 0));
    const groups = groupsOf(regex);
    if (groups === 0) throw new Error('extract_all needs a regular expression with a capturing group');
    const found = [...text('extract_all', args, 1).matchAll(regex)].map((match) =>
      match.slice(1).map((group) => group ?? ''),
    );
    if (found.length === 0) return null;
    return groups === 1 ? found.map(([group]) => group ?? '') : found;
  },
  extract(args) {
    if (args.length !== 3) throw new Error('the local workspace supports only extract(regex, group, text)');
    const regex = regexOf(text('extract', args, 0));
    const { value: group } = typed('extract', args, 1, ['long', 'int']);
    regex.lastIndex = 0;
    // Without a match, the answer is empty text. Source: https://learn.microsoft.com/en-us/kusto/query/extract-function
    return regex.exec(text('extract', args, 2))?.[Number(group)] ?? '';
  },
  coalesce(args) {
    const { type } = need('coalesce', args, 0);
    if (args.length < 2 || args.some((arg) => arg.type !== type))
      throw new Error(`coalesce() takes values of the same type; got ${args.map((arg) => arg.type).join(', ')}`);
    return (
      args.find(({ value }) => value !== null && (type !== 'string' || value !== ''))?.value ??
      args.at(-1)?.value ??
      null
    );
  },
  countof(args) {
    const [source, search] = [text('countof', args, 0), text('countof', args, 1)];
    const kind = args.length < 3 ? 'normal' : text('countof', args, 2);
    if (kind === 'regex') return [...source.matchAll(regexOf(search))].length;
    if (kind !== 'normal') throw new Error(`countof() takes the kind "normal" or "regex"; got ${kind}`);
    if (search === '') throw new Error('the local workspace does not support countof() with empty search text');
    let count = 0;
    // Matches of plain text may overlap. Source: https://learn.microsoft.com/en-us/kusto/query/countof-function
    for (let at = source.indexOf(search); at >= 0; at = source.indexOf(search, at + 1)) count += 1;
    return count;
  },
};

function isEmpty(argument: Argument): boolean {
  return argument.value === null || textOf(argument) === '';
}

function added(time: number, offset: Value): Value {
  return offset === null ? null : time + Number(offset);
}

const regexes = new Map<string, RegExp>();

/**
 * Kusto uses RE2 regular expressions, without look-around and backreferences.
 * Source: https://learn.microsoft.com/en-us/kusto/query/regex
 */
function regexOf(source: string): RegExp {
  const known = regexes.get(source);
  if (known !== undefined) return known;
  const [, flags = '', body = source] = /^\(\?([is]+)\)(.*)$/s.exec(source) ?? [];
  const plain = body.replaceAll(/\\\\/g, '').replaceAll(/\[[^\]]*\]/g, '');
  if (/\(\?(?!:)|\\[1-9kpPAzZC]|[+*?}]\+/.test(plain))
    throw new Error(
      `the local workspace does not support the regular expression ${source}; Kusto uses RE2, and only plain groups are supported`,
    );
  const made = new RegExp(body, `g${flags}`);
  regexes.set(source, made);
  return made;
}

function groupsOf(regex: RegExp): number {
  return (new RegExp(`${regex.source}|`).exec('')?.length ?? 1) - 1;
}

function need(name: string, args: readonly Argument[], index: number): Argument {
  const found = args[index];
  if (found === undefined) throw wrongCount(name, args);
  return found;
}

function only(name: string, args: readonly Argument[]): Argument {
  if (args.length !== 1) throw wrongCount(name, args);
  return need(name, args, 0);
}

function typed(name: string, args: readonly Argument[], index: number, types: readonly string[]): Argument {
  const found = need(name, args, index);
  if (!types.includes(found.type))
    throw new Error(`${name}() takes ${types.join(' or ')} here; got ${found.type}; convert it in the query`);
  return found;
}

function text(name: string, args: readonly Argument[], index: number): string {
  return String(typed(name, args, index, ['string']).value);
}

function wrongCount(name: string, args: readonly Argument[]): Error {
  return new Error(`${name}() was given ${args.length} arguments`);
}
