// The command `pullgate limit`: its options and help, and how its answer is printed.
import { type Command, InvalidArgumentError } from 'commander';
import { MAX_CLOSES_PER_DAY } from '../../shared/gate/brake.ts';
import { counted } from '../../shared/report/sentences.ts';
import { endOf } from '../../shared/report/times.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import { type JsonOption, now, run, userName, withJson, withStack } from '../command.ts';
import { optionText, REASON_CHARACTERS, textProblems } from '../override/options.ts';
import { connect } from '../stack/clients.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { findStack, type StackOptions } from '../stack/stack.ts';
import { type ExitCode, UsageError } from '../terminal/ending.ts';
import { DRY_RUN, processTerminal } from '../terminal/terminal.ts';
import { documentOf } from '../terminal/words.ts';
import { type CloudLimit, loadLimits, type NewDayLimit, setDayLimit } from './limit.ts';

interface LimitOptions extends StackOptions, JsonOption {
  readonly today?: number;
  readonly reason?: string;
  readonly clear?: boolean;
  readonly dryRun?: boolean;
}

const HELP = `
Without options, the command shows how many gates may close by the policy within an hour and within
24 hours, and how many have. When the day limit is reached, no more gates close: a scanner that
calls every image critical does not take everything down. An alarm is raised.

If that many closings are right, --today sets another limit for the next 24 hours, in place of
maxClosesPerDay. The function calls the waiting gates within five minutes, at most maxClosesPerHour
an hour. If they are wrong, run \`pullgate pause\`.

Exit codes: 0 done; 1 something failed, and the output names it; 2 wrong usage, nothing was changed.

Examples:
  pullgate limit
  pullgate limit --today 200 --reason "CVE-2026-1001 is in our base image"
  pullgate limit --clear
`;

export function addLimit(program: Command): void {
  const command = program
    .command('limit')
    .description('show how many gates may close today, or allow another number for the next 24 hours')
    .option('--today <number>', `the most gates that close within 24 hours, 1 to ${MAX_CLOSES_PER_DAY}`, numberFrom)
    .option('--reason <text>', 'the reason, for the record (required with --today)')
    .option('--clear', "return to the config's limit")
    .option('--dry-run', 'show what would be done, and change nothing');
  withJson(withStack(command))
    .addHelpText('after', HELP)
    .action((options: LimitOptions) => run(() => limit(options)));
}

function numberFrom(given: string): number {
  const number = Number(given);
  if (/^\d+$/.test(given) && number >= 1 && number <= MAX_CLOSES_PER_DAY) return number;
  throw new InvalidArgumentError(`expected a whole number of gates, 1 to ${MAX_CLOSES_PER_DAY}`);
}

async function limit(options: LimitOptions): Promise<ExitCode> {
  const { today: _today, reason: _reason, clear: _clear, dryRun = false, json = false, ...where } = options;
  const wanted = wantedFrom(options);
  const stack = await findStack(where);
  if (wanted !== 'show' && wanted !== undefined && stack.aws !== undefined && stack.azure !== undefined)
    throw new UsageError('the clouds of a stack have day limits of their own: add --aws or --azure');
  const clients = await connect(stack, now);
  if (wanted !== 'show' && !dryRun) for (const client of clients) await setDayLimit(client, wanted, now());
  const limits = await loadLimits(clients, now());
  const planned = wanted === 'show' || !dryRun ? {} : { planned: wanted ?? 'config' };
  if (json) process.stdout.write(documentOf({ stack: stack.name, dryRun, ...planned, limits }));
  else {
    const { print } = processTerminal(process.stdout);
    if (dryRun && wanted !== 'show') print(`${plannedLine(wanted, stack.label)}${DRY_RUN}\n`);
    for (const line of limits.flatMap(linesOf)) print(line);
  }
  return 0;
}

/** The new limit, undefined for the config's, or `show` to change nothing. */
function wantedFrom({ today, reason, clear = false }: LimitOptions): NewDayLimit | undefined | 'show' {
  if (clear && today !== undefined) throw new UsageError('--today and --clear exclude each other: use one of them');
  if (today === undefined) {
    if (reason !== undefined) throw new UsageError('--reason needs --today <number>: add it, or leave --reason out');
    return clear ? undefined : 'show';
  }
  const [problem] = textProblems('--reason', reason, 'a reason', REASON_CHARACTERS);
  if (problem !== undefined) throw new UsageError(`another limit needs a reason: ${problem}`);
  return { maxClosesPerDay: today, reason: optionText(reason), by: userName() };
}

function plannedLine(wanted: NewDayLimit | undefined, label: string): string {
  return wanted === undefined
    ? `This would return ${label} to the config's limit.`
    : `For the next 24 hours, ${label} would close at most ${counted(wanted.maxClosesPerDay, 'gate')} within 24 hours.`;
}

function linesOf({ cloud, counts, dayLimit }: CloudLimit): readonly string[] {
  const { closedThisHour, maxClosesPerHour, closedThisDay, maxClosesPerDay, left } = counts;
  return [
    `${CLOUD_NAMES[cloud]}: ${counted(left, 'more gate')} may close now.`,
    `  Last hour      ${closedThisHour} of ${maxClosesPerHour}`,
    `  Last 24 hours  ${closedThisDay} of ${maxClosesPerDay}`,
    ...(dayLimit === undefined
      ? []
      : [
          `  Set by         ${plain(dayLimit.by)} until ${endOf(dayLimit.until, now())}`,
          `  Reason         ${plain(dayLimit.reason)}`,
        ]),
  ];
}
