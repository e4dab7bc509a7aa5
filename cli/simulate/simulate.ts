// Runs the command `pullgate simulate`: reads findings and policies, prints the result, and returns the exit code.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setFlagsFromString } from 'node:v8';
import type { Granularity } from '../../config/args.ts';
import { CLOUDS } from '../../config/config.ts';
import { MAX_FINDINGS } from '../../shared/gate/image-evaluation.ts';
import { globFilter } from '../../shared/policy/glob.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { type PolicyWithRules, policiesOf } from '../../shared/policy/rule.ts';
import { createRules, type Rules } from '../../shared/reconcile/rules.ts';
import { counted } from '../../shared/report/sentences.ts';
import { type JsonOption, now } from '../command.ts';
import type { Format } from '../reports/formats.ts';
import { type Gathered, type Gathering, gatheringFor, isNothingJudged } from '../reports/gathering.ts';
import { type ReadReports, readReports, STDIN } from '../reports/read.ts';
import { connect } from '../stack/clients.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { findStack, type Stack, type StackOptions } from '../stack/stack.ts';
import type { AnswerCode } from '../terminal/answer.ts';
import { UsageError } from '../terminal/ending.ts';
import { writeWhole } from '../terminal/file.ts';
import { type Progress, progressOn } from '../terminal/progress.ts';
import { plainLines } from '../terminal/words.ts';
import { type Head, jsonOf } from './json.ts';
import { keepLambdaOpen } from './lambda.ts';
import { type PageInput, pageOf } from './page.ts';
import { readPolicy } from './policy.ts';
import { type Simulation, type Subject, simulate } from './simulation.ts';
import { granularityOf, observeClouds, subjectsFrom, targetOf } from './subjects.ts';
import { linesOf } from './text.ts';

export interface SimulateOptions extends StackOptions, JsonOption {
  readonly format?: Format;
  readonly policy?: string;
  readonly against?: string;
  readonly granularity?: Granularity;
  readonly html?: string;
  readonly all?: boolean;
}

/** A policy, its rules and its display name. */
interface Named extends PolicyWithRules {
  readonly name: string;
}

/** The word that means the stack's own policy instead of a file. */
const STACK = 'stack';
/**
 * How much the heap may grow before garbage is collected. By default V8 lets the heap double, which costs half a
 * gigabyte for a large report. https://nodejs.org/api/v8.html#v8setflagsfromstringflags
 */
const HEAP_GROWTH_PERCENT = 20;
/** How many disclosure dates that cannot be read are shown. */
const SHOWN_DATES = 3;
const CHANGES = ['closes', 'opens', 'staysClosed', 'staysOpen'] as const;

type Policies = readonly [Policy, ...Policy[]];

/** The data for all three forms of the answer. */
interface Done {
  readonly simulation: Simulation;
  readonly gathered: Gathered;
  readonly at: string;
  readonly source: string;
  /** Notes about findings that were left out or may be missing. */
  readonly notes: readonly string[];
  readonly policy: Named;
  readonly against: Named | undefined;
  readonly stack: Stack | undefined;
}

export async function simulateCommand(files: readonly string[], options: SimulateOptions): Promise<AnswerCode> {
  const isLive = files.length === 0;
  if (!isLive && (options.aws === true || options.azure === true)) {
    throw new UsageError(
      '--aws and --azure select the clouds to observe, but with report files no cloud is observed: leave out the options or the files',
    );
  }
  const stack = needsStack(options, isLive) ? await findStack(options) : undefined;
  const policy = await policyOf(options.policy ?? STACK, stack);
  const against = options.against === undefined ? undefined : await policyOf(options.against, stack);
  const policies: Policies = [policy.policy, ...[policy, against].flatMap((one) => (one ? policiesOf(one) : []))];
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const at = now();
  const gathering = gatheringFor(policies, at);
  const progress = progressOn();
  try {
    const search: Search = { files, format: options.format, stack, policies, gathering, progress, at };
    const seen = isLive ? await observeStack(search) : await readAll(search);
    const gathered = gathering.result();
    if (!isLive && isNothingJudged(gathered)) throw nothingJudged(gathered);
    const judged = simulate({
      subjects: subjectsOf(gathered, options, stack),
      rules: rulesFor(policy, stack),
      against: against === undefined ? undefined : rulesFor(against, stack),
      now: at,
      most: MAX_FINDINGS,
    });
    const { simulation, notes: unread } = await withLambda(judged, isLive ? stack : undefined);
    progress.end();
    const notes = [...seen.notes, ...notesOf(gathered, policies, seen.formats), ...unread];
    for (const note of notes) process.stderr.write(`pullgate: note: ${plainLines(note)}\n`);
    const done: Done = { simulation, gathered, at, source: seen.source, notes, policy, against, stack };
    if (options.html !== undefined) writeWhole(options.html, pageOf(pageInput(done)));
    await print(options.json === true ? jsonOf(headOf(done), simulation) : textOf(done, options.all === true));
    return simulation.gates.some(({ outcome, change = outcome }) => change === 'closes') ? 1 : 0;
  } finally {
    progress.end();
  }
}

function nothingJudged({ leftOut }: Gathered): UsageError {
  const entries = Object.entries(leftOut).map(([why, count]) => `${counted(count, 'entry', 'entries')} ${why}`);
  return new UsageError(`nothing in the reports could be judged (${entries.join('; ')}): give reports of images`);
}

function needsStack({ policy, against, stack, outputs }: SimulateOptions, isLive: boolean): boolean {
  return isLive || policy === undefined || against === STACK || stack !== undefined || outputs !== undefined;
}

async function policyOf(file: string, stack: Stack | undefined): Promise<Named> {
  if (file !== STACK) return { ...(await readPolicy(file)), name: `the policy ${file}` };
  const settings = stack?.aws ?? stack?.azure;
  if (stack === undefined || settings === undefined) throw new UsageError('the stack has no policy: run `pulumi up`');
  const { policy, rules } = settings;
  return { policy, rules, name: `the policy of the stack ${stack.name}` };
}

/**
 * The rules do not filter by the config's repositories (excluded repositories are not gathered at all), by the brake
 * (it decides when a gate closes, not whether), or by Lambda functions (known only after the gate is read). The mode
 * does not matter: a simulation shows what the policies would close.
 */
function rulesFor({ policy, rules }: Named, stack: Stack | undefined): Rules {
  const repositories = { include: ['**'], exclude: [] };
  return createRules({
    ...{ policy, rules, mode: 'enforce' },
    maxClosesPerHour: Infinity,
    maxClosesPerDay: Infinity,
    brakeExempt: 'never',
    closesInUse: true,
    repositories,
    targetOf: (registry) => targetOf(registry, stack),
  });
}

/** What is needed to find findings in files or in the clouds. */
interface Search {
  readonly files: readonly string[];
  readonly format: Format | undefined;
  readonly stack: Stack | undefined;
  readonly policies: Policies;
  readonly gathering: Gathering;
  readonly progress: Progress;
  readonly at: string;
}

/** Where the findings came from. */
interface Seen extends ReadReports {
  readonly source: string;
}

async function readAll({ files, format, stack, gathering, progress, at }: Search): Promise<Seen> {
  const filterOf = (cloud: 'aws' | 'azure') => {
    const { include, exclude } = stack?.[cloud]?.repositories ?? { include: ['**'], exclude: [] };
    return globFilter(include, exclude);
  };
  const options = {
    format,
    stdin: process.stdin,
    progress,
    includes: { aws: filterOf('aws'), azure: filterOf('azure') },
    now: Date.parse(at),
  };
  const read = await readReports(files, gathering, options);
  return { ...read, source: files.map((file) => (file === STDIN ? 'stdin' : file)).join(', ') };
}

/** Fails if the scanners cannot see the registries, because the result would look like a policy that closes nothing. */
async function observeStack({ stack, policies, gathering, progress }: Search): Promise<Seen> {
  if (stack === undefined)
    throw new Error('there are neither files nor a stack: this is a bug in pullgate; please report it');
  const { missing, inexact } = await observeClouds({ stack, policies, gathering, progress, now });
  progress.end();
  if (missing.length > 0 && gathering.count() === 0) {
    throw new UsageError(`there are no findings to evaluate: ${missing.join('; ')}`);
  }
  return {
    source: CLOUDS.flatMap((cloud) => (stack[cloud] === undefined ? [] : [CLOUD_NAMES[cloud]])).join(' and '),
    formats: [],
    notes: [...missing.map((problem) => `findings may be missing: ${problem}`), ...inexact],
  };
}

/** Keeps repositories open that serve Lambda functions. Only their policies show this, so reports cannot. */
async function withLambda(simulation: Simulation, stack: Stack | undefined) {
  if (stack?.aws === undefined || stack.aws.closesInUse) return { simulation, notes: [] };
  const [client] = await connect({ aws: stack.aws, azure: undefined }, now);
  return client === undefined ? { simulation, notes: [] } : keepLambdaOpen(simulation, client.read);
}

/** On AWS, a gate is a repository. On Azure, the stack's config decides. For other reports, it is the image. */
function subjectsOf(
  { images }: Gathered,
  { granularity }: SimulateOptions,
  stack: Stack | undefined,
): Iterable<Subject> {
  return subjectsFrom(images, granularityOf(granularity ?? stack?.azure?.granularity ?? 'image'));
}

function* notesOf(
  { images, leftOut, undated, future, unreadDates }: Gathered,
  policies: Policies,
  formats: readonly Format[],
): Generator<string> {
  const unplaced = images.filter(({ isUnplaced }) => isUnplaced === true).length;
  if (unplaced > 0) {
    yield `${counted(unplaced, 'image')} without a registry, or with a repository name in which dashes may be slashes: the function searches the stack's registries for the digests`;
  }
  for (const [why, count] of Object.entries(leftOut)) {
    yield `${counted(count, 'report entry', 'report entries')} left out: ${why}`;
  }
  if (policies.some(({ graceDays }) => Object.values(graceDays).some((days) => (days ?? 0) > 0))) {
    const which = [
      [undated, 'no disclosure date'],
      [future, 'a disclosure date in the future'],
    ] as const;
    for (const [count, what] of which.filter(([count]) => count > 0))
      yield `${counted(count, 'finding has', 'findings have')} ${what}, so graceDays does not exempt ${count === 1 ? 'it' : 'them'}`;
    const dates = [...unreadDates].slice(0, SHOWN_DATES).map((date) => JSON.stringify(date));
    const more = unreadDates.size - dates.length;
    if (dates.length > 0)
      yield `disclosure dates that cannot be read: ${dates.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }
  if (formats.includes('trivy') && policies.some(({ exploited }) => exploited !== 'never')) {
    yield "Trivy does not report known exploits, so the policy's `exploited` has no effect on its findings";
  }
  if (formats.includes('trivy') && policies.some(({ epss }) => epss !== 'never')) {
    yield "Trivy does not report EPSS scores, so the policy's `epss` has no effect on its findings";
  }
}

function* textOf({ simulation, gathered, policy, against, stack }: Done, all: boolean): Generator<string> {
  const limits = CLOUDS.flatMap((cloud) => {
    const settings = stack?.[cloud];
    return settings === undefined ? [] : [{ ...settings, where: CLOUD_NAMES[cloud] }];
  });
  const names = { policy: policy.name, against: against?.name };
  const input = { simulation, reported: gathered.reported, ...names, all, limits };
  for (const line of linesOf(input)) yield `${line}\n`;
}

function headOf({ simulation, gathered, at, source, notes, policy, against }: Done): Head {
  const words = against === undefined ? (['closes', 'undetermined', 'open'] as const) : CHANGES;
  const count = (word: string) => simulation.gates.filter(({ outcome, change = outcome }) => change === word).length;
  const counts = Object.fromEntries(words.map((word) => [word, count(word)]));
  return {
    at,
    source,
    policy: policy.name,
    ...(against === undefined ? {} : { against: against.name }),
    notes,
    totals: {
      images: simulation.images,
      gates: simulation.gates.length + simulation.plain,
      withNothingToSay: simulation.plain,
      ...counts,
      findings: gathered.reported,
      leftOut: gathered.leftOut,
    },
  };
}

function pageInput({ simulation, gathered, at, source, notes, policy, against }: Done): PageInput {
  return { simulation, reported: gathered.reported, at, source, notes, policy: policy.name, against: against?.name };
}

/** A reader may close the pipe early. This is not an error. */
async function print(pieces: Iterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(pieces), process.stdout, { end: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}
