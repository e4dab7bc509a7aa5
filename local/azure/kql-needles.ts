// Which texts a row must hold to pass the filters above it: so that an index can leave out the rows that never will.
import { child, compileScalar, elements, type ScalarScope } from './kql-expression.ts';
import type { Syntax } from './kql-syntax.ts';

/** One of the columns holds one of the texts, whatever the case. */
export interface Needle {
  readonly columns: readonly string[];
  readonly texts: readonly string[];
}

/**
 * Texts that stand, wherever they do, within one text, key or number of a JSON value: they hold none of JSON's punctuation. A colon is preceded by a
 * quotation mark where JSON itself writes it.
 */
const WITHIN_ONE = /^[a-z0-9._/-][a-z0-9._/:-]*$/;
/** Constants that no such text can reach into. */
const SEPARATING = /^[^a-z0-9._/:-]+$/i;

/** What a condition asks for: `contains` and `has`, among what is joined by `and`. */
export function needlesOf(condition: Syntax, scope: ScalarScope): readonly Needle[] {
  switch (condition.kind) {
    case 'ParenthesizedExpression':
      return needlesOf(child(condition, 'Expression'), scope);
    case 'AndExpression':
      return [...needlesOf(child(condition, 'Left'), scope), ...needlesOf(child(condition, 'Right'), scope)];
    case 'OrExpression': {
      const [left, right] = [child(condition, 'Left'), child(condition, 'Right')];
      // `Name == "" or Text contains Name`, where the name is bound.
      if (isConstant(left) && compileScalar(left, scope)({}) === false) return needlesOf(right, scope);
      return together(needlesOf(left, scope), needlesOf(right, scope));
    }
    case 'ContainsExpression':
    case 'HasExpression': {
      const [left, right] = [child(condition, 'Left'), child(condition, 'Right')];
      const columns = columnsIn(left, scope);
      if (columns === undefined || !isConstant(right)) return [];
      const text = String(compileScalar(right, scope)({})).toLowerCase();
      return WITHIN_ONE.test(text) ? [{ columns, texts: [text] }] : [];
    }
    default:
      return [];
  }
}

/** `Text contains A or Text contains B`. */
function together([left, ...lefts]: readonly Needle[], [right, ...rights]: readonly Needle[]): readonly Needle[] {
  if (left === undefined || right === undefined || lefts.length + rights.length > 0) return [];
  return [{ columns: [...new Set([...left.columns, ...right.columns])], texts: [...left.texts, ...right.texts] }];
}

/** The same needles before columns were computed or renamed; a needle whose column came of something else than joined texts is dropped. */
export function before(
  needles: readonly Needle[],
  computed: ReadonlyMap<string, Syntax>,
  scope: ScalarScope,
): readonly Needle[] {
  return needles.flatMap(({ columns, texts }) => {
    const sources: string[] = [];
    for (const column of columns) {
      const from = computed.get(column);
      const found = from === undefined ? [column] : columnsIn(from, scope);
      if (found === undefined) return [];
      sources.push(...found);
    }
    return [{ columns: [...new Set(sources)], texts }];
  });
}

/** The columns whose texts, put one after the other, an expression is; undefined where it is something else. */
function columnsIn(node: Syntax, scope: ScalarScope): readonly string[] | undefined {
  if (node.kind === 'ParenthesizedExpression') return columnsIn(child(node, 'Expression'), scope);
  if (node.kind === 'NameReference') return node.symbol === 'ColumnSymbol' ? [node.text] : undefined;
  if (node.kind === 'StringLiteralExpression') return node.literal === '' ? [] : undefined;
  if (node.kind !== 'FunctionCallExpression') return undefined;
  const name = child(node, 'Name').text;
  const args = elements(child(node, 'ArgumentList'), 'Expressions');
  const [first] = args;
  if (name === 'tostring' || name === 'tolower') return first === undefined ? undefined : columnsIn(first, scope);
  if (name !== 'strcat') return undefined;
  const columns: string[] = [];
  let isSeparated = true;
  for (const arg of args) {
    if (isConstant(arg)) {
      if (!SEPARATING.test(String(compileScalar(arg, scope)({})))) return undefined;
      isSeparated = true;
      continue;
    }
    const found = columnsIn(arg, scope);
    if (found === undefined || !isSeparated) return undefined;
    columns.push(...found);
    isSeparated = false;
  }
  return columns;
}

function isConstant(node: Syntax): boolean {
  return node.symbol !== 'ColumnSymbol' && node.kind !== 'StarExpression' && node.children.every(isConstant);
}
