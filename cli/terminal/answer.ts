// How a command ends that only answers a question: without an answer, a script must not mistake the exit code for one.
import { complain, guardOutput } from './terminal.ts';
import { documentOf } from './words.ts';

/** 0 and 1 are answers. 2: the question was wrong, or a cloud did not answer. */
export type AnswerCode = 0 | 1 | 2;

/** Runs a command that changes nothing. */
export async function runAnswering(command: () => Promise<AnswerCode>): Promise<void> {
  guardOutput(2);
  try {
    process.exitCode = await command();
  } catch (error) {
    process.exitCode = 2;
    complain(error, 'reads');
  }
}

/** Prints what was found: as one JSON document, or as lines. */
export function printAnswer(json: boolean | undefined, answer: unknown, lines: () => readonly string[]): void {
  process.stdout.write(json === true ? documentOf(answer) : `${lines().join('\n')}\n`);
}
