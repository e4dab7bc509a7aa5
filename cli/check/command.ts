// The command `pullgate check`: its options and help, and how its answer is printed.
import { type Command, InvalidArgumentError } from 'commander';
import { exceptionsOf, type PolicyWithRules } from '../../shared/policy/rule.ts';
import { counted } from '../../shared/report/sentences.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import { type JsonOption, now, withJson, withStack } from '../command.ts';
import { findStack, type Stack, type StackOptions } from '../stack/stack.ts';
import { type AnswerCode, printAnswer, runAnswering } from '../terminal/answer.ts';
import { UsageError } from '../terminal/ending.ts';
import { columns, paint } from '../terminal/terminal.ts';
import { type Warning, warningsOf } from './check.ts';
import { type CheckedFile, checkFile, type PlacedProblem, type Position } from './file.ts';
import { needsAction, type TestLine, testLines } from './self-test.ts';

interface CheckOptions extends StackOptions, JsonOption {
  readonly policy?: string;
  readonly within: number;
  readonly live?: boolean;
  readonly strict?: boolean;
}

const DEFAULT_DAYS = 14;
const MAX_DAYS = 3650;

const HELP = `
The file is JSON and may contain comments. It has one of these forms: the object pullgate:policy,
with or without severityThreshold; only its list of exceptions; or the output of
\`pulumi config --json\`. Without --policy, the command checks the stack's policy. With --policy,
it needs a stack only for --live.

The command reports every invalid field, and in a file also a reason or an approver that is a
placeholder. It warns about exceptions that have expired, that expire soon, or that another
exception covers. With --live, it also warns about exceptions that match no finding in the scanners
or the records.

With --live, it also tests a stack on Azure: whether the plans of Defender are on, what findings
arrive in Log Analytics, whether the function can reach each registry, the role mode of each
registry, and who may undo a lock there. Each line is ok, a warning, failed, or unknown (it could
not be checked), and says what to do.

Exit codes: 0 the policy is valid, with or without warnings; 1 --strict is set, and there are
warnings about exceptions or rules, or lines of the self-test that are failed or unknown; 2 the
policy is invalid, or no answer.

Examples for CI. Run the first for each change. Run the second once a day, because exceptions
expire even if the file does not change:
  pullgate check --policy policy.json
  pullgate check --strict --live
`;

export function addCheck(program: Command): void {
  withJson(
    withStack(
      program
        .command('check')
        .description('check a policy for invalid fields, and for exceptions that expire soon or match nothing')
        .option('--policy <file>', "check this file (default: the stack's policy)")
        .option('--within <days>', 'warn about exceptions that expire within this many days', daysFrom, DEFAULT_DAYS)
        .option(
          '--live',
          'also test the stack (Azure), and observe all its repositories to find exceptions that match nothing',
        )
        .option(
          '--strict',
          'exit with 1 if there are warnings about exceptions or rules, or if a line of the self-test failed or is unknown',
        ),
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

/** What was checked, and the result. */
interface Answer {
  readonly source: string;
  readonly ok: boolean;
  readonly exceptions: number;
  readonly problems: readonly PlacedProblem[];
  readonly warnings: readonly (Warning & Partial<Position>)[];
  /** How many images the exceptions were compared with; undefined without `--live`. */
  readonly images: number | undefined;
  readonly unsure: readonly string[];
  /** Only with `--live`, and empty for a stack that is not on Azure. */
  readonly selfTest: readonly TestLine[];
}

/** An answer, and why it is not complete. */
interface Answered {
  readonly answer: Answer;
  readonly failure?: unknown;
}

async function check({ policy: file, within, live = false, strict = false, json, ...where }: CheckOptions) {
  if (file !== undefined && !live && Object.values(where).some((option) => option !== undefined)) {
    throw new UsageError(
      '--stack, --outputs, --aws and --azure select a stack, but --policy reads only the file: add --live, or leave out these options',
    );
  }
  const stack = file === undefined || live ? await findStack(where) : undefined;
  const checked = file === undefined ? await policyOfStack(stack) : await checkFile(file, new Date().toISOString());
  const source = file ?? `the stack ${stack?.name}`;
  const { answer, failure } = checked.ok
    ? await answerFor(source, checked, within, live ? stack : undefined)
    : { answer: refusal(source, checked) };
  printAnswer(json, answer, () => linesOf(answer));
  if (failure !== undefined) throw failure;
  return codeOf(answer, strict);
}

/** The policy was already checked when the stack's outputs were read. */
async function policyOfStack(stack: Stack | undefined): Promise<Extract<CheckedFile, { ok: true }>> {
  const settings = stack?.aws ?? stack?.azure;
  if (settings === undefined)
    throw new Error('the stack has no policy on any cloud: this is a bug in pullgate; please report it');
  return { ok: true, policies: settings, positionOf: () => undefined };
}

function refusal(source: string, { problems }: Extract<CheckedFile, { ok: false }>): Answer {
  return { source, ok: false, exceptions: 0, problems, warnings: [], images: undefined, unsure: [], selfTest: [] };
}

async function answerFor(
  source: string,
  { policies, positionOf }: Extract<CheckedFile, { ok: true }>,
  within: number,
  stack: Stack | undefined,
): Promise<Answered> {
  const live = stack === undefined ? undefined : await checkLive(stack, policies);
  const warnings = [...warningsOf(policies, now(), within), ...(live?.warnings ?? [])];
  const answer: Answer = {
    source,
    ok: true,
    exceptions: exceptionsOf(policies).length,
    problems: [],
    warnings: warnings.map((warning) => ({ ...warning, ...positionOf(warning.key) })),
    images: live?.images,
    unsure: live?.unsure ?? [],
    selfTest: live?.selfTest ?? [],
  };
  return { answer, failure: live?.failure };
}

async function checkLive(stack: Stack, policies: PolicyWithRules) {
  // Loaded only here, because they load the clouds' SDKs, which a check of a file does not need.
  const { connectWith, findUnused } = await import('./live.ts');
  const { azure } = stack;
  const selfTest = azure === undefined ? [] : await (await import('./azure-self-test.ts')).testAzure(azure, now);
  try {
    return { selfTest, ...(await findUnused(await connectWith(stack, policies, now), policies, now)) };
  } catch (failure) {
    if (azure === undefined) throw failure;
    // The self-test may show the cause, so it is printed first.
    const unsure = ['the exceptions were not compared with the findings'];
    return { selfTest, warnings: [], images: undefined, unsure, failure };
  }
}

function codeOf({ ok, warnings, selfTest }: Answer, isStrict: boolean): AnswerCode {
  if (!ok) return 2;
  return isStrict && (warnings.length > 0 || needsAction(selfTest)) ? 1 : 0;
}

function linesOf({ source, ok, exceptions, problems, warnings, images, unsure, selfTest }: Answer): readonly string[] {
  const at = ({ line, column }: Partial<Position>) => (line === undefined ? '' : `${source}:${line}:${column}`);
  const compared =
    images === undefined ? '' : `, compared with ${counted(images, 'image')} that the policy does not plainly allow`;
  const summary = `${plain(source)}: ${counted(exceptions, 'exception')}${compared}.`;
  const rows = warnings.map((warning) => [at(warning), warning.kind, warning.key, warning.text].map(plain));
  return [
    ok ? summary : paint('red', `${plain(source)} is not a valid policy:`),
    ...problems.map((problem) => `  ${[at(problem), plain(problem.text)].filter((part) => part !== '').join('  ')}`),
    ...(ok && warnings.length + unsure.length === 0 && selfTest.every(({ state }) => state === 'ok')
      ? [paint('green', 'No problems and no warnings.')]
      : []),
    ...columns(rows).map((line) => paint('yellow', `  ${line.trimStart()}`)),
    ...unsure.map((why) => `Not certain: ${plain(why)}.`),
    ...(selfTest.length === 0 ? [] : ['', ...testLines(selfTest)]),
  ];
}
