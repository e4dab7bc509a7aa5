// Interprets log queries: finds the fields of a Logs Insights query, and tests whether the pattern of a metric filter
// matches a line.

/** A line of the log, parsed. */
export type Line = Readonly<Record<string, unknown>>;

/**
 * The commands that the queries use.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
 */
const COMMANDS = ['SOURCE', 'filter', 'stats', 'fields', 'sort', 'limit'];
const WORDS = ['by', 'as', 'and', 'or', 'in', 'asc', 'desc'];
/** Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html */
const FUNCTIONS = ['count', 'latest', 'max', 'sum', 'pct', 'bin', 'ispresent', 'coalesce'];
const STEP = /\s*\|\s*/;
const TOKEN = /"[^"]*"|'[^']*'|@?[A-Za-z][\w.]*\s*\(?|\d+\w*|\S/g;

/**
 * The fields of the lines that a query needs, each once.
 *
 * @throws Error on an unknown command or function, so that no field is missed or misread
 */
export function fieldsOf(query: string): readonly string[] {
  const made = new Set<string>();
  const fields = new Set<string>();
  for (const step of query.trim().split(STEP)) {
    const [command, ...tokens] = (step.match(TOKEN) ?? []).map((token) => token.trim());
    if (command === undefined || !COMMANDS.includes(command))
      throw new Error(`unknown command ${command} in a query: ${step}`);
    for (const [index, token] of tokens.entries()) {
      if (!/^[A-Za-z]/.test(token) || WORDS.includes(token)) continue;
      if (token.endsWith('(')) {
        const name = token.slice(0, -1).trim();
        if (!FUNCTIONS.includes(name) && !WORDS.includes(name))
          throw new Error(`unknown function ${name} in a query: ${step}`);
      } else if (tokens[index - 1] === 'as') made.add(token);
      else if (!made.has(token)) fields.add(token);
    }
  }
  return [...fields];
}

/** The paths of all fields of the lines: `calls.ecr`, `triggers.0`. */
export function pathsOf(lines: readonly Line[]): ReadonlySet<string> {
  const paths = new Set<string>();
  const add = (value: unknown, path: string): void => {
    if (path !== '') paths.add(path);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, below] of Object.entries(value)) add(below, path === '' ? key : `${path}.${key}`);
  };
  for (const line of lines) add(line, '');
  return paths;
}

/** The value at a selector like `$.triggers[0]`. */
export function valueAt(selector: string, line: Line): unknown {
  let value: unknown = line;
  for (const key of selector
    .replace(/^\$\.?/, '')
    .split(/[.[\]]+/)
    .filter((part) => part !== '')) {
    value = typeof value === 'object' && value !== null ? (value as Line)[key] : undefined;
  }
  return value;
}

const PATTERN_TOKEN = /\s*(&&|\|\||[(){}]|>=|<=|=|>|<|IS TRUE|IS FALSE|"[^"]*"|\$[\w.[\]]+|-?\d+(?:\.\d+)?)/y;

/**
 * Whether the pattern of a metric filter matches a line. Supports only the parts of the language that the filters use.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 *
 * @throws Error on a pattern outside that part
 */
export function matches(pattern: string, line: Line): boolean {
  const tokens = tokensOf(pattern);
  let at = 0;
  const take = (expected?: string): string => {
    const token = tokens[at++];
    if (token === undefined || (expected !== undefined && token !== expected))
      throw new Error(`${pattern}: expected ${expected ?? 'more'}, found ${token ?? 'its end'}`);
    return token;
  };
  const either = (): boolean => {
    let result = both();
    while (tokens[at] === '||') {
      take();
      // Parse both sides, whatever the result of the first is.
      const other = both();
      result = result || other;
    }
    return result;
  };
  const both = (): boolean => {
    let result = condition();
    while (tokens[at] === '&&') {
      take();
      const other = condition();
      result = result && other;
    }
    return result;
  };
  const condition = (): boolean => {
    if (tokens[at] === '(') {
      take();
      const result = either();
      take(')');
      return result;
    }
    const value = valueAt(take(), line);
    const operator = take();
    if (operator.startsWith('IS ')) return value === (operator === 'IS TRUE');
    return compared(value, operator, JSON.parse(take()) as string | number);
  };
  take('{');
  const result = either();
  take('}');
  return result;
}

function compared(value: unknown, operator: string, wanted: string | number): boolean {
  if (operator === '=') return value === wanted;
  if (typeof value !== 'number' || typeof wanted !== 'number') return false;
  switch (operator) {
    case '>=':
      return value >= wanted;
    case '>':
      return value > wanted;
    case '<':
      return value < wanted;
    default:
      throw new Error(`the operator ${operator} is not supported yet: implement it here`);
  }
}

function tokensOf(pattern: string): readonly string[] {
  const tokens: string[] = [];
  for (PATTERN_TOKEN.lastIndex = 0; PATTERN_TOKEN.lastIndex < pattern.length; ) {
    const found = PATTERN_TOKEN.exec(pattern)?.[1];
    if (found === undefined) throw new Error(`${pattern} cannot be parsed`);
    tokens.push(found);
  }
  return tokens;
}
