// The command `pullgate check`: its options and help, and how its answer is printed.
import { type Command, InvalidArgumentError } from 'commander';
import type { Policy } from '../../shared/policy/policy.ts';
import { type JsonOption, now, withJson, withStack } from '../command.ts';
import { findStack, type Stack, type StackOptions } from '../stack/stack.ts';
import { type AnswerCode, printAnswer, runAnswering } from '../terminal/answer.ts';
import { UsageError } from '../terminal/ending.ts';
import { columns, paint } from '../terminal/terminal.ts';
import { plain } from '../terminal/words.ts';
import { type Warning, warningsOf } from './check.ts';
import { type CheckedFile, checkFile, type PlacedProblem, type Position } from './file.ts';

interface CheckOptions extends StackOptions, JsonOption {
  readonly policy?: string;
  readonly within: number;
  readonly live?: boolean;
  readonly strict?: boolean;
}

const DEFAULT_DAYS = 14;
const MAX_DAYS = 3650;

const HELP = `
The file is JSON, and comments are allowed: the object of pullgate:policy, with or without
severityThreshold; or only its list of exceptions; or the output of \`pulumi config --json\`.
Without --policy the stack's policy is checked. With --policy a stack is needed only for --live.

It reports every field that is wrong, and warns of exceptions that have expired or expire soon,
that another exception covers, or whose reason is not filled in. With --live it also warns of
exceptions that match no finding today, in what the scanners show and the records remember.

Exit codes: 0 the policy is valid, with or without warnings; 1 there are warnings and --strict was
given; 2 the policy is invalid, or no answer.

Examples, for CI: the first for each change, the second once a day, because an exception expires
without a change of the file:
  pullgate check --policy policy.json
  pullgate check --strict --live
`;

export function addCheck(program: Command): void {
  withJson(
    withStack(
      program
        .command('check')
        .description(
          'check a policy and its exceptions: mistakes, exceptions that expire soon, exceptions that match nothing',
        )
        .option('--policy <file>', "check this file (default: the stack's policy)")
        .option('--within <days>', 'warn of exceptions that expire within this many days', daysFrom, DEFAULT_DAYS)
        .option('--live', 'also find exceptions that match nothing today: observes all repositories of the stack')
        .option('--strict', 'exit with 1 if there are warnings'),
    ),
  )
    .addHelpText('after', HELP)
    .action((options: CheckOptions) => runAnswering(() => check(options)));
}

function daysFrom(given: string): number {
  const days = Number(given);
  if (/^\d+$/.test(given) && days <= MAX_DAYS) return days;
  throw new InvalidArgumentError(`expected a whole number of days, 0 to ${MAX_DAYS}`);
}

/** What was checked, and what came of it. */
interface Answer {
  readonly source: string;
  readonly ok: boolean;
  readonly exceptions: number;
  readonly problems: readonly PlacedProblem[];
  readonly warnings: readonly (Warning & Partial<Position>)[];
  /** Of how many images; undefined without --live. */
  readonly images: number | undefined;
  readonly unsure: readonly string[];
}

async function check({ policy: file, within, live = false, strict = false, json, ...where }: CheckOptions) {
  if (file !== undefined && !live && Object.values(where).some((option) => option !== undefined)) {
    throw new UsageError(
      '--stack, --outputs, --aws and --azure select a stack, and with --policy only the file is read: add --live, or leave them out',
    );
  }
  const stack = file === undefined || live ? await findStack(where) : undefined;
  const checked = file === undefined ? await policyOfStack(stack) : await checkFile(file);
  const source = file ?? `the stack ${stack?.name}`;
  const answer = checked.ok
    ? await answerFor(source, checked, within, live ? stack : undefined)
    : refusal(source, checked);
  printAnswer(json, answer, () => linesOf(answer));
  return codeOf(answer, strict);
}

/** It was checked while the stack's outputs were read. */
async function policyOfStack(stack: Stack | undefined): Promise<Extract<CheckedFile, { ok: true }>> {
  const policy = (stack?.aws ?? stack?.azure)?.policy;
  if (policy === undefined)
    throw new Error('a stack has a cloud, and each cloud a policy: this is a defect of pullgate');
  return { ok: true, policy, positionOf: () => undefined };
}

function refusal(source: string, { problems }: Extract<CheckedFile, { ok: false }>): Answer {
  return { source, ok: false, exceptions: 0, problems, warnings: [], images: undefined, unsure: [] };
}

async function answerFor(
  source: string,
  { policy, positionOf }: Extract<CheckedFile, { ok: true }>,
  within: number,
  stack: Stack | undefined,
): Promise<Answer> {
  const live = stack === undefined ? undefined : await checkLive(stack, policy);
  const warnings = [...warningsOf(policy, now(), within), ...(live?.warnings ?? [])];
  return {
    source,
    ok: true,
    exceptions: policy.exceptions.length,
    problems: [],
    warnings: warnings.map((warning) => ({ ...warning, ...positionOf(warning.key) })),
    images: live?.images,
    unsure: live?.unsure ?? [],
  };
}

async function checkLive(stack: Stack, policy: Policy) {
  // This loads the clouds' SDKs, which checking a file does not need.
  const { connectWith, findUnusedExceptions } = await import('./live.ts');
  return findUnusedExceptions(await connectWith(stack, policy, now), policy, now);
}

function codeOf({ ok, warnings }: Answer, isStrict: boolean): AnswerCode {
  if (!ok) return 2;
  return isStrict && warnings.length > 0 ? 1 : 0;
}

function linesOf({ source, ok, exceptions, problems, warnings, images, unsure }: Answer): readonly string[] {
  const at = ({ line, column }: Partial<Position>) => (line === undefined ? '' : `${source}:${line}:${column}`);
  const compared =
    images === undefined
      ? ''
      : `, compared with ${images === 1 ? '1 image' : `${images} images`} that the policy does not plainly allow`;
  const summary = `${plain(source)}: ${exceptions === 1 ? '1 exception' : `${exceptions} exceptions`}${compared}.`;
  const rows = warnings.map((warning) => [at(warning), warning.kind, warning.key, warning.text].map(plain));
  return [
    ok ? summary : paint('red', `${plain(source)} is not a policy:`),
    ...problems.map((problem) => `  ${[at(problem), plain(problem.text)].filter((part) => part !== '').join('  ')}`),
    ...(ok && warnings.length === 0 ? [paint('green', 'No problems and no warnings.')] : []),
    ...columns(rows).map((line) => paint('yellow', `  ${line.trimStart()}`)),
    ...unsure.map((why) => `Not certain: ${plain(why)}.`),
  ];
}
