// What every command of `pullgate` shares: its options, how it runs, and how it ends.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { ExitCode } from './terminal/ending.ts';
import { complain, guardOutput } from './terminal/terminal.ts';

/** `--json`: one document on stdout and nothing else. Progress and questions go to stderr. */
export interface JsonOption {
  readonly json?: boolean;
}

/** Adds the options that say which stack a command is about. */
export function withStack(command: Command): Command {
  return command
    .option('--stack <name>', 'the stack (default: the one that `pulumi stack select` selected)')
    .option('--outputs <file>', 'a file with the output of `pulumi stack output --json` (default: ask the Pulumi CLI)')
    .option('--aws', 'only AWS (default: all clouds of the stack)')
    .option('--azure', 'only Azure');
}

/** Adds `--json`. */
export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON document, for scripts');
}

/** Now, in the form of the records. */
export const now = () => new Date().toISOString();

/** Runs a command. Its answer is the exit code; an error is reported in a sentence if there is one for it. */
export async function run(command: () => Promise<ExitCode>): Promise<void> {
  guardOutput(1);
  try {
    process.exitCode = await command();
  } catch (error) {
    process.exitCode = complain(error);
  }
}

/** Who runs this, for the record. A container may have a user without a name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}
