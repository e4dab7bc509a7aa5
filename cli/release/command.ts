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
The command opens every matching gate once, regardless of its findings, and ends an override that
keeps it closed. It does not pause the stack: the next event or sweep closes a gate again if it
still violates the policy. To keep a gate open, add an exception to the policy or use
\`pullgate override open\`. To keep all gates open, use \`pullgate pause\`.

Use --orphans if you ran \`pulumi destroy\` on AWS before \`pullgate pause\`: the records are deleted,
but the statements are still in the repository policies. The command finds them by their Sid in the
account and region of the AWS credentials. It does not need a stack.

Exit codes: 0 done; 1 a gate could not be opened, its notice could not be sent or its record could
not be read (the output names it); 2 wrong usage or not confirmed, nothing was changed.

Examples:
  pullgate release team/app
  pullgate release 'team/**' --dry-run
  AWS_REGION=eu-west-1 pullgate release --orphans Pullgate0123abcd4567
`;

export function addRelease(program: Command): void {
  const command = program
    .command('release')
    .description('open gates once; the next event or sweep may close them again')
    .argument('[gate]', "a repository (team/app), a glob ('team/**') or an image (team/app@sha256:...)")
    .option('--orphans <sid>', 'remove the statements with this Sid from every repository policy (AWS)')
    .option('--dry-run', 'show which gates would be opened, and change nothing')
    .option('--yes', 'do not ask for confirmation');
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
      "give what to release: a gate (team/app), a glob ('team/**') or --orphans SID; to open all gates, run `pullgate pause`",
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
