// How a read-only command ends. If it has no answer, its exit code must differ from every code that is an answer.
import { complain, guardOutput } from './terminal.ts';
import { documentOf } from './words.ts';

/** 0 and 1 are answers. 2: wrong usage, or a cloud did not answer. */
export type AnswerCode = 0 | 1 | 2;

/** Runs a read-only command. */
export async function runAnswering(command: () => Promise<AnswerCode>): Promise<void> {
  guardOutput(2);
  try {
    process.exitCode = await command();
  } catch (error) {
    process.exitCode = 2;
    complain(error, 'reads');
  }
}

/** Prints the answer as one JSON document or as lines. */
export function printAnswer(json: boolean | undefined, answer: unknown, lines: () => readonly string[]): void {
  process.stdout.write(json === true ? documentOf(answer) : `${lines().join('\n')}\n`);
}
