// Kusto's tabular operators: where, extend, project, distinct, summarize, top and union, over rows in memory.

import {
  child,
  compileScalar,
  elements,
  type Scalar,
  type ScalarScope,
  typeOf,
  unknownExpression,
} from './kql-expression.ts';
import type { Value } from './kql-functions.ts';
import type { Column, Syntax } from './kql-syntax.ts';
import type { Row } from './tables.ts';

/** Rows with the columns that the parser determined. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

export interface Scope extends ScalarScope {
  /** A table of the workspace, or of a `let`. */
  table(node: Syntax): Table;
}

/**
 * The rows of an expression.
 *
 * @throws Error for an unsupported operator; nothing is guessed
 */
export function evaluateTable(node: Syntax, scope: Scope): Table {
  switch (node.kind) {
    case 'NameReference':
      return scope.table(node);
    case 'ParenthesizedExpression':
      return evaluateTable(child(node, 'Expression'), scope);
    case 'PipeExpression':
      return applyOperator(child(node, 'Operator'), child(node, 'Expression'), scope);
    case 'UnionOperator':
      return union(node, undefined, scope);
    default:
      throw unknownExpression(node);
  }
}

function applyOperator(node: Syntax, source: Syntax, scope: Scope): Table {
  if (node.kind === 'UnionOperator') return union(node, source, scope);
  refuseParameters(node, []);
  const columns = columnsOf(node);
  switch (node.kind) {
    case 'FilterOperator': {
      const condition = child(node, 'Condition');
      if (typeOf(condition) !== 'bool') throw unknownExpression(condition);
      const test = makeOnce(node, compileScalar(condition, scope));
      const { rows } = evaluateTable(source, scope);
      return { columns, rows: rows.filter((row) => test(row) === true) };
    }
    case 'ExtendOperator': {
      const added = elements(node, 'Expressions').map((expression) => named(expression, scope));
      const { rows } = evaluateTable(source, scope);
      return { columns, rows: rows.map(makeOnce(node, (row) => ({ ...row, ...valuesOf(added, row) }))) };
    }
    case 'ProjectOperator': {
      const kept = elements(node, 'Expressions').map((expression) => named(expression, scope));
      const { rows } = evaluateTable(source, scope);
      return { columns, rows: rows.map(makeOnce(node, (row) => valuesOf(kept, row))) };
    }
    case 'DistinctOperator': {
      const kept = elements(node, 'Expressions').map((expression) => named(expression, scope));
      const rows = new Map<string, Row>();
      for (const row of evaluateTable(source, scope).rows) {
        const values = valuesOf(kept, row);
        const key = JSON.stringify(Object.values(values));
        if (!rows.has(key)) rows.set(key, values);
      }
      return { columns, rows: [...rows.values()] };
    }
    case 'SummarizeOperator':
      return { columns, rows: summarize(node, columns, evaluateTable(source, scope).rows, scope) };
    case 'TopOperator':
      return { columns, rows: top(node, evaluateTable(source, scope).rows, scope) };
    default:
      throw unknownExpression(node);
  }
}

/**
 * The rows with the latest times. Rows without a time come last.
 * Source: https://learn.microsoft.com/en-us/kusto/query/top-operator
 */
function top(node: Syntax, rows: readonly Row[], scope: Scope): readonly Row[] {
  const [count, order] = [child(node, 'Expression'), child(node, 'ByExpression')];
  const isByTime = order.kind === 'OrderedExpression' && child(order, 'Ordering').text === 'desc';
  if (!isByTime || typeOf(order) !== 'datetime' || typeof count.literal !== 'number') throw unknownExpression(node);
  const time = compileScalar(child(order, 'Expression'), scope);
  return rows.toSorted((a, b) => Number(time(b) ?? 0) - Number(time(a) ?? 0)).slice(0, count.literal);
}

const made = new WeakMap<Syntax, WeakMap<Row, unknown>>();

/**
 * Computes each row once per operator, unless the result depends on a `let` or the time: a sweep runs one query per
 * repository.
 */
function makeOnce<Made>(operator: Syntax, make: (row: Row) => Made): (row: Row) => Made {
  if (readsMoreThanRow(operator)) return make;
  const known = (made.get(operator) ?? new WeakMap()) as WeakMap<Row, { readonly value: Made }>;
  made.set(operator, known);
  return (row) => {
    const one = known.get(row) ?? { value: make(row) };
    known.set(row, one);
    return one.value;
  };
}

function readsMoreThanRow(node: Syntax): boolean {
  return node.symbol === 'VariableSymbol' || ['now', 'ago'].includes(node.text) || node.children.some(readsMoreThanRow);
}

interface Named {
  readonly name: string;
  readonly value: Scalar;
}

function named(node: Syntax, scope: Scope): Named {
  const source = node.kind === 'SimpleNamedExpression' ? child(node, 'Expression') : node;
  if (source === node && node.kind !== 'NameReference')
    throw new Error(`the local workspace needs a name for each column; write NAME = ${node.text}`);
  const name = source === node ? node.text : child(node, 'Name').text;
  return { name, value: compileScalar(source, scope) };
}

function valuesOf(columns: readonly Named[], row: Row): Row {
  const values: Record<string, Value> = {};
  for (const { name, value } of columns) values[name] = value(row);
  return values;
}

/**
 * Groups by the keys. `arg_max`, `max`, `min` and `sum` ignore null. The sum of nothing is 0.
 * Sources: https://learn.microsoft.com/en-us/kusto/query/arg-max-aggregation-function,
 * https://learn.microsoft.com/en-us/kusto/query/summarize-operator
 */
function summarize(node: Syntax, columns: readonly Column[], rows: readonly Row[], scope: Scope): readonly Row[] {
  const by = node.children.find(({ role }) => role === 'ByClause');
  const keys = by === undefined ? [] : elements(by, 'Expressions').map((expression) => named(expression, scope));
  const aggregates = elements(node, 'Aggregates').map((aggregate) => compileAggregate(aggregate, scope));
  const groups = new Map<string, { readonly keys: Row; readonly rows: Row[] }>();
  if (keys.length === 0) groups.set('[]', { keys: {}, rows: [] });
  for (const row of rows) {
    const values = valuesOf(keys, row);
    const key = JSON.stringify(Object.values(values));
    const group = groups.get(key) ?? { keys: values, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
  }
  return [...groups.values()].map((group) => {
    const found = Object.assign({}, ...aggregates.map((aggregate) => aggregate(group.rows)), group.keys);
    return Object.fromEntries(columns.map(({ name }) => [name, needColumn(found, name)]));
  });
}

function compileAggregate(node: Syntax, scope: Scope): (rows: readonly Row[]) => Row {
  const call = node.kind === 'SimpleNamedExpression' ? child(node, 'Expression') : node;
  if (call.kind !== 'FunctionCallExpression') throw unknownExpression(node);
  const name = child(call, 'Name').text;
  const [first, ...others] = elements(child(call, 'ArgumentList'), 'Expressions');
  const column = node === call ? undefined : child(node, 'Name').text;
  if (column !== undefined && name === 'count' && first === undefined) return (rows) => ({ [column]: rows.length });
  if (column !== undefined && first !== undefined && others.length === 0) {
    const value = compileScalar(first, scope);
    if (name === 'take_any') return ([row]) => ({ [column]: row === undefined ? null : value(row) });
    if (name === 'min' && ['int', 'long', 'datetime'].includes(typeOf(first)))
      return (rows) => ({ [column]: least(rows.map(value)) });
    if (name === 'sum' && ['int', 'long'].includes(typeOf(first)))
      return (rows) => ({ [column]: rows.reduce((sum, row) => sum + Number(value(row)), 0) });
  }
  if (first === undefined || !['datetime', 'long', 'timespan'].includes(typeOf(first))) throw unknownExpression(node);
  const value = compileScalar(first, scope);
  const greatest = (rows: readonly Row[]) => {
    let found: { readonly row: Row; readonly value: Value } | undefined;
    for (const row of rows) {
      const own = value(row);
      if (own !== null && (found === undefined || Number(own) > Number(found.value))) found = { row, value: own };
    }
    return found;
  };
  if (name === 'max' && column !== undefined && others.length === 0) {
    return (rows) => ({ [column]: greatest(rows)?.value ?? null });
  }
  if (name === 'arg_max' && node === call && first.kind === 'NameReference') {
    const kept = others.map((one) => (one.kind === 'StarExpression' ? undefined : named(one, scope)));
    return (rows) => {
      const row = greatest(rows)?.row ?? rows[0];
      if (row === undefined) throw new Error('the local workspace does not support arg_max() of zero rows');
      const whole = kept.includes(undefined) ? row : {};
      return {
        ...whole,
        ...valuesOf(
          kept.filter((one) => one !== undefined),
          row,
        ),
        [first.text]: value(row),
      };
    };
  }
  throw new Error(
    `in summarize, the local workspace supports arg_max(COLUMN, ...) and NAME = max(...), min(...), sum(...), count() or take_any(...); got ${node.text}`,
  );
}

/** Null values are ignored. */
function least(values: readonly Value[]): Value {
  const numbers = values.filter((value) => typeof value === 'number');
  return numbers.length === 0 ? null : Math.min(...numbers);
}

/**
 * A column that one of the tables lacks is null there, or empty text. `isfuzzy` affects only tables that do not exist,
 * and all tables exist here.
 * Source: https://learn.microsoft.com/en-us/kusto/query/union-operator
 */
function union(node: Syntax, source: Syntax | undefined, scope: Scope): Table {
  refuseParameters(node, ['isfuzzy=true']);
  const columns = columnsOf(node);
  const sources = [...(source === undefined ? [] : [source]), ...elements(node, 'Expressions')];
  const tables = sources.map((expression) => evaluateTable(expression, scope));
  for (const { columns: own } of tables) {
    const odd = own.find(({ name, type }) => !columns.some((column) => column.name === name && column.type === type));
    if (odd !== undefined) throw new Error(`the tables of a union disagree on the type of ${odd.name}: ${node.text}`);
  }
  const rows = tables.flatMap(({ columns: own, rows }) => {
    const absent = columns.filter(({ name }) => !own.some((column) => column.name === name));
    if (absent.length === 0) return rows;
    const filling = Object.fromEntries(absent.map(({ name, type }) => [name, type === 'string' ? '' : null]));
    return rows.map((row) => ({ ...filling, ...row }));
  });
  return { columns, rows };
}

function refuseParameters(node: Syntax, known: readonly string[]): void {
  const given = node.children.find(({ role }) => role === 'Parameters')?.children ?? [];
  const odd = given.find(({ text }) => !known.includes(text.replaceAll(/\s/g, '')));
  if (odd !== undefined) throw new Error(`the local workspace does not support the parameter ${odd.text}`);
}

function columnsOf(node: Syntax): readonly Column[] {
  if (node.columns === undefined) throw unknownExpression(node);
  return node.columns;
}

function needColumn(row: Row, name: string): Value {
  const value = row[name];
  if (value === undefined) throw new Error(`the local workspace lost the column ${name}`);
  return value;
}
