// Parses and type-checks Kusto queries with Microsoft's own parser against the documented tables, and returns plain
// trees.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { keep, recall } from '../cache.ts';
import { TABLES } from './tables.ts';

/**
 * A literal or bound value: timespans in milliseconds, datetimes in milliseconds since the epoch, dynamic as JSON text.
 */
export type Literal = string | number | boolean | null;

export interface Column {
  readonly name: string;
  /** `string`, `datetime`, `timespan`, `bool`, `long`, `dynamic`, ... */
  readonly type: string;
}

/** A node of the tree. Punctuation tokens are omitted. */
export interface Syntax {
  /** The parser's name for the node: `FilterOperator`, `ContainsExpression`, ... */
  readonly kind: string;
  /** The node's role in its parent: `Left`, `Condition`, ... */
  readonly role: string;
  /** The source text, for error messages; for a name, the name. */
  readonly text: string;
  /** For a scalar expression. */
  readonly type: string | undefined;
  /** For an expression or operator that returns a table. */
  readonly columns: readonly Column[] | undefined;
  readonly literal: Literal | undefined;
  /** What a name refers to: `ColumnSymbol`, `TableSymbol`, `VariableSymbol`, ... */
  readonly symbol: string | undefined;
  readonly children: readonly Syntax[];
}

/** An error in a query, as the parser reports it. */
export interface QueryDiagnostic {
  readonly code: string;
  readonly message: string;
  /** The text that the error is about. */
  readonly at: string;
}

interface KustoNode {
  readonly Kind: number;
  readonly IsToken: boolean;
  readonly NameInParent: string | null;
  readonly ChildCount: number;
  readonly SimpleName?: string;
  readonly LiteralValue?: unknown;
  readonly ResultType?: { readonly Name: string; readonly Columns?: KustoList<KustoColumn> | null } | null;
  readonly ReferencedSymbol?: object | null;
  GetChild(index: number): KustoNode | null;
  toString(): string;
}
interface KustoList<Item> {
  readonly Count: number;
  getItem(index: number): Item;
}
interface KustoColumn {
  readonly Name: string;
  readonly Type: { readonly Name: string };
}
interface KustoDiagnostic {
  readonly Code: string;
  readonly Message: string;
  readonly Severity: string;
  readonly Start: number;
  readonly Length: number;
}
interface Loaded {
  readonly parse: (text: string) => { readonly Syntax: KustoNode; GetDiagnostics(): KustoList<KustoDiagnostic> };
  readonly kindOf: (node: KustoNode) => string;
}

const require = createRequire(import.meta.url);
const PACKAGE = '@kusto/language-service-next';
/** The version of the parser and of this module, which determine the tree of a query. */
const PARSER = [require(`${PACKAGE}/package.json`).version, readFileSync(new URL(import.meta.url), 'utf8')];

let loaded: Loaded | undefined;

/** Checks a query against the two tables. Returns its errors, or an empty list if it is valid. */
export function checkQuery(text: string): readonly QueryDiagnostic[] {
  if (knownTree(shapeOf(text).shape) !== undefined) return [];
  return diagnosticsOf(load().parse(text).GetDiagnostics(), text);
}

/** A valid query, with the values of its first `let` statements. */
export interface ParsedQuery {
  readonly root: Syntax;
  /** By name. The tree contains a placeholder of the same type. */
  readonly bound: ReadonlyMap<string, Literal>;
}

/**
 * Parses a query.
 *
 * @throws Error with every diagnostic if the query is invalid
 */
export function parseQuery(text: string): ParsedQuery {
  const { shape, bound } = shapeOf(text);
  return { root: knownTree(shape) ?? newTree(text, shape), bound };
}

/**
 * Trees of valid queries by shape. They are cached in memory and in files, because loading the parser blocks the
 * process for seconds.
 */
const right = new Map<string, Syntax>();
const MAX_KNOWN = 100;

function knownTree(shape: string): Syntax | undefined {
  const known = right.get(shape);
  if (known !== undefined) return known;
  const kept = recall<Syntax>('kql', [shape, TABLES, PARSER]);
  if (kept !== undefined) remember(shape, kept);
  return kept;
}

/** @throws Error if the query is invalid */
function newTree(text: string, shape: string): Syntax {
  const wrong = checkQuery(text);
  if (wrong.length > 0) {
    throw new Error(
      `the query is wrong: ${wrong.map(({ code, message, at }) => `${code} ${message} (${at})`).join('; ')}`,
    );
  }
  const { parse, kindOf } = load();
  const root = plain(parse(shape).Syntax, kindOf);
  keep('kql', [shape, TABLES, PARSER], root);
  remember(shape, root);
  return root;
}

function remember(shape: string, root: Syntax): void {
  if (right.size >= MAX_KNOWN) right.clear();
  right.set(shape, root);
}

const LET = /let (\w+) = (?:("[^"\\\n]*")|dynamic\((\[[^\n]*\])\)|[^;"'\n]+);\n/y;

/**
 * The query without the texts and lists that its first lines bind, so that the same query about another image is parsed
 * once.
 */
function shapeOf(text: string): { readonly shape: string; readonly bound: ReadonlyMap<string, Literal> } {
  const bound = new Map<string, Literal>();
  let shape = '';
  let at = 0;
  for (LET.lastIndex = 0; ; ) {
    const found = LET.exec(text);
    if (found === null) return { shape: shape + text.slice(at), bound };
    const [line, name = '', words, list] = found;
    at = LET.lastIndex;
    if (words !== undefined) {
      bound.set(name, words.slice(1, -1));
      shape += `let ${name} = "";\n`;
    } else if (list !== undefined && isJson(list)) {
      bound.set(name, list);
      shape += `let ${name} = dynamic([]);\n`;
    } else shape += line;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function diagnosticsOf(list: KustoList<KustoDiagnostic>, text: string): readonly QueryDiagnostic[] {
  return itemsOf(list)
    .filter(({ Severity }) => Severity === 'Error')
    .map(({ Code, Message, Start, Length }) => ({
      code: Code,
      message: Message,
      at: text.slice(Start, Start + Length),
    }));
}

function plain(node: KustoNode, kindOf: (node: KustoNode) => string): Syntax {
  const children: Syntax[] = [];
  for (let index = 0; index < node.ChildCount; index++) {
    const child = node.GetChild(index);
    if (child === null || child.IsToken) continue;
    children.push(plain(child, kindOf));
  }
  const columns = node.ResultType?.Columns;
  return {
    kind: kindOf(node),
    role: node.NameInParent ?? '',
    text: node.SimpleName ?? node.toString().trim(),
    type: node.ResultType?.Name || undefined,
    columns:
      columns === undefined || columns === null
        ? undefined
        : itemsOf(columns).map(({ Name, Type }) => ({ name: Name, type: Type.Name })),
    literal: literalOf(node.LiteralValue),
    symbol: nameOfType(node.ReferencedSymbol),
    children,
  };
}

/** The parser is a transpiled .NET library, so its numbers and times are objects. */
function literalOf(value: unknown): Literal | undefined {
  if (value === undefined) return undefined;
  if (value === null || typeof value === 'string') return value;
  const type = nameOfType(value);
  switch (type) {
    case 'Int64':
    case 'Int32':
    case 'Double':
      return Number(String(value));
    case 'Boolean':
      return String(value).toLowerCase() === 'true';
    case 'TimeSpan':
      return (value as { getTotalMilliseconds(): number }).getTotalMilliseconds();
    case 'DateTime':
      return Date.parse(`${String(value)} UTC`);
    default:
      throw new Error(`the local workspace does not support literals of type ${type}: ${String(value)}`);
  }
}

function nameOfType(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { $$name: name } = value.constructor as { readonly $$name?: string };
  return name?.split('.').at(-1);
}

function itemsOf<Item>(list: KustoList<Item>): readonly Item[] {
  return Array.from({ length: list.Count }, (_, index) => list.getItem(index));
}

/** The package is made for browsers: its two scripts put their definitions into the global scope. */
function load(): Loaded {
  if (loaded !== undefined) return loaded;
  require(`${PACKAGE}/bridge.min.js`);
  require(`${PACKAGE}/Kusto.Language.Bridge.min.js`);
  const { Kusto, System } = globalThis as unknown as Scripts;
  const { KustoCode, GlobalState, Symbols, Syntax: syntax } = Kusto.Language;
  const tables = Object.entries(TABLES).map(([name, columns]) => {
    const schema = Object.entries(columns).map(([column, type]) => `${column}: ${type}`);
    return Symbols.TableSymbol.From(`(${schema.join(', ')})`).WithName(name);
  });
  const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('workspace', tables));
  const kinds = new Map<number, string>();
  loaded = {
    parse: (text) => KustoCode.ParseAndAnalyze(text, globals),
    kindOf({ Kind }) {
      const known = kinds.get(Kind) ?? System.Enum.toString(syntax.SyntaxKind, Kind);
      kinds.set(Kind, known);
      return known;
    },
  };
  return loaded;
}

interface Scripts {
  readonly System: { readonly Enum: { toString(type: unknown, value: number): string } };
  readonly Kusto: {
    readonly Language: {
      readonly KustoCode: { ParseAndAnalyze(text: string, globals: unknown): ReturnType<Loaded['parse']> };
      readonly GlobalState: { readonly Default: { WithDatabase(database: unknown): unknown } };
      readonly Symbols: {
        readonly TableSymbol: { From(schema: string): { WithName(name: string): unknown } };
        readonly DatabaseSymbol: { readonly ctor: new (name: string, tables: readonly unknown[]) => unknown };
      };
      readonly Syntax: { readonly SyntaxKind: unknown };
    };
  };
}
