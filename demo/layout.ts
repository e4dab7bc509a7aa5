// How the story looks on a terminal: text that is wrapped, and policies that can be read.

/**
 * Breaks a line between words, so that none is wider than `width` where words allow it; what continues keeps the line's
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

/**
 * JSON over as few lines as `width` allows: what fits stays on one line, what does not has a line for each of its
 * parts.
 */
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
