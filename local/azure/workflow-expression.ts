// The part of the Logic Apps expression language that azure/component/logic-app.ts uses. Anything else is rejected.
// Source: https://learn.microsoft.com/en-us/azure/logic-apps/workflow-definition-language-functions-reference

export interface ExpressionScope {
  readonly now: Date;
  readonly triggerBody: unknown;
  /** The outputs of a completed action. */
  outputs(action: string): unknown;
  /** At least 0 and less than 1. */
  random(): number;
}

type Expression = (scope: ExpressionScope) => unknown;

/** An expression within text. A brace inside a quoted string does not end it. */
const WITHIN_TEXT = /@\{((?:[^'}]|'[^']*')*)\}/;
const TOKEN = /'[^']*'|\w+|\?\[|\S/g;

/**
 * Evaluates a template. Text that begins with `@` is an expression, and each `@{...}` within text is replaced with its
 * value.
 *
 * @throws Error for anything that is not supported; nothing is guessed
 */
export function compileTemplate(template: unknown): Expression {
  if (typeof template === 'string') return compileText(template);
  if (typeof template !== 'object' || template === null || Array.isArray(template))
    throw new Error(`the local Logic App supports only text and objects of text; got ${JSON.stringify(template)}`);
  const fields = Object.entries(template).map(([key, value]) => [key, compileTemplate(value)] as const);
  return (scope) => Object.fromEntries(fields.map(([key, value]) => [key, value(scope)]));
}

function compileText(text: string): Expression {
  if (text.startsWith('@') && !text.startsWith('@{')) return parse(text.slice(1));
  // The matches of the expression's group are at the odd indexes.
  const parts = text.split(WITHIN_TEXT).map((part, index): Expression => {
    if (index % 2 === 1) return parse(part);
    if (part.includes('@{')) throw new Error(`the expression in ${text} has no end`);
    return () => part;
  });
  return (scope) => parts.map((part) => textOf(part(scope))).join('');
}

function parse(source: string): Expression {
  const tokens = source.match(TOKEN) ?? [];
  let position = 0;
  const take = (token: string): boolean => {
    const isNext = tokens[position] === token;
    if (isNext) position += 1;
    return isNext;
  };
  const need = (isRight: boolean): void => {
    if (!isRight) throw new Error(`the local Logic App does not support the expression ${source}`);
  };
  const value = (): Expression => {
    const token = tokens[position++] ?? '';
    if (/^'.*'$/s.test(token)) return () => token.slice(1, -1);
    if (/^\d+$/.test(token)) return () => Number(token);
    need(take('('));
    const args: Expression[] = [];
    while (!take(')')) {
      need(args.length === 0 || take(','));
      args.push(value());
    }
    let found = compileCall(token, args, source);
    while (take('?[')) {
      const [of, key] = [found, value()];
      need(take(']'));
      found = (scope) => memberOf(of(scope), String(key(scope)), source);
    }
    return found;
  };
  const parsed = value();
  need(position === tokens.length);
  return parsed;
}

/** Like `?[...]`: null if the key does not exist or the value cannot have keys. */
function memberOf(value: unknown, key: string, source: string): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object' || Array.isArray(value))
    throw new Error(`the expression ${source} asks for '${key}' of ${JSON.stringify(value)}`);
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.hasOwn(fields, key) ? (fields[key] ?? null) : null;
}

interface WorkflowFunction {
  readonly argumentCounts: readonly number[];
  readonly call: (args: readonly unknown[], scope: ExpressionScope) => unknown;
}

const FUNCTIONS: ReadonlyMap<string, WorkflowFunction> = new Map<string, WorkflowFunction>([
  ['triggerBody', { argumentCounts: [0], call: (_, { triggerBody }) => triggerBody }],
  ['outputs', { argumentCounts: [1], call: ([action], scope) => scope.outputs(String(action)) }],
  ['coalesce', { argumentCounts: [2], call: ([first, second]) => first ?? second ?? null }],
  ['string', { argumentCounts: [1], call: ([value]) => textOf(value) }],
  ['base64', { argumentCounts: [1], call: ([value]) => Buffer.from(textOf(value)).toString('base64') }],
  // Source: https://learn.microsoft.com/azure/logic-apps/expression-functions-reference#rand
  ['rand', { argumentCounts: [2], call: ([from, to], { random }) => wholeNumberIn(from, to, random) }],
  ['utcNow', { argumentCounts: [0, 1], call: ([format], { now }) => timeAs(format, now) }],
]);

function compileCall(name: string, args: readonly Expression[], source: string): Expression {
  const known = FUNCTIONS.get(name);
  if (known === undefined) {
    const names = [...FUNCTIONS.keys()].join(', ');
    throw new Error(`the local Logic App does not support the function ${name} in ${source}; it supports ${names}`);
  }
  if (!known.argumentCounts.includes(args.length))
    throw new Error(`the local Logic App does not support ${name} with ${args.length} arguments in ${source}`);
  return (scope) =>
    known.call(
      args.map((arg) => arg(scope)),
      scope,
    );
}

/** The range includes its lower end only. */
function wholeNumberIn(from: unknown, to: unknown, random: () => number): number {
  if (typeof from !== 'number' || typeof to !== 'number' || from >= to)
    throw new Error(
      `rand takes a whole number and a greater one; got ${JSON.stringify(from)} and ${JSON.stringify(to)}`,
    );
  return from + Math.floor(random() * (to - from));
}

function timeAs(format: unknown, now: Date): string {
  if (format === undefined) return now.toISOString();
  if (format === 'R') return now.toUTCString();
  throw new Error(
    `the local Logic App supports only utcNow() and utcNow('R'); got the format ${JSON.stringify(format)}`,
  );
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
