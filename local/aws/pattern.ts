// The part of EventBridge's event patterns that pullgate uses. Anything else is an error, never a guess.
// Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html

type Fields = Readonly<Record<string, unknown>>;

/**
 * Whether an event matches a pattern. Every key of the pattern must match, and one alternative of a list suffices. An
 * array in the event matches if one of its elements does. If a pattern is below an array of objects, one element must
 * match all of it (array consistency).
 *
 * @throws Error for an operator or a shape that is not supported
 */
export function matches(pattern: unknown, event: unknown): boolean {
  assertPattern(pattern, 'pattern');
  return matchesObject(pattern, event);
}

/** Checks a pattern as EventBridge does when a rule is created. */
export function assertPattern(pattern: unknown, path: string): asserts pattern is Fields {
  if (!isObject(pattern)) throw unknownShape(path, pattern);
  const entries = Object.entries(pattern);
  if (entries.length === 0) throw unknownShape(path, pattern);
  for (const [key, value] of entries) {
    const at = `${path}.${key}`;
    if (key.startsWith('$')) throw unknownShape(at, value);
    if (Array.isArray(value)) {
      if (value.length === 0) throw unknownShape(at, value);
      for (const condition of value) assertCondition(condition, at);
    } else assertPattern(value, at);
  }
}

function assertCondition(condition: unknown, path: string): void {
  if (isLiteral(condition)) return;
  if (!isObject(condition) || Object.keys(condition).length !== 1) throw unknownShape(path, condition);
  const [[operator, operand] = []] = Object.entries(condition);
  switch (operator) {
    case 'exists':
      if (typeof operand === 'boolean') return;
      break;
    case 'prefix':
      if (typeof operand === 'string') return;
      break;
    case 'anything-but':
      if ((Array.isArray(operand) && operand.length > 0 ? operand : [operand]).every(isLiteral)) return;
      break;
  }
  throw unknownShape(path, condition);
}

function unknownShape(path: string, given: unknown): Error {
  return new Error(
    `the local event bus supports nested objects whose leaves are lists of literals, anything-but, exists and prefix; ${path} is ${JSON.stringify(given)}`,
  );
}

function matchesObject(pattern: Fields, event: unknown): boolean {
  // Each element of an array of objects is matched as a whole: the same element must match both keys.
  if (Array.isArray(event)) {
    if (JSON.stringify(pattern).includes('{"exists":false}'))
      throw unknownShape('exists: false below an array', pattern);
    return event.some((element) => matchesObject(pattern, element));
  }
  const fields = isObject(event) ? event : {};
  return Object.entries(pattern).every(([key, value]) => {
    if (!Array.isArray(value)) return matchesObject(value as Fields, fields[key]);
    return value.some((condition) => matchesCondition(condition, fields[key]));
  });
}

function matchesCondition(condition: unknown, value: unknown): boolean {
  // `exists` applies only to leaves. An object is not a leaf, and an empty array has none.
  const leaves = (Array.isArray(value) ? value : [value]).filter((leaf) => leaf !== undefined && !isObject(leaf));
  if (!isObject(condition)) return leaves.includes(condition);
  const [[operator, operand] = []] = Object.entries(condition);
  if (operator === 'exists') return leaves.length > 0 === operand;
  if (operator === 'prefix') return leaves.some((leaf) => typeof leaf === 'string' && leaf.startsWith(String(operand)));
  const excluded: readonly unknown[] = Array.isArray(operand) ? operand : [operand];
  return leaves.length > 0 && leaves.some((leaf) => !excluded.includes(leaf));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isLiteral(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
