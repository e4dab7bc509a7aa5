// The parts of the terminal that commands use. They are parameters, so that tests can replace them.
import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import type { Gate } from '../../shared/gate/gate.ts';
import { counted } from '../../shared/report/sentences.ts';
import { type Access, type ExitCode, endingOf } from './ending.ts';
import { plainLines } from './words.ts';

export interface Terminal {
  readonly print: (line: string) => void;
  /** Asks a question. Undefined if there is no terminal or no answer. */
  readonly ask: (question: string) => Promise<string | undefined>;
}

/**
 * The terminal of this process.
 *
 * @param output where to print; `--json` reserves stdout for its document. Default: stdout
 */
export function processTerminal(output: NodeJS.WriteStream = process.stdout): Terminal {
  return {
    print: (line) => output.write(`${plainLines(line)}\n`),
    async ask(question) {
      if (!process.stdin.isTTY) return undefined;
      const lines = createInterface({ input: process.stdin, output });
      // Ctrl-C and Ctrl-D close the interface without an answer.
      const closed = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)));
      try {
        return await Promise.race([lines.question(question).catch(() => undefined), closed]);
      } finally {
        lines.close();
      }
    },
  };
}

/** Errors of the output itself. They are reported immediately, because a later report may be lost. */
const reportedErrors = new WeakSet<Error>();
let isGuarded = false;

/**
 * Lets a command finish with its usual exit code if its output is closed early (`| head`). If the output fails for
 * another reason, such as a full disk, the failure is reported and the exit code shows it.
 *
 * @param code the lowest exit code if the output fails
 */
export function guardOutput(code: ExitCode): void {
  if (isGuarded) return;
  isGuarded = true;
  let isLost = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return;
      reportedErrors.add(error);
      if (!isLost)
        process.stderr.write(`pullgate: the output of this command could not be written: ${error.message}\n`);
      isLost = true;
    });
  }
  process.once('exit', (ending) => {
    if (isLost) process.exitCode = Math.max(ending, code);
  });
}

/** Reports an error on stderr and returns its exit code. */
export function complain(error: unknown, access: Access = 'changes'): ExitCode {
  const { code, text } = endingOf(error, access);
  if (!(error instanceof Error && reportedErrors.has(error))) process.stderr.write(`pullgate: ${plainLines(text)}\n`);
  return code;
}

/** The last lines of a dry run. */
export const DRY_RUN = '\nNothing was changed: this was a dry run.';

/** Asks the user to type "yes". Prints a message and returns false if the answer is anything else. */
export async function agreed({ ask, print }: Terminal, question: string): Promise<boolean> {
  const answer = await ask(`\n${question} Type "yes": `);
  if (answer?.trim() === 'yes') return true;
  print(
    answer === undefined
      ? '\nNothing was changed: there was no answer. In a script, use --yes.'
      : '\nNothing was changed: the answer was not "yes".',
  );
  return false;
}

export type Style = Parameters<typeof styleText>[0];

/** Styles text if stdout is a terminal that supports it. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Aligns the cells of rows in columns. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** `1 repository`, `2 repositories`. */
export function repositories(count: number): string {
  return counted(count, 'repository', 'repositories');
}

/** Counts gates by what they are: `2 repositories`, `1 image`; if they are of both kinds, `3 gates`. */
export function gateCount(gates: readonly Gate[]): string {
  if (gates.every(({ digest }) => digest === undefined)) return repositories(gates.length);
  return counted(gates.length, gates.every(({ digest }) => digest !== undefined) ? 'image' : 'gate');
}

/** Numbers steps: `[ 3/40]`. */
export function counter(total: number): () => string {
  const width = String(total).length;
  let done = 0;
  return () => `[${String(++done).padStart(width)}/${total}]`;
}
