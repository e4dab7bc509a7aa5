// The commands `pullgate release` and `pullgate resume`: what their words mean.
import type { Command } from 'commander';
import { type JsonOption, now, run, userName, withJson, withStack } from '../command.ts';
import { resumeOne } from '../override/command.ts';
import { handOf } from '../override/sides.ts';
import { sidesOf } from '../stack/sides.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { type ExitCode, UsageError } from '../terminal/ending.ts';
import { processTerminal } from '../terminal/terminal.ts';
import { documentOf } from '../terminal/words.ts';
import { releaseGates, selectionOf } from './gates.ts';
import { type Release, type ReleaseAnswer, releaseAll, resume } from './release.ts';

interface ReleaseOptions extends StackOptions, JsonOption {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly orphans?: string;
  readonly dryRun?: boolean;
}

interface ResumeOptions extends StackOptions, JsonOption {
  readonly dryRun?: boolean;
}

export function addRelease(program: Command): void {
  withJson(
    withStack(
      program
        .command('release')
        .description('open what the stack closed: one gate, all that a glob matches, or everything')
        .argument('[gate]', "a repository (team/app), a glob ('team/**'), or an image (team/app@sha256:...)")
        .option('--all', 'every gate of the stack, and pause it: run this before `pulumi destroy`')
        .option('--dry-run', 'show what would be opened, and change nothing')
        .option('--yes', 'do not ask first'),
    ).option(
      '--orphans <sid>',
      'after a `pulumi destroy` on AWS that came too early: take statements with this Sid out of every repository policy',
    ),
  )
    .addHelpText(
      'after',
      `
A gate is opened once, whatever is inside, and an order to keep it closed by hand is over. The stack is not paused: its next look (an event, or the
sweep) closes again what still has to be closed. To keep a gate open, add an exception to the policy, or use \`pullgate open\`.
--all pauses the stack: nothing closes until \`pullgate resume\`.

Exit codes: 0 done; 1 something could not be opened, or nobody could be told, and is named; 2 nothing was changed: the command was wrong, or nobody agreed.`,
    )
    .action((gate: string | undefined, options: ReleaseOptions) => run(() => release(gate, options)));
}

export function addResume(program: Command): void {
  withJson(
    withStack(
      program
        .command('resume')
        .description('end the pause that a release began, or what was ordered by hand for one image')
        .argument(
          '[image]',
          'the image whose order by `open` or `close` is to end now (default: the pause of the stack)',
        )
        .option('--dry-run', 'say what would be done, and change nothing'),
    ),
  )
    .addHelpText(
      'after',
      `
After it the stack closes again what its policy names.

Exit codes: 0 done; 1 something could not be done, and is named; 2 nothing was changed: the command was wrong.`,
    )
    .action((image: string | undefined, options: ResumeOptions) =>
      image === undefined ? run(() => resumeStack(options)) : resumeOne(image, options),
    );
}

async function resumeStack({ json = false, dryRun = false, ...where }: ResumeOptions): Promise<ExitCode> {
  const stack = await findStack(where);
  const terminal = processTerminal(json ? process.stderr : process.stdout);
  const report = json ? print : undefined;
  const sides = await sidesOf(stack, now);
  return resume({ stack: stack.name, sides, terminal, now, by: userName(), dryRun, ...(report && { report }) });
}

async function release(
  gate: string | undefined,
  { all = false, yes = false, orphans, dryRun = false, json = false, ...where }: ReleaseOptions,
): Promise<ExitCode> {
  const terminal = processTerminal(json ? process.stderr : process.stdout);
  const ways = [gate, all ? '--all' : undefined, orphans].filter((way) => way !== undefined);
  if (ways.length !== 1) {
    throw new UsageError(
      "say what to release: one gate (team/app), a glob ('team/**'), or --all, for every gate of the stack; one of them",
    );
  }
  if (orphans !== undefined) {
    const { createClients } = await import('../../aws/function/clients.ts');
    const { releaseOrphans } = await import('./orphans.ts');
    const report = json ? { report: print } : {};
    return releaseOrphans({ clients: createClients(), statementId: orphans, terminal, yes, dryRun, ...report });
  }
  const selection = gate === undefined ? undefined : selectionOf(gate);
  const stack = await findStack(where);
  const shared: Release = {
    stack: stack.name,
    sides: await sidesOf(stack, now),
    terminal,
    now,
    yes,
    by: userName(),
    dryRun,
    ...(json ? { report: (answer: ReleaseAnswer) => print(answer) } : {}),
  };
  if (selection === undefined) return releaseAll(shared);
  return releaseGates({ ...shared, selection, handOf: (cloud) => handOf(cloud, stack, now) });
}

/** The one document of `--json`. */
function print(answer: object): void {
  process.stdout.write(documentOf(answer));
}
