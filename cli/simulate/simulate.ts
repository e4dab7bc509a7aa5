// The command `pullgate simulate`: from findings and policies to what is printed, and the exit code.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setFlagsFromString } from 'node:v8';
import { MAX_FINDINGS } from '../../shared/gate/image-evaluation.ts';
import { globFilter } from '../../shared/policy/glob.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { rulesOf } from '../../shared/reconcile/rules.ts';
import { type JsonOption, now } from '../command.ts';
import type { Format } from '../reports/formats.ts';
import { type Gathered, type Gathering, gatheringFor } from '../reports/gathering.ts';
import { type ReadReports, readReports, STDIN } from '../reports/read.ts';
import { findStack, type Stack, type StackOptions } from '../stack/stack.ts';
import type { AnswerCode } from '../terminal/answer.ts';
import { UsageError } from '../terminal/ending.ts';
import { type Progress, progressOn } from '../terminal/progress.ts';
import { plainLines } from '../terminal/words.ts';
import { writeWhole } from './file.ts';
import { type Head, jsonOf } from './json.ts';
import { keepLambdaOpen } from './lambda.ts';
import { type PageInput, pageOf } from './page.ts';
import { readPolicy } from './policy.ts';
import { type Simulation, type Subject, simulate } from './simulation.ts';
import { CLOUDS, type Granularity, granularityOf, lookAtClouds, subjectsFrom } from './subjects.ts';
import { linesOf } from './text.ts';

export interface SimulateOptions extends StackOptions, JsonOption {
  readonly format?: Format;
  readonly aws?: boolean;
  readonly azure?: boolean;
  readonly policy?: string;
  readonly against?: string;
  readonly granularity?: Granularity;
  readonly html?: string;
  readonly all?: boolean;
}

/** A policy, and how people call it. */
interface Named {
  readonly policy: Policy;
  readonly name: string;
}

/** In place of a file: the stack's own policy. */
const STACK = 'stack';
/**
 * By how much the heap may grow before it is tidied up. V8 would let as much garbage pile up as there is in use, which a large report would pay for
 * with half a gigabyte. https://nodejs.org/api/v8.html#v8setflagsfromstringflags
 */
const HEAP_GROWTH_PERCENT = 20;
const CHANGES = ['closes', 'opens', 'staysClosed', 'staysOpen'] as const;

type Policies = readonly [Policy, ...Policy[]];

/** What was done, as all three ways to tell it need it. */
interface Done {
  readonly simulation: Simulation;
  readonly gathered: Gathered;
  readonly at: string;
  readonly source: string;
  /** What there is to know of it beside what is judged. */
  readonly notes: readonly string[];
  readonly policy: Named;
  readonly against: Named | undefined;
  readonly stack: Stack | undefined;
}

export async function simulateCommand(files: readonly string[], options: SimulateOptions): Promise<AnswerCode> {
  const isLive = options.aws === true || options.azure === true;
  if (files.length === 0 && !isLive) {
    throw new UsageError('say what to look at: report files, - for stdin, or the clouds themselves (--aws, --azure)');
  }
  if (files.length > 0 && isLive) throw new UsageError('give either report files or --aws and --azure, not both');
  const stack = needsStack(options, isLive) ? await findStack(options) : undefined;
  const policy = await policyOf(options.policy ?? STACK, stack);
  const against = options.against === undefined ? undefined : await policyOf(options.against, stack);
  const policies: Policies = against === undefined ? [policy.policy] : [policy.policy, against.policy];
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const at = now();
  const gathering = gatheringFor(policies);
  const progress = progressOn();
  try {
    const seen = isLive
      ? await observe(options, stack, policies, gathering, progress)
      : await readAll(files, options, stack, gathering, progress, at);
    const gathered = gathering.result();
    const judged = simulate({
      subjects: subjectsOf(gathered, options, stack),
      rules: rulesFor(policy),
      against: against === undefined ? undefined : rulesFor(against),
      now: at,
      most: MAX_FINDINGS,
    });
    const { simulation, notes: unread } = await withLambda(judged, options, stack);
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

function needsStack({ policy, against, stack, outputs }: SimulateOptions, isLive: boolean): boolean {
  return isLive || policy === undefined || against === STACK || stack !== undefined || outputs !== undefined;
}

async function policyOf(file: string, stack: Stack | undefined): Promise<Named> {
  if (file !== STACK) return { policy: await readPolicy(file), name: `the policy ${file}` };
  const policy = stack?.aws?.policy ?? stack?.azure?.policy;
  if (stack === undefined || policy === undefined) throw new UsageError('the stack has no policy: run `pulumi up`');
  return { policy, name: `the policy of the stack ${stack.name}` };
}

/** What the config leaves out is not gathered at all. The brake decides when a gate closes, and not whether; what serves Lambda functions only a look at the gates says. */
function rulesFor({ policy }: Named) {
  const repositories = { include: ['**'], exclude: [] };
  return rulesOf({ policy, maxClosesPerHour: Infinity, closeLambdaRepositories: true, repositories }, 'enforce');
}

/** Where the findings came from. */
interface Seen extends ReadReports {
  readonly source: string;
}

async function readAll(
  files: readonly string[],
  { format }: SimulateOptions,
  stack: Stack | undefined,
  gathering: Gathering,
  progress: Progress,
  at: string,
): Promise<Seen> {
  const { include, exclude } = stack?.aws?.repositories ?? { include: ['**'], exclude: [] };
  const options = {
    format,
    stdin: process.stdin,
    progress,
    includes: globFilter(include, exclude),
    now: Date.parse(at),
  };
  const read = await readReports(files, gathering, options);
  return { ...read, source: files.map((file) => (file === STDIN ? 'stdin' : file)).join(', ') };
}

/** A scanner that is blind and shows nothing would look like a policy that closes nothing. */
async function observe(
  { aws, azure }: SimulateOptions,
  stack: Stack | undefined,
  policies: Policies,
  gathering: Gathering,
  progress: Progress,
): Promise<Seen> {
  if (stack === undefined) throw new UsageError('--aws and --azure look at a stack: name it (--stack NAME)');
  const clouds = (['aws', 'azure'] as const).filter((cloud) => (cloud === 'aws' ? aws : azure) === true);
  const problems = await lookAtClouds({ stack, clouds, policies, gathering, progress, now });
  progress.end();
  if (problems.length > 0 && gathering.count() === 0) {
    throw new UsageError(`there is nothing to judge by: ${problems.join('; ')}`);
  }
  return {
    source: clouds.map((cloud) => CLOUDS[cloud]).join(' and '),
    formats: [],
    notes: problems.map((problem) => `not everything was seen: ${problem}`),
  };
}

/** A report does not say which repositories serve Lambda functions; where the cloud is looked at, its gates do. */
async function withLambda(simulation: Simulation, { aws }: SimulateOptions, stack: Stack | undefined) {
  if (aws !== true || stack?.aws === undefined || stack.aws.closeLambdaRepositories) return { simulation, notes: [] };
  const { awsHand } = await import('../override/aws.ts');
  return keepLambdaOpen(simulation, awsHand(stack.aws, now).read);
}

/** On AWS a gate is a repository; on Azure what the stack's config says; the image of a scanner's report is what it is about. */
function subjectsOf(
  { images }: Gathered,
  { granularity }: SimulateOptions,
  stack: Stack | undefined,
): Iterable<Subject> {
  return subjectsFrom(images, granularityOf(granularity ?? stack?.azure?.granularity ?? 'image'));
}

function* notesOf(
  { images, leftOut, undated }: Gathered,
  policies: Policies,
  formats: readonly Format[],
): Generator<string> {
  const unplaced = images.filter(({ isUnplaced }) => isUnplaced === true).length;
  if (unplaced > 0) {
    yield `images without a registry, or with a repository whose dashes may be slashes: ${unplaced} (the function looks for their digests in the registries of the stack)`;
  }
  for (const [why, count] of Object.entries(leftOut)) yield `left out as ${why}: ${count}`;
  if (undated > 0 && policies.some(({ graceDays }) => Object.values(graceDays).some((days) => (days ?? 0) > 0))) {
    yield `${undated} findings do not say when they were disclosed: graceDays exempts none of them`;
  }
  if (formats.includes('trivy') && policies.some(({ exploited }) => exploited !== 'never')) {
    yield "Trivy does not say what is exploited: the policy's `exploited` closes nothing for its findings";
  }
}

function* textOf({ simulation, gathered, policy, against, stack }: Done, all: boolean): Generator<string> {
  const { maxClosesPerHour } = stack?.aws ?? stack?.azure ?? {};
  const names = { policy: policy.name, against: against?.name };
  const told = { simulation, reported: gathered.reported, ...names, all, maxClosesPerHour };
  for (const line of linesOf(told)) yield `${line}\n`;
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

/** A reader that has enough closes the pipe: that is no error. */
async function print(pieces: Iterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(pieces), process.stdout, { end: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}
