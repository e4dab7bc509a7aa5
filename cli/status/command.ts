// The command `pullgate status`: its options and help.
import type { Command } from 'commander';
import { type JsonOption, now, withJson, withStack } from '../command.ts';
import { connect } from '../stack/clients.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { printAnswer, runAnswering } from '../terminal/answer.ts';
import { readStatus } from './status.ts';
import { statusLines } from './text.ts';

const HELP = `
By default, the command reads only the stack's records, which are as old as the function's last
observation of each gate. With --live, it also observes every repository and shows what is not on
record: images with a finding of unknown severity, images that violate the policy and are not
closed yet, and, on AWS, repositories that someone else closed and images that no scan judges.
"Evidence" counts closed gates with inherited severities only, and with --live undetermined images
and, on Azure, images that match no registry or no row, and details of CVEs that were not read.

Exit codes: 0 no action is required; 1 action is required (a pause, the day limit is reached,
messages in the dead-letter queue, no sweep within twice sweepHours, a gate that is stuck while
closing or opening, a notice that could not be sent, a record that cannot be read, a fix that a
closed repository blocks, an expired exception or, with --live, an unhealthy scanner); 2 no answer.

Example:
  pullgate status --live
`;

interface StatusOptions extends StackOptions, JsonOption {
  readonly live?: boolean;
}

export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .description("show the stack's gates, its last sweep, required actions, and exceptions that expire soon")
    .option('--live', 'also observe every repository in the registries and scanners');
  withJson(withStack(command))
    .addHelpText('after', HELP)
    .action(({ json, live = false, ...where }: StatusOptions) =>
      runAnswering(async () => {
        const stack = await findStack(where);
        const status = await readStatus({ stack: stack.name, clients: await connect(stack, now), now, isLive: live });
        printAnswer(json, status, () => statusLines(status));
        return status.concerns.length === 0 ? 0 : 1;
      }),
    );
}
