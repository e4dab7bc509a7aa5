// The commands `pullgate open` and `pullgate close`, by hand: what their words mean.
import type { Command } from 'commander';
import { type JsonOption, now, run, userName, withJson, withStack } from '../command.ts';
import { parseImageName } from '../stack/image-name.ts';
import { sidesOf } from '../stack/sides.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { type OrderOptions, wishOf } from './order.ts';
import { endByHand, orderByHand } from './run.ts';
import { handOf } from './sides.ts';

interface HandOptions extends OrderOptions, StackOptions, JsonOption {
  readonly dryRun?: boolean;
}

const IMAGE = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4, or NAME.azurecr.io/team/app@sha256:...';
const ENDS = `
Exit codes: 0 done; 1 something could not be done, and is named; 2 nothing was changed: the command was wrong.
What is ordered is recorded before anything else: where this command is interrupted, the stack's function finishes it within some minutes.`;

export function addOpen(program: Command): void {
  addOrder(
    program,
    'open',
    'break-glass: keep the gate of one image open for a while, whatever the policy says',
  ).addHelpText(
    'after',
    `
The function does not close the gate before the end, and does close it after it, if anything holds it then. People are told at both ends.
On AWS the gate is the whole repository; on Azure the image with all that it leads to, or the repository, as azure.granularity says.
A second order takes the place of the first. \`pullgate resume IMAGE\` ends it before its time.
${ENDS}`,
  );
}

export function addClose(program: Command): void {
  addOrder(
    program,
    'closed',
    'close the gate of one image by hand for a while, although no finding holds it',
  ).addHelpText(
    'after',
    `
The function does not open the gate before the end, and opens it after it, unless findings hold it. People are told at both ends.
On AWS the gate is the whole repository; on Azure the image, or the repository, as azure.granularity says.
Only in the mode enforce: audit and a pause close nothing. Repositories that serve Lambda functions close only with aws.closeLambdaRepositories.
A second order takes the place of the first. \`pullgate resume IMAGE\` ends it before its time.
${ENDS}`,
  );
}

function addOrder(program: Command, kind: 'open' | 'closed', description: string): Command {
  const command = program
    .command(kind === 'open' ? 'open' : 'close')
    .description(description)
    .argument('<image>', `its name: ${IMAGE}`)
    .option('--for <time>', 'for how long: 30m, 4h or 1h30m; 24h at most (required)')
    .option('--reason <text>', 'why, for people and the log (required)')
    .option('--approved-by <name>', 'who approved it (required)')
    .option('--dry-run', 'say what would be done, and change nothing');
  return withJson(withStack(command)).action((image: string, options: HandOptions) =>
    run(async () => {
      // Everything that can be wrong with the words is said before anything is asked of a cloud.
      const name = parseImageName(image);
      const wish = wishOf(kind, options, now(), userName());
      const stack = await findStack(options);
      return orderByHand({
        stack: stack.name,
        sides: await sidesOf(stack, now),
        handOf: (cloud) => handOf(cloud, stack, now),
        name,
        wish,
        dryRun: options.dryRun === true,
        json: options.json === true,
      });
    }),
  );
}

/** `resume IMAGE`: the end of an order before its time. */
export function resumeOne(image: string, options: HandOptions): Promise<void> {
  return run(async () => {
    const name = parseImageName(image);
    const stack = await findStack(options);
    return endByHand({
      stack: stack.name,
      sides: await sidesOf(stack, now),
      handOf: (cloud) => handOf(cloud, stack, now),
      name,
      by: userName(),
      at: now(),
      dryRun: options.dryRun === true,
      json: options.json === true,
    });
  });
}
