// What a command needs of the terminal that it runs in, as parameters: tests give their own.
import { createInterface } from 'node:readline/promises';

export interface Terminal {
  readonly print: (line: string) => void;
  /** Asks a question and gives the answer; undefined where nobody is there to answer. */
  readonly ask: (question: string) => Promise<string | undefined>;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    print: (line) => process.stdout.write(`${line}\n`),
    async ask(question) {
      if (!process.stdin.isTTY) return undefined;
      const lines = createInterface({ input: process.stdin, output: process.stdout });
      try {
        return await lines.question(question);
      } finally {
        lines.close();
      }
    },
  };
}

/** Lines of columns that line up. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
