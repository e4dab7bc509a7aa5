// The command `pullgate check`: what its words mean, and how its answer is printed.
import { styleText } from 'node:util';
import { type Command, InvalidArgumentError } from 'commander';
import type { Policy } from '../../shared/policy/policy.ts';
import { type JsonOption, now, withJson, withStack } from '../command.ts';
import { findStack, type Stack, type StackOptions } from '../stack/stack.ts';
import { type AnswerCode, printAnswer, runAnswering } from '../terminal/answer.ts';
import { UsageError } from '../terminal/ending.ts';
import { columns } from '../terminal/terminal.ts';
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

const AFTER = `
FILE is JSON, comments are fine: the object of pullgate:policy, with or without severityThreshold; or only its list of exceptions; or what
\`pulumi config --json\` prints. Without --policy the policy of the stack is checked; with it no stack is needed, but for --live.

Always checked: that every field is what it has to be, exceptions that have ended or end within --within days, that another one covers,
or whose reason nobody has filled in. With --live also those that exempt no finding of today, by what the scanners show and the records remember.

Exit code: 0 the policy is well formed, with or without warnings; 1 there are warnings, and --strict was given; 2 it is not well formed, or no answer.
In CI: \`check --policy FILE\` for each change, and \`check --strict --live\` once a day, since an exception ends without anybody changing the file.`;

export function addCheck(program: Command): void {
  withJson(
    withStack(
      program
        .command('check')
        .description(
          'check a policy and its exceptions, for CI: mistakes, what has ended or ends soon, what matches nothing',
        )
        .option('--policy <file>', "check this file, in place of the stack's policy")
        .option('--within <days>', 'warn of exceptions that end within so many days', daysFrom, DEFAULT_DAYS)
        .option('--live', 'also find exceptions that match nothing today: looks at all repositories of the stack')
        .option('--strict', 'exit with 1 where there are warnings'),
    ),
  )
    .addHelpText('after', AFTER)
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
  /** Of how many images; undefined where nobody looked. */
  readonly images: number | undefined;
  readonly unsure: readonly string[];
}

async function check({ policy: file, within, live = false, strict = false, json, ...where }: CheckOptions) {
  if (file !== undefined && !live && (where.stack !== undefined || where.outputs !== undefined)) {
    throw new UsageError(
      '--stack and --outputs say where to look, and with --policy nothing but the file is looked at: add --live, or leave them out',
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

/** It was checked when the stack's outputs were read. */
async function policyOfStack(stack: Stack | undefined): Promise<Extract<CheckedFile, { ok: true }>> {
  const policy = (stack?.aws ?? stack?.azure)?.policy;
  if (policy === undefined) throw new Error('a stack has a side, and each side a policy: this is a defect of pullgate');
  return { ok: true, policy, place: () => undefined };
}

function refusal(source: string, { problems }: Extract<CheckedFile, { ok: false }>): Answer {
  return { source, ok: false, exceptions: 0, problems, warnings: [], images: undefined, unsure: [] };
}

async function answerFor(
  source: string,
  { policy, place }: Extract<CheckedFile, { ok: true }>,
  within: number,
  stack: Stack | undefined,
): Promise<Answer> {
  const live = stack === undefined ? undefined : await lookLive(stack, policy);
  const warnings = [...warningsOf(policy, now(), within), ...(live?.warnings ?? [])];
  return {
    source,
    ok: true,
    exceptions: policy.exceptions.length,
    problems: [],
    warnings: warnings.map((warning) => ({ ...warning, ...place(warning.key) })),
    images: live?.images,
    unsure: live?.unsure ?? [],
  };
}

async function lookLive(stack: Stack, policy: Policy) {
  // The clouds' SDKs, which a look at a file does without.
  const { sidesWith, unusedExceptions } = await import('./live.ts');
  return unusedExceptions(await sidesWith(stack, policy, now), policy, now);
}

function codeOf({ ok, warnings }: Answer, isStrict: boolean): AnswerCode {
  if (!ok) return 2;
  return isStrict && warnings.length > 0 ? 1 : 0;
}

function linesOf({ source, ok, exceptions, problems, warnings, images, unsure }: Answer): readonly string[] {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    styleText(style, text, { stream: process.stdout });
  const at = ({ line, column }: Partial<Position>) => (line === undefined ? '' : `${source}:${line}:${column}`);
  const looked =
    images === undefined
      ? ''
      : `, compared with ${images === 1 ? '1 image' : `${images} images`} that have findings which count`;
  const summary = `${plain(source)}: ${exceptions === 1 ? '1 exception' : `${exceptions} exceptions`}${looked}.`;
  const rows = warnings.map((warning) => [at(warning), warning.kind, warning.key, warning.text].map(plain));
  return [
    ok ? summary : paint('red', `${plain(source)} is not a policy:`),
    ...problems.map((problem) => `  ${[at(problem), plain(problem.text)].filter((part) => part !== '').join('  ')}`),
    ...(ok && warnings.length === 0 ? [paint('green', 'Nothing to say of it.')] : []),
    ...columns(rows).map((line) => paint('yellow', `  ${line.trimStart()}`)),
    ...unsure.map((why) => `Not certain: ${plain(why)}.`),
  ];
}
