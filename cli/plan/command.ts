// The command `pullgate plan`: its options and help.
import { type Command, InvalidArgumentError } from 'commander';
import { withJson, withStack } from '../command.ts';
import { runAnswering } from '../terminal/answer.ts';
import type { PlanOptions } from './plan.ts';

const HELP = `
Run it before \`pulumi up\`, in the folder of the stack's file. The command changes nothing. It reads
the config of the selected stack from its file (\`pulumi config --json\`), observes the clouds of the
deployed stack as a sweep does, and evaluates each gate twice: by the deployed config and by this
one. It names the gates whose state would change, why, and how many tasks and pods use them. The
limits on closings delay a closing and do not prevent it, so the plan counts it and says how long
the limits take.

--save FILE writes what was observed to a file, and \`plan FILE\` evaluates that file: such a plan
needs no permissions in the clouds. It is as of the time when the file was saved. The file has the
names of repositories, images and their findings, and the deployed config; it has no secrets.

Exit codes: 0 no more gates would close than --max-closes allows, or the snapshot was saved; 1 more
gates would close; 2 invalid input, no answer, or no certain one, because a scanner cannot see its
registries.

Examples:
  pullgate plan
  pullgate plan --save snapshot.json
  pullgate plan snapshot.json --config config.json --markdown --max-closes 5
`;

export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .description("show which gates the working tree's config would close and open, compared with the deployed config")
    .argument('[file]', 'a snapshot that --save wrote (default: observe the clouds of the stack)')
    .option(
      '--config <file>',
      'a file with the output of `pulumi config --json` (default: run the Pulumi CLI in this folder)',
    )
    .option('--save <file>', 'write a snapshot to this file, and make no plan')
    .option('--max-closes <number>', 'exit with 0 if at most this many gates would close (default: 0)', numberFrom)
    .option('--markdown', 'print Markdown for a comment on a pull request')
    .option('--all', 'show all gates that change');
  withJson(withStack(command))
    .addHelpText('after', HELP)
    .action((file: string | undefined, options: PlanOptions) =>
      runAnswering(async () => (await import('./plan.ts')).planCommand(file, options)),
    );
}

function numberFrom(given: string): number {
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw new InvalidArgumentError('expected a whole number from 0');
}
