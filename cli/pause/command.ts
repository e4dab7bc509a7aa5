// The commands `pullgate pause` and `pullgate resume`: their options and help.
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { type JsonOption, now, run, userName, withJson, withStack } from '../command.ts';
import { connect } from '../stack/clients.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { durationForms, minutesAfter, parseMinutes, shownOption } from '../terminal/duration.ts';
import { type ExitCode, UsageError } from '../terminal/ending.ts';
import { processTerminal } from '../terminal/terminal.ts';
import { documentOf } from '../terminal/words.ts';
import { pauseStack } from './pause.ts';
import { resumeStack } from './resume.ts';
import type { Waiting } from './wait.ts';

interface PauseOptions extends StackOptions, JsonOption {
  readonly for?: string;
  /** `true` without a time. */
  readonly wait?: string | true;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

interface ResumeOptions extends StackOptions, JsonOption {
  readonly dryRun?: boolean;
}

/** One week. For a longer pause, leave out `--for`. */
const MAX_HOURS = 168;
/** Longer than any invocation that began before the pause, and longer than ECR needs to reactivate an image. */
const WAIT_MINUTES = 30;
const MAX_WAIT_HOURS = 24;

const PAUSE_HELP = `
The command shows the closed gates, asks for confirmation, pauses the stack, and opens the gates
regardless of their findings. It also ends overrides that keep a gate closed. No gate closes again
until you run \`pullgate resume\` or the time given with --for is over. Then, within five minutes,
the function closes the gates that violate the policy.

Run \`pullgate pause --wait\` before \`pulumi destroy\`, which removes the function and its records
but not the locks in your registries. If it fails because the records are protected, deploy with
deletionProtection set to false first. --wait returns when no gate is locked and no invocation that
began before the pause can still run. This takes up to ten minutes. If a gate cannot be opened, the
command retries. You can interrupt the wait safely: the pause stays in force.

If the record of a gate cannot be read, the output names its row, and the other gates open. On AWS
the gate opens, too: pullgate knows its own statement. On Azure the output says how to unlock it.

Exit codes: 0 done; 1 a gate could not be opened, its notice could not be sent or its record could
not be read (the output names it), or the wait ended early; 2 wrong usage or not confirmed, nothing
was changed.

Examples:
  pullgate pause
  pullgate pause --for 4h
  pullgate pause --wait --yes
`;

const RESUME_HELP = `
Within five minutes, the function reconciles all gates and closes those that violate the policy. To
end an override, use \`pullgate override clear\`.

Exit codes: 0 done; 1 something failed, and the output names it; 2 wrong usage, nothing was changed.

Example:
  pullgate resume
`;

export function addPause(program: Command): void {
  const command = program
    .command('pause')
    .description('open all gates and close none until `pullgate resume`; run this before `pulumi destroy`')
    .option(
      '--for <time>',
      `how long the pause lasts, such as 30m, 4h or 1h30m; at most ${MAX_HOURS}h (default: until \`pullgate resume\`)`,
    )
    .option('--wait [time]', `wait until no gate is locked, for at most this time (default: ${WAIT_MINUTES}m)`)
    .option('--dry-run', 'show which gates would be opened, and change nothing')
    .option('--yes', 'do not ask for confirmation');
  withJson(withStack(command))
    .addHelpText('after', PAUSE_HELP)
    .action((options: PauseOptions) => run(() => pause(options)));
}

export function addResume(program: Command): void {
  const command = program
    .command('resume')
    .description('end the pause of the stack')
    .option('--dry-run', 'show what would be done, and change nothing');
  withJson(withStack(command))
    .addHelpText('after', RESUME_HELP)
    .action((options: ResumeOptions) => run(() => resume(options)));
}

async function pause({
  for: time,
  wait,
  yes = false,
  dryRun = false,
  json = false,
  ...where
}: PauseOptions): Promise<ExitCode> {
  const minutes = time === undefined ? undefined : minutesOf('--for', time, MAX_HOURS);
  const waiting =
    wait === undefined ? undefined : waitFor(wait === true ? WAIT_MINUTES : minutesOf('--wait', wait, MAX_WAIT_HOURS));
  const stack = await findStack(where);
  return pauseStack({
    ...(await inputOf(stack, json)),
    isWhole: stack.isWhole,
    until: minutes === undefined ? undefined : minutesAfter(now(), minutes),
    wait: waiting,
    yes,
    dryRun,
  });
}

async function resume({ dryRun = false, json = false, ...where }: ResumeOptions): Promise<ExitCode> {
  return resumeStack({ ...(await inputOf(await findStack(where), json)), dryRun });
}

async function inputOf(stack: Awaited<ReturnType<typeof findStack>>, json: boolean) {
  return {
    stack: stack.name,
    label: stack.label,
    clients: await connect(stack, now),
    terminal: processTerminal(json ? process.stderr : process.stdout),
    now,
    by: userName(),
    ...(json ? { printJson: (answer: object) => void process.stdout.write(documentOf(answer)) } : {}),
  };
}

function minutesOf(option: string, given: string, maxHours: number): number {
  const minutes = parseMinutes(given, maxHours);
  if (minutes === undefined)
    throw new UsageError(`${option} ${shownOption(given)}: expected ${durationForms(maxHours)}`);
  return minutes;
}

/** The first Ctrl-C ends the wait after the current step. The second one ends the process. */
function waitFor(maxMinutes: number): Waiting {
  return {
    maxMinutes,
    onInterrupt() {
      const interrupted = new AbortController();
      process.once('SIGINT', () => interrupted.abort());
      return interrupted.signal;
    },
    sleep: (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }).catch(() => {}),
  };
}
