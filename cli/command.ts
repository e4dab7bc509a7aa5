// What all commands of `pullgate` share: common options, how a command runs, and how it ends.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { ExitCode } from './terminal/ending.ts';
import { complain, guardOutput } from './terminal/terminal.ts';

/** `--json`: prints only one document on stdout. Progress and questions go to stderr. */
export interface JsonOption {
  readonly json?: boolean;
}

/** Adds the options that select the stack. */
export function withStack(command: Command): Command {
  return command
    .option('--stack <name>', 'the stack (default: the stack selected with `pulumi stack select`)')
    .option('--outputs <file>', 'a file with the output of `pulumi stack output --json` (default: run the Pulumi CLI)')
    .option('--aws', 'use only AWS (default: all clouds of the stack)')
    .option('--azure', 'use only Azure (default: all clouds of the stack)');
}

/** Adds `--json`. */
export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON document on stdout, for scripts');
}

/** The current time, in the format of the records. */
export const now = () => new Date().toISOString();

/** Runs a command and sets its exit code. A known error is reported as a sentence, without a stack trace. */
export async function run(command: () => Promise<ExitCode>): Promise<void> {
  guardOutput(1);
  try {
    process.exitCode = await command();
  } catch (error) {
    process.exitCode = complain(error);
  }
}

/** The user who runs this command, for the record. In a container, the user may have no name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}
