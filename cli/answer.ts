// How a command ends that only answers a question: where there is no answer, a script must not take it for one.
import { endingOf } from './ending.ts';

/** 0 and 1 are answers; 2: the question was wrong, or a cloud did not answer. */
export type AnswerCode = 0 | 1 | 2;

/** Runs a command that changes nothing. */
export async function runAnswering(command: () => Promise<AnswerCode>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    process.exitCode = 2;
    process.stderr.write(`pullgate: ${endingOf(error).text}\n`);
  }
}

/** Prints what was found: as one JSON document, or as lines. */
export function printAnswer(json: boolean | undefined, answer: unknown, lines: () => readonly string[]): void {
  process.stdout.write(json === true ? `${JSON.stringify(answer, undefined, 2)}\n` : `${lines().join('\n')}\n`);
}
