// The filters of the table service: compiles a query's `$filter` into a test of an entity.
// Source: https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities
import { failure } from './failure.ts';

/** A property's value with its type, as the service stores it. */
export interface Value {
  readonly type:
    | 'Edm.String'
    | 'Edm.Boolean'
    | 'Edm.Int32'
    | 'Edm.Int64'
    | 'Edm.Double'
    | 'Edm.DateTime'
    | 'Edm.Guid'
    | 'Edm.Binary';
  readonly value: string | number | boolean;
}

export type Properties = ReadonlyMap<string, Value>;
export type Filter = (properties: Properties) => boolean;

type Comparable = string | number | bigint | boolean;

const TOKEN =
  /\s*(?:(\()|(\))|(datetime|guid|X|binary)?'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?L?)|([A-Za-z_][A-Za-z0-9_]*))/y;

interface Token {
  readonly kind: 'open' | 'close' | 'literal' | 'word';
  readonly text: string;
  readonly value: Comparable;
}

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  gt: (order) => order > 0,
  ge: (order) => order >= 0,
  lt: (order) => order < 0,
  le: (order) => order <= 0,
};

/**
 * Parses a filter: comparisons of a property with a literal, combined with `and`, `or`, `not` and parentheses.
 *
 * @throws Failure for anything else
 */
export function readFilter(text: string): Filter {
  const tokens = tokensOf(text);
  let place = 0;
  const next = (): Token | undefined => tokens[place];
  const take = (): Token | undefined => tokens[place++];
  const isWord = (word: string): boolean => next()?.kind === 'word' && next()?.text === word;

  const anyOf = (): Filter => {
    let filter = allOf();
    while (isWord('or')) {
      take();
      const [one, other] = [filter, allOf()];
      filter = (properties) => one(properties) || other(properties);
    }
    return filter;
  };
  const allOf = (): Filter => {
    let filter = single();
    while (isWord('and')) {
      take();
      const [one, other] = [filter, single()];
      filter = (properties) => one(properties) && other(properties);
    }
    return filter;
  };
  const single = (): Filter => {
    if (isWord('not')) {
      take();
      const inner = single();
      return (properties) => !inner(properties);
    }
    if (next()?.kind !== 'open') return comparison();
    take();
    const inner = anyOf();
    if (take()?.kind !== 'close') throw unknown(text, 'a parenthesis is not closed');
    return inner;
  };
  const comparison = (): Filter => {
    const [property, operator, literal] = [take(), take(), take()];
    const holds = operator === undefined ? undefined : COMPARISONS[operator.text];
    if (property?.kind !== 'word' || holds === undefined || literal === undefined)
      throw unknown(text, 'a comparison must be PROPERTY eq|ne|gt|ge|lt|le LITERAL');
    const wanted = literalOf(literal, text);
    return (properties) => {
      const value = properties.get(property.text);
      // An entity without the property matches no comparison.
      return value !== undefined && holds(orderOf(comparable(value), wanted));
    };
  };

  const filter = anyOf();
  if (place < tokens.length) throw unknown(text, `"${next()?.text}" is unexpected`);
  return filter;
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const match = TOKEN.exec(text);
    if (match === null) throw unknown(text, 'it cannot be parsed');
    const [whole, open, close, prefix, quoted, number, word] = match;
    if (open !== undefined) tokens.push({ kind: 'open', text: open, value: '' });
    else if (close !== undefined) tokens.push({ kind: 'close', text: close, value: '' });
    else if (quoted !== undefined)
      tokens.push({ kind: 'literal', text: whole.trim(), value: quotedValue(prefix, quoted) });
    else if (number !== undefined) tokens.push({ kind: 'literal', text: number, value: numberValue(number) });
    else tokens.push({ kind: 'word', text: word ?? '', value: '' });
  }
  return tokens;
}

function quotedValue(prefix: string | undefined, quoted: string): Comparable {
  const plain = quoted.replaceAll("''", "'");
  return prefix === 'datetime' ? Date.parse(plain) : prefix === 'guid' ? plain.toLowerCase() : plain;
}

function numberValue(text: string): Comparable {
  return text.endsWith('L') ? BigInt(text.slice(0, -1)) : Number(text);
}

function literalOf({ kind, text, value }: Token, filter: string): Comparable {
  if (kind === 'literal') return value;
  if (kind === 'word' && (text === 'true' || text === 'false')) return text === 'true';
  throw unknown(filter, `"${text}" is not a literal`);
}

function comparable({ type, value }: Value): Comparable {
  switch (type) {
    case 'Edm.Int64':
      return BigInt(value);
    case 'Edm.DateTime':
      return Date.parse(String(value));
    case 'Edm.Guid':
      return String(value).toLowerCase();
    default:
      return value;
  }
}

/** Strings compare by code units. Values that cannot be compared match no operator. */
function orderOf(one: Comparable, other: Comparable): number {
  const isNumber = (value: Comparable) => typeof value === 'number' || typeof value === 'bigint';
  if (typeof one !== typeof other && !(isNumber(one) && isNumber(other))) return Number.NaN;
  return one < other ? -1 : one > other ? 1 : 0;
}

function unknown(filter: string, why: string) {
  return failure(400, 'InvalidInput', `the local table service does not support the filter: ${why}; got ${filter}`);
}
