// Layout of the story on a terminal: wraps text, and lays out JSON in few lines.

/**
 * Wraps a line between words. No line is wider than `width` unless a single word is. Continuation lines keep the
 * indentation.
 */
export function wrap(line: string, width: number): readonly string[] {
  const indent = /^ */.exec(line)?.[0] ?? '';
  const lines: string[] = [];
  let current = '';
  for (const word of line.trim().split(' ')) {
    if (current !== '' && indent.length + current.length + 1 + word.length > width) {
      lines.push(indent + current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return [...lines, indent + current];
}

/** Lays out JSON in as few lines as `width` allows: a value that does not fit on one line gets one line per element. */
export function layOut(value: unknown, width: number, indent = ''): readonly string[] {
  const flat = indent + JSON.stringify(value, undefined, 1).replaceAll(/\n */g, ' ');
  if (flat.length <= width || typeof value !== 'object' || value === null) return [flat];
  const isList = Array.isArray(value);
  const parts: (readonly [string, unknown])[] = isList
    ? value.map((part) => ['', part] as const)
    : Object.entries(value).map(([key, part]) => [`${JSON.stringify(key)}: `, part] as const);
  const lines = parts.flatMap(([key, part], index) => {
    const [first = '', ...rest] = layOut(part, width - key.length, `${indent}  `);
    const laidOut = [`${indent}  ${key}${first.trimStart()}`, ...rest];
    const last = laidOut.pop() ?? '';
    return [...laidOut, index < parts.length - 1 ? `${last},` : last];
  });
  return [`${indent}${isList ? '[' : '{'}`, ...lines, `${indent}${isList ? ']' : '}'}`];
}
