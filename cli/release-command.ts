// The commands `pullgate release` and `pullgate resume`: what their words mean.
import type { Command } from 'commander';
import { now, run, userName, withStack } from './command.ts';
import { type ExitCode, UsageError } from './ending.ts';
import { releaseAll, resume } from './release.ts';
import { sidesOf } from './sides.ts';
import { findStack, type StackOptions } from './stack.ts';
import { processTerminal } from './terminal.ts';

interface ReleaseOptions extends StackOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly orphans?: string;
}

export function addRelease(program: Command): void {
  withStack(
    program
      .command('release')
      .description('open everything that the stack closed, and pause it: run this before `pulumi destroy`')
      .option('--all', 'every gate of the stack')
      .option('--yes', 'do not ask first'),
  )
    .option(
      '--orphans <sid>',
      'after a `pulumi destroy` on AWS that came too early: take statements with this Sid out of every repository policy',
    )
    .action((options: ReleaseOptions) => run(() => release(options)));
}

export function addResume(program: Command): void {
  withStack(
    program
      .command('resume')
      .description('end the pause that a release began: the stack closes again what its policy names'),
  ).action((options: StackOptions) =>
    run(async () => {
      const stack = await findStack(options);
      const terminal = processTerminal();
      return resume({ stack: stack.name, sides: await sidesOf(stack, now), terminal, now, by: userName() });
    }),
  );
}

async function release({ all, yes = false, orphans, ...where }: ReleaseOptions): Promise<ExitCode> {
  const terminal = processTerminal();
  if (orphans !== undefined) {
    const { createClients } = await import('../aws/function/clients.ts');
    const { releaseOrphans } = await import('./release-orphans.ts');
    return releaseOrphans({ clients: createClients(), statementId: orphans, terminal, yes });
  }
  if (all !== true) throw new UsageError('say what to release: --all, for every gate of the stack');
  const stack = await findStack(where);
  return releaseAll({ stack: stack.name, sides: await sidesOf(stack, now), terminal, now, yes, by: userName() });
}
