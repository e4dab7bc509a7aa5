// EventBridge's event patterns, as far as pullgate writes them; anything else is an error, never a guess.
// Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html

type Fields = Readonly<Record<string, unknown>>;

/**
 * Does an event match a pattern? Every key of the pattern must match; the alternatives of a list are or-ed; an array in
 * the event matches if one of its elements does, and a pattern below an array of objects must be matched by the
 * elements taken together with what else they hold (array consistency).
 *
 * @throws Error on an operator or a shape that this does not know
 */
export function matches(pattern: unknown, event: unknown): boolean {
  assertPattern(pattern, 'pattern');
  return matchesObject(pattern, event);
}

/** Checks a pattern as EventBridge does when a rule is made. */
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
    `the local event bus knows nested objects whose leaves are lists of literals, anything-but, exists and prefix; ${path} is ${JSON.stringify(given)}`,
  );
}

function matchesObject(pattern: Fields, event: unknown): boolean {
  // Each element of an array of objects is tried as a whole: two keys must be matched by the same element.
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
  // `exists` works on leaves: an object is none, and an empty array has none.
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
