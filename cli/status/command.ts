// The command `pullgate status`: what its words mean.
import type { Command } from 'commander';
import { type JsonOption, now, withJson, withStack } from '../command.ts';
import { sidesOf } from '../stack/sides.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { printAnswer, runAnswering } from '../terminal/answer.ts';
import { statusOf } from './status.ts';
import { statusLines } from './text.ts';

const AFTER = `
Without --look it reads the stack's own records: cheap, and as old as the last look of the function. What no record says is seen with --look:
images whose severity nobody knows, images that violate and are not closed yet, and on AWS repositories that somebody else has closed.

Exit code: 0 all is well, 1 something needs a person (dead letters, no sweep within twice sweepHours, a gate that is stuck on its way,
a state change that nobody could be told of, an exception that has ended, with --look a scanner that does not see), 2 no answer.`;

interface StatusOptions extends StackOptions, JsonOption {
  readonly look?: boolean;
}

export function addStatus(program: Command): void {
  withJson(
    withStack(
      program
        .command('status')
        .description('show all gates of the stack, its last sweep, what needs a person, and exceptions that end soon')
        .option('--look', 'look at each repository, too: asks the registries and the scanners'),
    ),
  )
    .addHelpText('after', AFTER)
    .action(({ json, look = false, ...where }: StatusOptions) =>
      runAnswering(async () => {
        const stack = await findStack(where);
        const status = await statusOf({ stack: stack.name, sides: await sidesOf(stack, now), now, isLooking: look });
        printAnswer(json, status, () => statusLines(status));
        return status.concerns.length === 0 ? 0 : 1;
      }),
    );
}
