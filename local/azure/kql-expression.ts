// Kusto's scalar expressions: compiles each one into a function of the row.
import { callFunction, isKnownFunction, type Value } from './kql-functions.ts';
import type { Syntax } from './kql-syntax.ts';
import type { Json, Row } from './tables.ts';

export type Scalar = (row: Row) => Value;

export interface ScalarScope {
  /** The query's time, the same for the whole query, in milliseconds since the epoch. */
  readonly now: number;
  /** The value of a `let`. */
  scalar(name: string): Scalar;
}

/** @throws Error for an unsupported expression; nothing is guessed */
export function compileScalar(node: Syntax, scope: ScalarScope): Scalar {
  switch (node.kind) {
    case 'StringLiteralExpression':
    case 'LongLiteralExpression':
    case 'IntLiteralExpression':
    case 'BooleanLiteralExpression':
    case 'TimespanLiteralExpression':
    case 'DateTimeLiteralExpression': {
      const value = node.literal ?? null;
      return () => value;
    }
    case 'DynamicExpression': {
      const value = dynamicOf(node);
      return () => value;
    }
    case 'NameReference':
      return compileName(node, scope);
    case 'ParenthesizedExpression':
      return compileScalar(child(node, 'Expression'), scope);
    case 'PathExpression': {
      const [of, { text: key }] = [compileScalar(child(node, 'Expression'), scope), child(node, 'Selector')];
      if (child(node, 'Selector').kind !== 'NameReference') throw unknownExpression(node);
      return (row) => memberOf(of(row), key);
    }
    case 'ElementExpression': {
      const of = compileScalar(child(node, 'Expression'), scope);
      const key = compileScalar(child(child(node, 'Selector'), 'Expression'), scope);
      return (row) => memberOf(of(row), key(row));
    }
    case 'FunctionCallExpression':
      return compileCall(node, scope);
    case 'AndExpression':
      return compileLogic(node, scope, false);
    case 'OrExpression':
      return compileLogic(node, scope, true);
    case 'EqualExpression':
    case 'NotEqualExpression':
      return compileEquality(node, scope, node.kind === 'EqualExpression');
    case 'LessThanExpression':
    case 'LessThanOrEqualExpression':
    case 'GreaterThanExpression':
    case 'GreaterThanOrEqualExpression':
      return compileOrder(node, scope);
    case 'AddExpression':
    case 'SubtractExpression':
      return compileSum(node, scope);
    case 'MultiplyExpression':
      return compileProduct(node, scope);
    case 'UnaryMinusExpression': {
      const of = child(node, 'Expression');
      if (!['timespan', ...NUMBERS].includes(typeOf(of))) throw unknownTypes(node);
      const value = compileScalar(of, scope);
      return (row) => {
        const given = value(row);
        return given === null ? null : -Number(given);
      };
    }
    case 'ContainsExpression':
    case 'HasExpression': {
      const [left, right] = texts(node, scope);
      const test = node.kind === 'HasExpression' ? hasTerm : (text: string, part: string) => text.includes(part);
      return (row) => test(lowered(String(left(row))), String(right(row)).toLowerCase());
    }
    case 'InExpression':
      return compileIn(node, scope, (text) => text);
    case 'InCsExpression':
      return compileIn(node, scope, (text) => text.toLowerCase());
    default:
      throw unknownExpression(node);
  }
}

export function child(node: Syntax, role: string): Syntax {
  const found = node.children.find((one) => one.role === role);
  if (found === undefined) throw new Error(`the local workspace found no ${role} in ${node.kind} (${node.text})`);
  return found;
}

/** The elements of a node's lists, without the list nodes. */
export function elements(node: Syntax, role: string): readonly Syntax[] {
  return child(node, role).children.flatMap((separated) => separated.children);
}

function compileName(node: Syntax, scope: ScalarScope): Scalar {
  const { text: name, symbol } = node;
  if (symbol === 'ColumnSymbol') {
    return (row) => {
      const value = row[name];
      if (value === undefined) throw new Error(`the row has no column ${name}`);
      return value;
    };
  }
  if (symbol === 'VariableSymbol') return scope.scalar(name);
  throw unknownExpression(node);
}

function compileCall(node: Syntax, scope: ScalarScope): Scalar {
  const { text: name } = child(node, 'Name');
  const args = elements(child(node, 'ArgumentList'), 'Expressions').map((argument) => ({
    type: typeOf(argument),
    value: compileScalar(argument, scope),
  }));
  if (!isKnownFunction(name)) callFunction(name, [], scope.now);
  if (name === 'iff') {
    const [condition, yes, no] = args;
    if (condition?.type !== 'bool' || yes === undefined || no === undefined || yes.type !== no.type)
      throw new Error(`iff() takes a bool and two values of the same type: ${node.text}`);
    return (row) => (condition.value(row) === true ? yes.value(row) : no.value(row));
  }
  return (row) =>
    callFunction(
      name,
      args.map(({ type, value }) => ({ type, value: value(row) })),
      scope.now,
    );
}

/** `and` and `or` use three-valued logic: null is neither true nor false. */
function compileLogic(node: Syntax, scope: ScalarScope, decides: boolean): Scalar {
  const [left, right] = sides(node);
  for (const side of [left, right]) if (typeOf(side) !== 'bool') throw unknownTypes(node);
  const [one, other] = [compileScalar(left, scope), compileScalar(right, scope)];
  return (row) => {
    const first = one(row);
    if (first === decides) return decides;
    const second = other(row);
    if (second === decides) return decides;
    return first === null || second === null ? null : !decides;
  };
}

/**
 * Text comparison is case-sensitive. Comparing two nulls gives null; comparing a null with a value gives "not equal".
 * Source: https://learn.microsoft.com/en-us/kusto/query/scalar-data-types/null-values
 */
function compileEquality(node: Syntax, scope: ScalarScope, wanted: boolean): Scalar {
  const [one, other] = comparable(node, scope, ['string', 'bool', 'number', 'datetime', 'timespan']);
  return (row) => {
    const [first, second] = [one(row), other(row)];
    return first === null && second === null ? null : (first === second) === wanted;
  };
}

function compileOrder(node: Syntax, scope: ScalarScope): Scalar {
  const [one, other] = comparable(node, scope, ['number', 'datetime', 'timespan']);
  const { kind } = node;
  return (row) => {
    const [first, second] = [one(row), other(row)];
    if (first === null || second === null) return null;
    if (first === second) return kind.includes('OrEqual');
    return kind.startsWith('Less') ? Number(first) < Number(second) : Number(first) > Number(second);
  };
}

/** Sums of times and of whole numbers. */
function compileSum(node: Syntax, scope: ScalarScope): Scalar {
  const [left, right] = sides(node);
  const types = `${typeOf(left)} ${node.kind} ${typeOf(right)}`;
  if (
    !/^((datetime|timespan) \w+ timespan|datetime SubtractExpression datetime|(int|long) \w+ (int|long))$/.test(types)
  )
    throw unknownTypes(node);
  const [one, other] = [compileScalar(left, scope), compileScalar(right, scope)];
  const sign = node.kind === 'AddExpression' ? 1 : -1;
  return (row) => {
    const [first, second] = [one(row), other(row)];
    return first === null || second === null ? null : Number(first) + sign * Number(second);
  };
}

/** Products of whole numbers. The local workspace supports no other arithmetic but sums. */
function compileProduct(node: Syntax, scope: ScalarScope): Scalar {
  const [left, right] = sides(node);
  for (const side of [left, right]) if (!NUMBERS.includes(typeOf(side))) throw unknownTypes(node);
  const [one, other] = [compileScalar(left, scope), compileScalar(right, scope)];
  return (row) => {
    const [first, second] = [one(row), other(row)];
    return first === null || second === null ? null : Number(first) * Number(second);
  };
}

/**
 * `in` and `in~`: whether the text equals one of the given texts or of the texts in a dynamic array. `in~` ignores
 * case.
 * Source: https://learn.microsoft.com/en-us/kusto/query/in-operator
 */
function compileIn(node: Syntax, scope: ScalarScope, normal: (text: string) => string): Scalar {
  const left = child(node, 'Left');
  if (typeOf(left) !== 'string') throw unknownTypes(node);
  const of = compileScalar(left, scope);
  const list = elements(child(node, 'Right'), 'Expressions').map((element) => {
    if (typeOf(element) !== 'string' && typeOf(element) !== 'dynamic') throw unknownTypes(node);
    return compileScalar(element, scope);
  });
  return (row) => {
    const wanted = normal(String(of(row)));
    return list
      .flatMap((element) => element(row))
      .some((element) => {
        if (element !== null && typeof element !== 'string') throw unknownTypes(node);
        return element !== null && normal(element) === wanted;
      });
  };
}

let last = { text: '', lower: '' };

/** Several conditions search the same large text of a row, one after the other. */
function lowered(text: string): string {
  if (last.text !== text) last = { text, lower: text.toLowerCase() };
  return last.lower;
}

/**
 * Whether a text contains another as whole terms, that is, not next to a letter or a digit.
 * Source: https://learn.microsoft.com/en-us/kusto/query/has-operator
 */
function hasTerm(text: string, term: string): boolean {
  const isPartOfTerm = (letter: string | undefined) => letter !== undefined && /[\p{L}\p{N}]/u.test(letter);
  for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1)) {
    const goesOnBefore = isPartOfTerm(term[0]) && isPartOfTerm(text[at - 1]);
    const goesOnAfter = isPartOfTerm(term.at(-1)) && isPartOfTerm(text[at + term.length]);
    if (!goesOnBefore && !goesOnAfter) return true;
  }
  return false;
}

function memberOf(value: Value, key: Value): Json {
  if (Array.isArray(value) && typeof key === 'number') return value.at(key) ?? null;
  if (typeof value !== 'object' || value === null || Array.isArray(value) || typeof key !== 'string') return null;
  const fields = value as { readonly [key: string]: Json };
  return Object.hasOwn(fields, key) ? (fields[key] ?? null) : null;
}

function dynamicOf(node: Syntax): Json {
  if (typeof node.literal !== 'string') throw unknownExpression(node);
  try {
    return JSON.parse(node.literal);
  } catch (cause) {
    throw new Error(`the local workspace supports only JSON in dynamic(); got ${node.text}`, { cause });
  }
}

const NUMBERS = ['long', 'int'];

export function typeOf(node: Syntax): string {
  if (node.type === undefined) throw unknownExpression(node);
  return node.type;
}

function sides(node: Syntax): readonly [Syntax, Syntax] {
  return [child(node, 'Left'), child(node, 'Right')];
}

function comparable(node: Syntax, scope: ScalarScope, types: readonly string[]): readonly [Scalar, Scalar] {
  const [left, right] = sides(node);
  const [one, other] = [left, right].map((side) => (NUMBERS.includes(typeOf(side)) ? 'number' : typeOf(side)));
  if (one === undefined || one !== other || !types.includes(one)) throw unknownTypes(node);
  return [compileScalar(left, scope), compileScalar(right, scope)];
}

function texts(node: Syntax, scope: ScalarScope): readonly [Scalar, Scalar] {
  for (const side of sides(node)) if (typeOf(side) !== 'string') throw unknownTypes(node);
  const [left, right] = sides(node);
  return [compileScalar(left, scope), compileScalar(right, scope)];
}

export function unknownExpression({ kind, text }: Syntax): Error {
  return new Error(`the local workspace does not support ${kind}: ${text}`);
}

function unknownTypes(node: Syntax): Error {
  const types = node.children.map(({ type }) => type ?? 'a list').join(' and ');
  return new Error(
    `the local workspace does not support ${node.kind} of ${types}: ${node.text}; convert the values in the query, for example with tostring()`,
  );
}
