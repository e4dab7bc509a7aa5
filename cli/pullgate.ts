#!/usr/bin/env node
// The command `pullgate`: reads the command line, finds the stack, and says by its exit code how it went.
import { userInfo } from 'node:os';
import { Command } from 'commander';
import { type ExitCode, endingOf, UsageError } from './ending.ts';
import { releaseAll, resume } from './release.ts';
import { sidesOf } from './sides.ts';
import { findStack, type StackOptions } from './stack.ts';
import { processTerminal } from './terminal.ts';

interface ReleaseOptions extends StackOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly orphans?: string;
}

const terminal = processTerminal();
const now = () => new Date().toISOString();

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
    'after a `pulumi destroy` on AWS that came too early: take statements with this Sid out of every repository policy',
  )
  .action((options: ReleaseOptions) => run(() => release(options)));

program
  .command('resume')
  .description('end the pause that a release began: the stack closes again what its policy names')
  .option('--stack <name>', 'the stack (default: the selected one)')
  .option('--outputs <file>', 'the output of `pulumi stack output --json`, in place of asking the Pulumi CLI')
  .action((options: StackOptions) =>
    run(async () => {
      const stack = await findStack(options);
      return resume({ stack: stack.name, sides: await sidesOf(stack, now), terminal, now, by: userName() });
    }),
  );

async function release({ all, yes = false, orphans, ...where }: ReleaseOptions): Promise<ExitCode> {
  if (orphans !== undefined) {
    const { createClients } = await import('../aws/function/clients.ts');
    const { releaseOrphans } = await import('./release-orphans.ts');
    return releaseOrphans({ clients: createClients(), statementId: orphans, terminal, yes });
  }
  if (all !== true) throw new UsageError('say what to release: --all, for every gate of the stack');
  const stack = await findStack(where);
  return releaseAll({ stack: stack.name, sides: await sidesOf(stack, now), terminal, now, yes, by: userName() });
}

async function run(command: () => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    const { code, text } = endingOf(error);
    process.exitCode = code;
    process.stderr.write(`pullgate: ${text}\n`);
  }
}

/** Who runs this, for the record. A container may have a user without a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}

await program.parseAsync();
