// The command `pullgate prove`: its options and help, the question before it begins, and how its report is printed.
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Cloud } from '../../config/config.ts';
import manifest from '../../package.json' with { type: 'json' };
import { type JsonOption, now, run, withJson, withStack } from '../command.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { durationForms, parseMinutes, shownOption } from '../terminal/duration.ts';
import { type ExitCode, endingOf, UsageError } from '../terminal/ending.ts';
import { expectWritable, writeWhole } from '../terminal/file.ts';
import { progressOn } from '../terminal/progress.ts';
import { agreed, complain, processTerminal, type Terminal } from '../terminal/terminal.ts';
import { documentOf } from '../terminal/words.ts';
import { type Connected, connectScratch } from './connect.ts';
import { listenForInterrupts } from './interrupt.ts';
import { pageOf } from './page.ts';
import { obstaclesTo } from './preflight.ts';
import { leftOf, type ProveInput, prove } from './prove.ts';
import { planLines, type Report, redacted, reportOf, stepLine, summaryLines } from './report.ts';
import { SCRATCH, type Scratch } from './scratch.ts';

interface ProveOptions extends StackOptions, JsonOption {
  readonly registry?: string;
  readonly timeout?: string;
  readonly yes?: boolean;
  readonly html?: string;
}

const MAX_HOURS = 24;
/** The longest waits, in minutes. Defender scans a new image within hours. */
const SCANNER_MINUTES: Readonly<Record<Cloud, number>> = { aws: 30, azure: 360 };
const FUNCTION_MINUTES: Readonly<Record<Cloud, number>> = { aws: 20, azure: 30 };
const SCAN_WHILE_CLOSED_MINUTES = 10;
const COST: Readonly<Record<Cloud, string>> = {
  aws: 'the scans of two images, about $0.20',
  azure: "the scans of three images: included in Defender's plan, or about $0.90",
};
const ADVICE: Readonly<Record<Cloud, string>> = {
  aws: `Check that enhanced scanning includes ${SCRATCH}/* (aws ecr get-registry-scanning-configuration), and that Inspector lists the image (aws inspector2 list-coverage)`,
  azure:
    'Check the plans of Defender and the rows in the workspace (pullgate check --live), or give it more time (--timeout)',
};

const HELP = `
Shows in your own account that pullgate works, because no test elsewhere can. The command makes a
scratch repository, pushes an image that names an old package and contains nothing that can run,
waits until the scanner finds it and pullgate closes its gate, tries to pull it, removes the lock by
hand, waits until pullgate restores it, pushes a fixed image, waits until the gate opens, and removes
everything, also if a step fails and after Ctrl-C. It says what it measured, and which open questions
about the cloud it answers.

Only the scratch repository is changed. Its name begins with ${SCRATCH}/. If the mode is audit, the
command makes nothing and prints a rule that enforces for these repositories only. The stack's
recipients get notices about it.
The scans of two or three images cost less than a dollar.

In the files of --json and --html, the names of account, registry, subscription and principals are
replaced, so that you can send them in (docs/prove.md).

Exit codes: 0 proven; 1 a step failed, you ended the run, or something was left behind (the output
names it); 2 wrong usage, not confirmed or the stack is not ready, nothing was made.

Examples:
  pullgate prove --aws
  pullgate prove --azure --yes --json > prove.json
`;

export function addProve(program: Command): void {
  const command = program
    .command('prove')
    .description('show in your own account that pullgate works, with a scratch repository')
    .option('--registry <name>', 'on Azure, the registry of the stack to use (default: the only one)')
    .option(
      '--timeout <time>',
      `the longest wait for the scanner, such as 30m or 4h; at most ${MAX_HOURS}h (default: 30m on AWS, 6h on Azure)`,
    )
    .option('--html <file>', 'also write a self-contained HTML page')
    .option('--yes', 'do not ask for confirmation');
  withJson(withStack(command))
    .addHelpText('after', HELP)
    .action((options: ProveOptions) => run(() => proveStack(options)));
}

async function proveStack(options: ProveOptions): Promise<ExitCode> {
  const { html, json = false } = options;
  const ready = await prepare(options).catch((cause: unknown): never => {
    // Whatever the reason is, nothing was made.
    throw new UsageError(endingOf(cause).text, { cause });
  });
  if (ready === undefined) return 2;
  const { terminal, redaction } = ready;
  const report = await runProof(ready);
  for (const line of summaryLines(report)) terminal.print(line);
  const shared = redacted(report, redaction);
  if (json) process.stdout.write(documentOf(shared));
  const isSaved = html === undefined || savePage(html, shared);
  return report.result === 'proven' && report.left.length === 0 && isSaved ? 0 : 1;
}

interface Ready extends Connected {
  readonly nonce: string;
  /** The longest wait for the scanner. Undefined: that of the cloud. */
  readonly minutes: number | undefined;
  readonly terminal: Terminal;
}

/** Everything before something is made. Undefined: the run was not confirmed. */
async function prepare(options: ProveOptions): Promise<Ready | undefined> {
  const { registry, timeout, yes = false, html, json = false, ...where } = options;
  const minutes = timeout === undefined ? undefined : parseMinutes(timeout, MAX_HOURS);
  if (timeout !== undefined && minutes === undefined)
    throw new UsageError(`--timeout ${shownOption(timeout)}: expected ${durationForms(MAX_HOURS)}`);
  if (html !== undefined) expectWritable(html);
  const stack = await findStack(where);
  const nonce = randomBytes(8).toString('hex');
  const connected = await connectScratch(stack, registry, { repository: `${SCRATCH}/${nonce}`, nonce });
  const { scratch } = connected;
  const terminal = processTerminal(json ? process.stderr : process.stdout);
  const obstacles = await obstaclesTo(scratch, stack.name, now());
  if (obstacles.length > 0)
    throw new UsageError(`${stack.label} is not ready, and nothing was made:\n${listOf(obstacles)}`);
  printPlan(scratch, terminal);
  const question = `Prove ${stack.label} on ${CLOUD_NAMES[scratch.client.cloud]}?`;
  return yes || (await agreed(terminal, question)) ? { ...connected, nonce, minutes, terminal } : undefined;
}

/** Says so if the file can no longer be written. The run is over then, so it is no wrong usage. */
function savePage(file: string, report: Report): boolean {
  try {
    writeWhole(file, pageOf(report));
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

function listOf(problems: readonly string[]): string {
  return problems.map((problem) => `  - ${problem}`).join('\n');
}

function printPlan({ repository, host, client, foreign }: Scratch, { print }: Terminal): void {
  const lines = planLines([
    ['repository', `${repository} in ${host}, removed at the end`],
    ['images', 'a vulnerable and a fixed one; they name packages, and nothing in them can run'],
    ['also set', `${foreign.what}, set by hand, to show that pullgate does not change it`],
    ['brake', 'one closing of the hour and of the day'],
    ['notices', "the stack's recipients get those about this repository: closed, restored, opened"],
    ['cost', COST[client.cloud]],
    ['duration', client.cloud === 'aws' ? 'about half an hour' : 'some hours, because Defender scans new images late'],
  ]);
  for (const line of ['This makes a scratch repository and tries the whole loop with it:', ...lines]) print(line);
}

async function runProof({ scratch, nonce, minutes, granularity, terminal: { print } }: Ready): Promise<Report> {
  const { cloud, settings } = scratch.client;
  const made: ProveInput['made'] = { fate: 'notMade' };
  const interrupts = listenForInterrupts(
    () => print('Ending after the current call, then cleaning up. Press Ctrl-C again to end at once.'),
    () => {
      for (const { what, toDo } of leftOf(scratch, made.fate)) print(`LEFT BEHIND: ${what}. To do: ${toDo}`);
      process.exit(1);
    },
  );
  const scanner = minutes ?? SCANNER_MINUTES[cloud];
  const minutesOfFunction = FUNCTION_MINUTES[cloud];
  // On Azure without push events, only a sweep notices that an image of a closed repository was deleted.
  const isSwept = cloud === 'azure' && granularity === 'repository';
  const opening = minutesOfFunction + (isSwept ? settings.sweepHours * 60 : 0);
  try {
    const proof = await prove({
      scratch,
      nonce,
      waiting: {
        now,
        signal: interrupts.signal,
        progress: progressOn(),
        sleep: (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }).catch(() => {}),
      },
      limits: { scanner, function: minutesOfFunction, opening, scanWhileClosed: SCAN_WHILE_CLOSED_MINUTES },
      scannerAdvice: ADVICE[cloud],
      made,
      onStep: (step) => print(stepLine(step)),
    });
    return reportOf(proof, scratch.client, granularity, manifest.version);
  } finally {
    interrupts.end();
  }
}
