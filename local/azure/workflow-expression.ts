// The expression language of Logic Apps, as far as the local interpreter knows it.
// Source: https://learn.microsoft.com/en-us/azure/logic-apps/workflow-definition-language-functions-reference

export interface ExpressionScope {
  readonly now: Date;
  readonly triggerBody: unknown;
  /** The outputs of an action that has run. */
  outputs(action: string): unknown;
}

type Expression = (scope: ExpressionScope) => unknown;

/**
 * A template that becomes a value: each text in it that begins with `@` is an expression, each `@{...}` within a text is put in as text.
 *
 * @throws Error on anything that is not known here: nothing is guessed
 */
export function compileTemplate(template: unknown): Expression {
  if (typeof template === 'string') return compileText(template);
  if (Array.isArray(template)) {
    const elements = template.map(compileTemplate);
    return (scope) => elements.map((element) => element(scope));
  }
  if (typeof template === 'object' && template !== null) {
    const fields = Object.entries(template).map(([key, value]) => [key, compileTemplate(value)] as const);
    return (scope) => Object.fromEntries(fields.map(([key, value]) => [key, value(scope)]));
  }
  return () => template;
}

function compileText(text: string): Expression {
  if (text.startsWith('@@')) return () => text.slice(1);
  if (text.startsWith('@') && !text.startsWith('@{')) return parse(text.slice(1), text);
  const parts: Expression[] = [];
  let rest = text;
  for (let at = rest.indexOf('@{'); at >= 0; at = rest.indexOf('@{')) {
    const end = closingBrace(rest, at + 2);
    const before = rest.slice(0, at);
    parts.push(() => before, parse(rest.slice(at + 2, end), text));
    rest = rest.slice(end + 1);
  }
  if (parts.length === 0) return () => text;
  const after = rest;
  return (scope) => [...parts, () => after].map((part) => textOf(part(scope))).join('');
}

/** The end of an expression within a text; braces in its quoted texts do not count. */
function closingBrace(text: string, from: number): number {
  let isQuoted = false;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "'") isQuoted = !isQuoted;
    if (text[at] === '}' && !isQuoted) return at;
  }
  throw new Error(`the expression in ${text} has no end`);
}

type Token = { readonly kind: 'text' | 'word' | 'sign'; readonly value: string };
const TOKEN = /\s*(?:'((?:[^']|'')*)'|([A-Za-z_]\w*)|(\?\[|[()[\],]))/y;

function tokensOf(source: string, whole: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.trimEnd().length) {
    const found = TOKEN.exec(source);
    if (found === null) throw new Error(`the local Logic App does not understand the expression ${whole}`);
    const [, text, word, sign] = found;
    if (text !== undefined) tokens.push({ kind: 'text', value: text.replaceAll("''", "'") });
    else if (word !== undefined) tokens.push({ kind: 'word', value: word });
    else tokens.push({ kind: 'sign', value: String(sign) });
  }
  return tokens;
}

function parse(source: string, whole: string): Expression {
  const tokens = tokensOf(source, whole);
  let position = 0;
  const failed = () => new Error(`the local Logic App does not understand the expression ${whole}`);
  const take = (value: string): boolean => {
    const isNext = tokens[position]?.kind === 'sign' && tokens[position]?.value === value;
    if (isNext) position += 1;
    return isNext;
  };
  const value = (): Expression => {
    const token = tokens[position++];
    if (token?.kind === 'text') return () => token.value;
    if (token?.kind !== 'word' || !take('(')) throw failed();
    const args: Expression[] = [];
    while (!take(')')) {
      if (args.length > 0 && !take(',')) throw failed();
      args.push(value());
    }
    let found = call(token.value, args, whole);
    for (;;) {
      const isSafe = take('?[');
      if (!isSafe && !take('[')) return found;
      const [of, key] = [found, value()];
      if (!take(']')) throw failed();
      found = (scope) => memberOf(of(scope), String(key(scope)), isSafe, whole);
    }
  };
  const parsed = value();
  if (position !== tokens.length) throw failed();
  return parsed;
}

function memberOf(value: unknown, key: string, isSafe: boolean, whole: string): unknown {
  if (value === null || value === undefined) {
    if (isSafe) return null;
    throw new Error(`the expression ${whole} asks for '${key}' of nothing`);
  }
  if (typeof value !== 'object' || Array.isArray(value))
    throw new Error(`the expression ${whole} asks for '${key}' of ${JSON.stringify(value)}`);
  const found = Object.hasOwn(value, key) ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
  if (found === undefined && !isSafe) throw new Error(`the expression ${whole} asks for '${key}', which is not there`);
  return found ?? null;
}

function call(name: string, args: readonly Expression[], whole: string): Expression {
  const count = (...counts: readonly number[]) => {
    if (!counts.includes(args.length)) throw new Error(`${name} was given ${args.length} arguments in ${whole}`);
  };
  const [first] = args;
  switch (name) {
    case 'triggerBody':
      count(0);
      return ({ triggerBody }) => triggerBody;
    case 'outputs':
      count(1);
      return (scope) => scope.outputs(String(first?.(scope)));
    case 'coalesce':
      if (args.length === 0) count(1);
      return (scope) => {
        for (const arg of args) {
          const found = arg(scope);
          if (found !== null && found !== undefined) return found;
        }
        return null;
      };
    case 'string':
      count(1);
      return (scope) => textOf(first?.(scope));
    case 'base64':
      count(1);
      return (scope) => Buffer.from(textOf(first?.(scope))).toString('base64');
    case 'utcNow': {
      count(0, 1);
      return (scope) => {
        const format = first?.(scope);
        if (format === undefined) return scope.now.toISOString();
        if (format === 'R') return scope.now.toUTCString();
        throw new Error(`the local Logic App knows utcNow() and utcNow('R'); given ${whole}`);
      };
    }
    default:
      throw new Error(`the local Logic App knows no function ${name}: ${whole}`);
  }
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
