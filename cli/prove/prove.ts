// Runs the steps of `prove` and cleans up, whatever happens: after a failed step, after Ctrl-C, and at the end.

import { isClosed } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { describeState } from '../../shared/report/sentences.ts';
import { sentenceOf } from '../terminal/ending.ts';
import { buildImage } from './image.ts';
import { type Measures, NameTaken, type Scratch, type Unknown } from './scratch.ts';
import { type Step, stepsOf } from './steps.ts';
import { Interrupted } from './wait.ts';
import type { Loop } from './waits.ts';

/** `notRun`: an earlier step failed, or the operator ended the run. */
export type StepState = 'done' | 'failed' | 'interrupted' | 'notRun';

export interface StepResult {
  readonly name: string;
  readonly title: string;
  readonly state: StepState;
  readonly startedAt?: Instant;
  readonly seconds?: number;
  /** What was found, or why the step failed. */
  readonly found?: string;
}

/** What the clean-up left. */
export interface Left {
  readonly what: string;
  /** What to do. */
  readonly toDo: string;
}

export interface Proof {
  readonly result: 'proven' | 'failed' | 'interrupted';
  readonly startedAt: Instant;
  readonly seconds: number;
  readonly steps: readonly StepResult[];
  readonly unknowns: readonly Unknown[];
  /** Empty if nothing is left. */
  readonly left: readonly Left[];
  /** What stays for some time without an effect. */
  readonly remains: readonly string[];
}

/** `taken`: the repository of this name is not ours. */
export type Fate = 'notMade' | 'made' | 'removed' | 'taken';

export interface ProveInput extends Omit<Loop, 'measures'> {
  /** What has become of the repository so far. The run keeps it current. */
  readonly made: { fate: Fate };
  /** Called after each step. */
  readonly onStep: (step: StepResult) => void;
}

/** Runs everything. Throws nothing: what fails is in the answer. */
export async function prove(input: ProveInput): Promise<Proof> {
  const { scratch, waiting, made, onStep } = input;
  const measures: Measures = {};
  const startedAt = waiting.now();
  const steps: StepResult[] = [];
  for (const step of stepsOf({ ...input, measures })) {
    const isOver = steps.some(({ state }) => state !== 'done');
    const { name, title } = step;
    const result = isOver ? { name, title, state: 'notRun' as const } : await runStep(step, input);
    steps.push(result);
    if (!isOver) onStep(result);
  }
  const isOurs = made.fate === 'made';
  if (isOurs) {
    const run = () => removeScratch(input);
    const result = await timed({ name: 'cleaned', title: 'Cleaned up, nothing left behind', run }, input);
    steps.push(result);
    onStep(result);
  }
  return {
    result: resultOf(steps),
    startedAt,
    seconds: secondsSince(startedAt, waiting.now()),
    steps,
    unknowns: scratch.unknowns(measures),
    left: leftOf(scratch, made.fate),
    remains: isOurs ? await remainsOf(input) : [],
  };
}

const NAME_TAKEN = 'a repository of this name exists by now, which is not ours: run the command again';

async function runStep(step: Step, input: ProveInput): Promise<StepResult> {
  const { name, title } = step;
  if (input.waiting.signal.aborted) return { name, title, state: 'interrupted' };
  // The first step makes the repository, also if its answer is lost.
  if (input.made.fate === 'notMade') input.made.fate = 'made';
  return timed(step, input);
}

async function timed({ name, title, run }: Step, { waiting, made }: ProveInput): Promise<StepResult> {
  const startedAt = waiting.now();
  const ended = (state: StepState, found?: string): StepResult => ({
    ...{ name, title, state, startedAt, seconds: secondsSince(startedAt, waiting.now()) },
    ...(found === undefined ? {} : { found }),
  });
  try {
    return ended('done', await run());
  } catch (error) {
    if (error instanceof Interrupted) return ended('interrupted');
    if (!(error instanceof NameTaken)) return ended('failed', sentenceOf(error));
    made.fate = 'taken';
    return ended('failed', NAME_TAKEN);
  }
}

/** About three minutes in all: a registry may be throttled, or still busy with the repository. */
const REMOVE_PAUSES_SECONDS = [5, 10, 20, 40, 60, 60];
/** Cleaning up goes on after Ctrl-C. */
const NEVER = new AbortController().signal;

/** Removes the repository, and looks whether it is gone. After a removal it only looks. */
async function removeScratch({ scratch, waiting, made }: ProveInput): Promise<string> {
  let isRemoved = false;
  for (let attempt = 0; ; attempt++) {
    try {
      // A repository that was never made needs no removal, which may not be allowed either.
      const problem: unknown = isRemoved ? undefined : await problemOf(scratch.remove());
      isRemoved ||= problem === undefined;
      if (!(await scratch.exists())) {
        made.fate = 'removed';
        return `${scratch.repository} with its images, lock and settings does not exist`;
      }
      throw problem ?? new Error(`${scratch.repository} still exists`);
    } catch (error) {
      const seconds = REMOVE_PAUSES_SECONDS[attempt];
      if (seconds === undefined) throw error;
      await waiting.sleep(seconds * 1000, NEVER);
    }
  }
}

/** Why a call failed. Undefined: it did not. */
async function problemOf(call: Promise<void>): Promise<unknown> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return error ?? new Error('no reason given');
  }
}

/** What is left if the run ends now. */
export function leftOf({ repository, removal }: Scratch, fate: Fate): readonly Left[] {
  if (fate !== 'made') return [];
  return [{ what: `the repository ${repository}, possibly closed by pullgate`, toDo: `run: ${removal}` }];
}

/** The record of the gate. It cannot close anything: its repository is gone. */
async function remainsOf({ scratch, nonce }: ProveInput): Promise<readonly string[]> {
  const { client, gate } = scratch;
  try {
    const { value: record } = await client.records.load(gate(buildImage('vulnerable', nonce).digest));
    if (record === undefined) return [];
    const later = isClosed(record.state)
      ? '; pullgate opens it by itself within minutes, because the image is gone'
      : '';
    return [`the record of the gate (${describeState(record.state)}${later}). pullgate removes it 30 days later`];
  } catch (error) {
    return [`the record of the gate could not be read: ${sentenceOf(error)}`];
  }
}

function resultOf(steps: readonly StepResult[]): Proof['result'] {
  if (steps.some(({ state }) => state === 'failed')) return 'failed';
  return steps.some(({ state }) => state === 'interrupted') ? 'interrupted' : 'proven';
}

function secondsSince(from: Instant, to: Instant): number {
  return Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 100) / 10);
}
