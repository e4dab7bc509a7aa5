// The command `pullgate release`: its options and help.
import type { Command } from 'commander';
import { type JsonOption, now, run, withJson, withStack } from '../command.ts';
import { connect } from '../stack/clients.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { type ExitCode, UsageError } from '../terminal/ending.ts';
import { processTerminal } from '../terminal/terminal.ts';
import { documentOf } from '../terminal/words.ts';
import { parseSelection, releaseGates } from './release.ts';

interface ReleaseOptions extends StackOptions, JsonOption {
  readonly yes?: boolean;
  readonly orphans?: string;
  readonly dryRun?: boolean;
}

const HELP = `
Every gate that matches is opened once, whatever its findings, and an override that keeps it
closed ends. The stack is not paused: its next observation (an event or the sweep) closes again
what still violates the policy. To keep a gate open, add an exception to the policy or use
\`pullgate override open\`; to keep everything open, use \`pullgate pause\`.

--orphans is for a \`pulumi destroy\` on AWS that ran before \`pullgate pause\`: the records are
gone, and the statements are still in the repository policies. They are found by their Sid, in the
account and region of the AWS credentials. No stack is needed.

Exit codes: 0 done; 1 something could not be opened, or its notice could not be sent, and is
named; 2 wrong usage or no consent, and nothing was changed.

Examples:
  pullgate release team/app
  pullgate release 'team/**' --dry-run
  AWS_REGION=eu-west-1 pullgate release --orphans Pullgatedev0123abcd
`;

export function addRelease(program: Command): void {
  const command = program
    .command('release')
    .description('open gates once; the next observation may close them again')
    .argument('[gate]', "a repository (team/app), a glob ('team/**') or an image (team/app@sha256:...)")
    .option('--orphans <sid>', 'remove the statements with this Sid from every repository policy (AWS)')
    .option('--dry-run', 'show what would be opened, and change nothing')
    .option('--yes', 'do not ask first');
  withJson(withStack(command))
    .addHelpText('after', HELP)
    .action((gate: string | undefined, options: ReleaseOptions) => run(() => release(gate, options)));
}

async function release(
  gate: string | undefined,
  { yes = false, orphans, dryRun = false, json = false, ...where }: ReleaseOptions,
): Promise<ExitCode> {
  const terminal = processTerminal(json ? process.stderr : process.stdout);
  const answering = json ? { printJson: (answer: object) => void process.stdout.write(documentOf(answer)) } : {};
  if (orphans !== undefined && where.azure === true) {
    throw new UsageError('--orphans works on AWS only: leave out --azure');
  }
  if (orphans !== undefined && gate === undefined) {
    const { createClients } = await import('../../aws/function/clients.ts');
    const { releaseOrphans } = await import('./orphans.ts');
    return releaseOrphans({ clients: createClients(), statementId: orphans, terminal, yes, dryRun, ...answering });
  }
  if (gate === undefined || orphans !== undefined) {
    throw new UsageError(
      "name what to release: one gate (team/app), a glob ('team/**') or --orphans SID; to open everything, run `pullgate pause`",
    );
  }
  const selection = parseSelection(gate);
  const stack = await findStack(where);
  const clients = await connect(stack, now);
  return releaseGates({
    stack: stack.name,
    label: stack.label,
    clients,
    selection,
    terminal,
    now,
    yes,
    dryRun,
    ...answering,
  });
}
