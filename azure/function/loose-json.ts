// Reads values that Defender writes in more than one way: keys in both casings, and values as JSON or as text of it.

/** A value by its path, without regard to the case of its keys. Text on the way is read as JSON. */
export function pick(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const key of path) {
    const fields = parsed(found);
    if (!isObject(fields)) return undefined;
    found = Object.entries(fields).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
  }
  return found;
}

/** The text of a value; empty if it is none. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Undefined if the text is not JSON, or was cut off. */
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

/** The texts in a list; none if it is no list. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

/** A number, or the text of one. */
export function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** A value, decoded if it is JSON text; text that is not JSON stays as it is. */
export function decoded(value: unknown): unknown {
  return parsed(value) ?? value;
}

/** A value that may have been given as JSON text. */
export function parsed(value: unknown): unknown {
  return typeof value === 'string' ? jsonFrom(value) : value;
}
