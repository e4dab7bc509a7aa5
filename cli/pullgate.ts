#!/usr/bin/env node
// The command `pullgate`: reads the command line, finds the stack, and says by its exit code how it went.
import { userInfo } from 'node:os';
import { ECRClient } from '@aws-sdk/client-ecr';
import { Command } from 'commander';
import { createClients } from '../aws/function/clients.ts';
import { releaseAll, resume } from './release.ts';
import { releaseOrphans } from './release-orphans.ts';
import { findStack, type StackOptions, UsageError } from './stack.ts';
import { processTerminal } from './terminal.ts';

interface ReleaseOptions extends StackOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly orphans?: string;
}

const terminal = processTerminal();
const now = () => new Date().toISOString();
const by = userInfo().username;

const program = new Command('pullgate')
  .description('Closes the gate on vulnerable container images, and says why.')
  .showHelpAfterError()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program
  .command('release')
  .description('open everything that the stack closed, and pause it: run this before `pulumi destroy`')
  .option('--all', 'every gate of the stack')
  .option('--yes', 'do not ask first')
  .option('--stack <name>', 'the stack (default: the selected one)')
  .option('--outputs <file>', 'the output of `pulumi stack output --json`, in place of asking the Pulumi CLI')
  .option(
    '--orphans <sid>',
    'after a `pulumi destroy` that came too early: take statements with this Sid out of every repository policy',
  )
  .action((options: ReleaseOptions) => run(() => release(options)));

program
  .command('resume')
  .description('end the pause that a release began: the stack closes again what its policy names')
  .option('--stack <name>', 'the stack (default: the selected one)')
  .option('--outputs <file>', 'the output of `pulumi stack output --json`, in place of asking the Pulumi CLI')
  .action((options: StackOptions) =>
    run(async () => {
      const settings = await findStack(options);
      return resume({ settings, clients: createClients(settings.region), terminal, now, by });
    }),
  );

async function release({ all, yes = false, orphans, ...where }: ReleaseOptions): Promise<number> {
  if (orphans !== undefined) return releaseOrphans({ ecr: new ECRClient(), statementId: orphans, terminal, yes });
  if (all !== true) throw new UsageError('say what to release: --all');
  const settings = await findStack(where);
  return releaseAll({ settings, clients: createClients(settings.region), terminal, now, yes, by });
}

/** What the user can put right is told in a sentence; anything else keeps its stack trace. */
async function run(command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    process.exitCode = 2;
    process.stderr.write(
      `${error instanceof UsageError ? `pullgate: ${error.message}` : String(error instanceof Error ? error.stack : error)}\n`,
    );
  }
}

await program.parseAsync();
