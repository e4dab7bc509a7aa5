// Reads values that Defender writes in more than one way: keys in either casing, and values as JSON or as JSON text.

/** The value at a path. The case of keys does not matter, and text along the path is parsed as JSON. */
export function pick(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const key of path) {
    const fields = parsed(found);
    if (!isObject(fields)) return undefined;
    found = Object.entries(fields).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
  }
  return found;
}

/** The value if it is a string, otherwise an empty string. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Undefined if the text is not JSON, or is truncated. */
export function jsonFrom(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Is it an object or a list? */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The strings in a list. Empty if the value is not a list. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

/** A number, or the number in a string. */
export function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** The value, parsed if it is JSON text. Text that is not JSON is returned unchanged. */
export function decoded(value: unknown): unknown {
  return parsed(value) ?? value;
}

/** The value, parsed if it is text. Undefined if the text is not JSON. */
export function parsed(value: unknown): unknown {
  return typeof value === 'string' ? jsonFrom(value) : value;
}
