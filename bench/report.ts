// Writes tables as text into a page, between two markers per part, so that one part can be measured alone.
import type { Table } from './part.ts';

/** The circumstances of a measurement. */
export interface Circumstances {
  /** The day, such as 2026-03-02. */
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  /** The command that reproduces the figures. */
  readonly command: string;
}

/** Renders tables in Markdown, aligned for reading as plain text. */
export function tablesAsText(tables: readonly Table[]): string {
  return tables
    .flatMap(({ title, head, rows, note }) => [
      `**${title}**`,
      grid([head, ...rows]),
      ...(note === undefined ? [] : [note]),
    ])
    .join('\n\n');
}

/** The first column contains names, all others figures. */
function grid(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(4, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (column === 0 ? (row[column] ?? '').padEnd(width) : (row[column] ?? '').padStart(width))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const [head = [], ...others] = rows;
  return [head, rule, ...others].map(line).join('\n');
}

/** The markers around a part's figures. */
export function markersOf(part: string): readonly [begin: string, end: string] {
  return [`<!-- figures of ${part}: written by the bench -->`, `<!-- end of ${part} -->`];
}

/**
 * Replaces a part's figures in the document, and keeps everything else.
 *
 * @throws Error if the document lacks the part's markers
 */
export function withFigures(
  document: string,
  part: string,
  tables: readonly Table[],
  { date, machine, node, command }: Circumstances,
): string {
  const [begin, end] = markersOf(part);
  const from = document.indexOf(begin);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0) {
    throw new Error(`the page of ${part} has no markers for it; add the lines ${begin} and ${end}`);
  }
  const made = `Made by \`${command}\` on ${date}: Node ${node}, ${machine}.`;
  return `${document.slice(0, from + begin.length)}\n\n${made}\n\n${tablesAsText(tables)}\n\n${document.slice(to)}`;
}
