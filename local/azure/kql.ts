// Runs a Kusto query over the rows of a workspace: executes its statements, and binds their names.
import { child, compileScalar, elements, type Scalar } from './kql-expression.ts';
import type { Value } from './kql-functions.ts';
import { evaluateTable, type Scope, type Table } from './kql-operators.ts';
import { parseQuery, type Syntax } from './kql-syntax.ts';
import type { Row, TableName } from './tables.ts';

/** The data of a query: the rows of a table at the query's time. */
export interface Source {
  rows(table: TableName): readonly Row[];
  columns(table: TableName): Table['columns'];
}

/**
 * Runs a query.
 *
 * @throws Error if the query is invalid, or contains an unsupported operator, function or type; nothing is guessed
 */
export function runQuery(text: string, source: Source, now: Date): Table {
  const { root, bound } = parseQuery(text);
  const lets = new Map<string, Syntax>();
  const values = new Map<string, Scalar>();
  const tables = new Map<string, Table>();
  const letOf = (name: string): Syntax => {
    const found = lets.get(name);
    if (found === undefined) throw new Error(`the query has no let ${name}`);
    return found;
  };
  const scope: Scope = {
    now: now.getTime(),
    scalar(name) {
      const known = values.get(name);
      if (known !== undefined) return known;
      const value: Value = compileScalar(letOf(name), scope)({});
      const made = () => value;
      values.set(name, made);
      return made;
    },
    table(node) {
      const { text: name, symbol } = node;
      if (symbol === 'TableSymbol') {
        const table = name as TableName;
        return { columns: source.columns(table), rows: source.rows(table) };
      }
      if (symbol !== 'VariableSymbol') throw new Error(`the local workspace has no table ${name}`);
      const known = tables.get(name);
      if (known !== undefined) return known;
      const made = evaluateTable(letOf(name), scope);
      tables.set(name, made);
      return made;
    },
  };

  let result: Table | undefined;
  const statements = root.children.find(({ role }) => role === 'Statements');
  if (root.kind !== 'QueryBlock' || statements === undefined)
    throw new Error(`the local workspace runs only queries, not ${root.kind}`);
  for (const statement of elements(root, 'Statements')) {
    if (statement.kind === 'LetStatement') {
      const [name, expression] = [child(statement, 'Name').text, child(statement, 'Expression')];
      const literal = bound.get(name);
      lets.set(name, literal === undefined ? expression : { ...expression, literal });
    } else if (statement.kind === 'ExpressionStatement') {
      result = evaluateTable(child(statement, 'Expression'), scope);
    } else throw new Error(`the local workspace does not support ${statement.kind}: ${statement.text}`);
  }
  if (result === undefined) throw new Error('the query has no statement that returns a table');
  return result;
}
