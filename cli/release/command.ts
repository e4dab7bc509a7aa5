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
  /** A Sid on AWS, registries on Azure, or true without either. */
  readonly orphans?: string | true;
  readonly log?: string;
  readonly dryRun?: boolean;
}

const HELP = `
The command opens every matching gate once, regardless of its findings, and ends an override that
keeps it closed. It does not pause the stack: the next event or sweep closes a gate again if it
still violates the policy. To keep a gate open, add an exception to the policy or use
\`pullgate override open\`. To keep all gates open, use \`pullgate pause\`.

Use --orphans if you ran \`pulumi destroy\` on AWS before \`pullgate pause\`: the records are deleted,
but the statements are still in the repository policies. The command finds them by their Sid in the
account and region of the AWS credentials. It does not need a stack. Without a Sid it lists the Sids
of all pullgate deployments, and changes nothing.

On Azure a lock carries no mark. Give --orphans the registries, by login server or Resource Manager
id and separated by commas: the command lists everything in them that cannot be pulled. It opens
what the log of the function says it closed (--log), or the gates that you name. The log is a file
with its lines of JSON, or the table AppTraces exported as JSON or CSV.

Exit codes: 0 done; 1 a gate could not be opened, its notice could not be sent or its record could
not be read (the output names it); 2 wrong usage or not confirmed, nothing was changed.

Examples:
  pullgate release team/app
  pullgate release 'team/**' --dry-run
  AWS_REGION=eu-west-1 pullgate release --orphans
  AWS_REGION=eu-west-1 pullgate release --orphans Pullgate0123abcd4567
  pullgate release --orphans NAME.azurecr.io --log traces.csv
`;

export function addRelease(program: Command): void {
  const command = program
    .command('release')
    .description('open gates once; the next event or sweep may close them again')
    .argument('[gate]', "a repository (team/app), a glob ('team/**') or an image (team/app@sha256:...)")
    .option(
      '--orphans [sid or registries]',
      'remove the statements with this Sid from every repository policy, or list all Sids (AWS); or open what is locked in these registries (Azure)',
    )
    .option('--log <file>', 'with --orphans on Azure: open only what this log of the function says it closed')
    .option('--dry-run', 'show which gates would be opened, and change nothing')
    .option('--yes', 'do not ask for confirmation');
  withJson(withStack(command))
    .addHelpText('after', HELP)
    .action((gate: string | undefined, options: ReleaseOptions) => run(() => release(gate, options)));
}

async function release(
  gate: string | undefined,
  { yes = false, orphans, log, dryRun = false, json = false, ...where }: ReleaseOptions,
): Promise<ExitCode> {
  const terminal = processTerminal(json ? process.stderr : process.stdout);
  const answering = json ? { printJson: (answer: object) => void process.stdout.write(documentOf(answer)) } : {};
  const selection = gate === undefined ? undefined : parseSelection(gate);
  if (orphans === true && where.azure === true)
    throw new UsageError('--orphans with --azure: give the registries, such as --orphans NAME.azurecr.io');
  // A Sid has neither a dot nor a slash; the login server or id of a registry has.
  if (typeof orphans === 'string' && (where.azure === true || /[./]/.test(orphans))) {
    const { releaseAzureOrphans } = await import('./orphans-azure.ts');
    return releaseAzureOrphans({ registries: orphans, log, selection, terminal, yes, dryRun, ...answering });
  }
  if (orphans !== undefined && selection === undefined && log === undefined) {
    const { createClients } = await import('../../aws/function/clients.ts');
    const { listOrphans, releaseOrphans } = await import('./orphans.ts');
    const common = { clients: createClients(), terminal, ...answering };
    return orphans === true ? listOrphans(common) : releaseOrphans({ ...common, statementId: orphans, yes, dryRun });
  }
  if (selection === undefined || orphans !== undefined || log !== undefined) {
    throw new UsageError(
      "give what to release: a gate (team/app), a glob ('team/**') or --orphans with a Sid or registries; to open all gates, run `pullgate pause`",
    );
  }
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
