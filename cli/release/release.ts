// Undo: opens what the stack closed, and keeps it open. The loop is the one that runs in the cloud, in the mode `pause`.

import { activeBlockers, type Gate, type GateRecord, gateKey } from '../../shared/gate/record.ts';
import { type Instant, rankOf } from '../../shared/policy/finding.ts';
import type { PauseState } from '../../shared/reconcile/schedule.ts';
import type { Decision } from '../../shared/report/decision.ts';
import { describeOrder } from '../../shared/report/override-text.ts';
import { describeFinding, describeState, gateName } from '../../shared/report/sentences.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import type { Side } from '../stack/side.ts';
import { type ExitCode, sentenceOf } from '../terminal/ending.ts';
import { agreed, columns, counter, gateCount, type Terminal } from '../terminal/terminal.ts';
import { minute, plain } from '../terminal/words.ts';

export interface Release {
  /** The stack's name. */
  readonly stack: string;
  readonly sides: readonly Side[];
  readonly terminal: Terminal;
  readonly now: () => Instant;
  /** Do not ask first. */
  readonly yes: boolean;
  /** Who does it, for the record. */
  readonly by: string;
  /** Show what would be done, and change nothing. Default: false. */
  readonly dryRun?: boolean;
  /** Takes what came of it, as data. Default: nobody does. */
  readonly report?: (answer: ReleaseAnswer) => void;
}

/** What a release came to. */
export interface ReleaseAnswer {
  readonly stack: string;
  readonly dryRun: boolean;
  readonly paused: boolean;
  readonly gates: readonly (Gate & {
    readonly was: string;
    /** Nothing where it was only shown. */
    readonly done?: Outcome['word'] | undefined;
    readonly problem?: string | undefined;
  })[];
}

/** A gate's record, and the side that it is on. */
export interface Held {
  readonly side: Side;
  readonly record: GateRecord;
}

/** A function that was under way when the pause began may close one more gate: so often it is looked again. */
const ROUNDS = 3;
const GATES_AT_ONCE = 8;
/** The last line of a dry run. */
export const DRY = '\nNothing was changed: this was a dry run.';

/** Opens every gate of the stack, after showing them, and pauses the stack so that nothing closes again. */
export async function releaseAll(release: Release): Promise<ExitCode> {
  const { terminal, stack, sides, dryRun = false, report = () => {} } = release;
  const pauses = await Promise.all(sides.map(async ({ pause }) => (await pause.load()).value));
  const found = await notOpen(sides);
  const closed = found.filter(isUnfinished);
  show(
    closed,
    found.filter((held) => !isUnfinished(held)),
    release,
  );
  const [pause] = pauses;
  const isPaused = pause !== undefined && pauses.every((one) => one?.paused === true);
  if (closed.length === 0 && isPaused) {
    report({ stack, dryRun, paused: true, gates: [] });
    terminal.print(
      `It is paused since ${minute(pause.at)} by ${plain(pause.by)}: there is nothing to do. It is safe to run \`pulumi destroy\` now.`,
    );
    return 0;
  }
  if (dryRun) {
    report({ stack, dryRun, paused: isPaused, gates: answersOf(closed) });
    terminal.print(`\nThe stack ${stack} would be paused, so that it closes nothing until \`pullgate resume\`.${DRY}`);
    return 0;
  }
  const question =
    closed.length === 0 ? `Pause the stack ${stack}?` : `Open ${countOf(closed)} and pause the stack ${stack}?`;
  if (!release.yes && !(await agreed(terminal, question))) return 2;
  for (const side of sides) await setPause(side, true, release);
  terminal.print(`\nThe stack ${stack} is paused: it closes nothing until \`pullgate resume\`.`);
  const outcomes = new Map<string, Outcome>();
  const left = await openAll(closed, outcomes, release, namesOf(found));
  report({ stack, dryRun, paused: true, gates: answersOf(closed, outcomes) });
  if (left.length === 0) {
    terminal.print(
      '\nEverything that this stack had closed is open. What its function had begun before the pause may still close a gate:\n' +
        'before `pulumi destroy`, wait a few minutes and run this command once more.',
    );
    return 0;
  }
  const [open, shut] = [left.filter(isOpen), left.filter((held) => !isOpen(held))];
  const again = 'see above, mend it, and run this command again.';
  if (shut.length > 0) terminal.print(`\n${countOf(shut)} could not be opened: ${again}`);
  if (open.length > 0) {
    terminal.print(`\n${countOf(open)} ${open.length === 1 ? 'is' : 'are'} open, but nobody could be told: ${again}`);
  }
  return 1;
}

/** What the end of a pause came to. */
export interface ResumeAnswer {
  readonly stack: string;
  readonly dryRun: boolean;
  readonly wasPaused: boolean;
}

/** Ends a pause. The next tick, within five minutes, observes everything. */
export async function resume(
  release: Omit<Release, 'yes' | 'report'> & { readonly report?: (answer: ResumeAnswer) => void },
): Promise<ExitCode> {
  const { stack, sides, terminal, dryRun = false, report = () => {} } = release;
  // Before anything is changed: who may not read one of them changes none.
  const pauses = await Promise.all(sides.map(({ pause }) => pause.load()));
  const wasPaused = pauses.some(({ value }) => value?.paused === true);
  if (dryRun && wasPaused) {
    report({ stack, dryRun, wasPaused });
    terminal.print(`The stack ${stack} would be awake again, and close what its policy names.${DRY}`);
    return 0;
  }
  let changed = false;
  for (const side of sides) changed = (await setPause(side, false, release)) || changed;
  report({ stack, dryRun, wasPaused: changed });
  terminal.print(
    changed
      ? `The stack ${stack} is awake again: within five minutes it looks at everything, and closes what its policy names.`
      : `The stack ${stack} is not paused: there is nothing to do.`,
  );
  return 0;
}

/** False where it is so already. */
async function setPause({ pause }: Side, paused: boolean, { now, by }: Pick<Release, 'now' | 'by'>): Promise<boolean> {
  for (;;) {
    const { value, version } = await pause.load();
    if ((value?.paused ?? false) === paused) return false;
    const state: PauseState = { paused, at: now(), by };
    if ((await pause.save(state, version)) !== undefined) return true;
  }
}

/** The records of all gates that are closed, on their way, or waiting to close, by name. */
export async function notOpen(
  sides: readonly Side[],
  only: (gate: Gate) => boolean = () => true,
): Promise<readonly Held[]> {
  const found: { readonly side: Side; readonly gate: Gate }[] = [];
  for (const side of sides) {
    for await (const { state, ...gate } of side.gates()) if (state !== 'open' && only(gate)) found.push({ side, gate });
  }
  const loaded = await mapConcurrently(found, GATES_AT_ONCE, async ({ side, gate }) => ({
    side,
    record: (await side.records.load(gate)).value,
  }));
  return loaded
    .flatMap(({ side, record }) => (record === undefined || record.state.kind === 'open' ? [] : [{ side, record }]))
    .toSorted((a, b) => (gateName(a.record.gate) < gateName(b.record.gate) ? -1 : 1));
}

/** Closed, on its way, or open without anybody having been told. */
export function isUnfinished({ record: { state, untold } }: Held): boolean {
  return state.kind !== 'waiting' || untold.length > 0;
}

function show(closed: readonly Held[], waiting: readonly Held[], { terminal, stack, sides }: Release): void {
  const nameOf = namesOf([...closed, ...waiting]);
  if (closed.length === 0) terminal.print(`The stack ${stack} keeps no ${gateNoun(sides)} closed.`);
  else {
    terminal.print(`The stack ${stack} keeps ${countOf(closed)} closed. To be opened, whatever is inside:\n`);
    list(closed, terminal, nameOf);
    if (waiting.length > 0) terminal.print('');
  }
  if (waiting.length > 0) {
    terminal.print(`Not closed by this stack, and will stay so although the policy names them: ${countOf(waiting)}.`);
  }
}

/** A line for each gate: its state, since when, and what holds it. */
export function list(closed: readonly Held[], terminal: Terminal, nameOf: (gate: Gate) => string): void {
  const rows = closed.map(({ record }) => [
    nameOf(record.gate),
    `${record.state.kind === 'waiting' ? 'open, nobody told' : record.state.kind} since ${minute(record.closedSince ?? record.since)}`,
    worst(record),
  ]);
  for (const line of columns(rows)) terminal.print(`  ${line}`);
}

/** What a gate may be: only on Azure it is an image, too. */
function gateNoun(sides: readonly Side[]): string {
  return sides.every(({ cloud }) => cloud === 'aws') ? 'repository' : 'gate';
}

export function countOf(held: readonly Held[]): string {
  return gateCount(held.map(({ record }) => record.gate));
}

/** The worst finding of all that hold it, and how many images do. */
function worst(record: GateRecord): string {
  const held = activeBlockers(record);
  const [finding] = held.flatMap(({ findings }) => findings).toSorted((a, b) => rankOf(b) - rankOf(a));
  if (finding === undefined) return record.byHand === undefined ? '' : plain(describeOrder(record.byHand));
  return `${held.length === 1 ? '1 image' : `${held.length} images`}, worst: ${plain(describeFinding(finding))}`;
}

/** Open, and what is left to do is to tell people. */
export function isOpen({ record: { state } }: Held): boolean {
  return state.kind === 'waiting' || state.kind === 'open';
}

/** The names of gates: with the registry's, where there are several. An AWS account is one. */
export function namesOf(held: readonly Held[]): (gate: Gate) => string {
  const registries = new Set(held.map(({ record }) => record.gate.registry));
  return (gate) => plain(registries.size > 1 ? `${gate.registry.split('/').at(-1)}/${gateName(gate)}` : gateName(gate));
}

/** Opens in rounds, until a round finds nothing that is still closed. Returns what is left, as it is now. */
async function openAll(
  closed: readonly Held[],
  outcomes: Map<string, Outcome>,
  { sides, terminal }: Release,
  nameOf: (gate: Gate) => string,
): Promise<readonly Held[]> {
  const stuck = new Set<string>();
  let left = closed;
  for (let round = 0; ; round++) {
    await openOnce(left, outcomes, terminal, nameOf, ({ side, record }) => side.open(record.gate));
    for (const [key, { problem }] of outcomes) if (problem !== undefined) stuck.add(key);
    const unfinished = (await notOpen(sides)).filter(isUnfinished);
    left = unfinished.filter(({ record }) => !stuck.has(gateKey(record.gate)));
    if (left.length === 0 || round + 1 === ROUNDS) return unfinished;
  }
}

/** Opens each of these once, and says what came of it. */
export async function openOnce(
  left: readonly Held[],
  outcomes: Map<string, Outcome>,
  terminal: Terminal,
  nameOf: (gate: Gate) => string,
  open: (held: Held) => Promise<Decision>,
): Promise<void> {
  const count = counter(left.length);
  await mapConcurrently(left, GATES_AT_ONCE, async (held) => {
    const { gate } = held.record;
    const outcome = await openOne(held, open);
    outcomes.set(gateKey(gate), outcome);
    terminal.print(`  ${count()}  ${outcome.word.padEnd(8)}  ${nameOf(gate)}`);
    if (outcome.problem !== undefined) terminal.print(`      ${plain(outcome.problem)}`);
  });
}

export interface Outcome {
  readonly word: 'opened' | 'was open' | 'REFUSED' | 'FAILED';
  readonly problem?: string | undefined;
}

async function openOne(held: Held, open: (held: Held) => Promise<Decision>): Promise<Outcome> {
  try {
    const { done, problem, untold } = await open(held);
    if (done === 'refused') return { word: 'REFUSED', problem: problem ?? 'the registry gave no reason' };
    const word = done === 'opened' ? 'opened' : 'was open';
    return untold === undefined
      ? { word }
      : { word, problem: `nobody could be told of it: ${untold.replace(/^Error: /, '')}` };
  } catch (error) {
    return { word: 'FAILED', problem: sentenceOf(error) };
  }
}

/** The gates as data, with what came of each. */
export function answersOf(closed: readonly Held[], outcomes: ReadonlyMap<string, Outcome> = new Map()) {
  return closed.map(({ record: { gate, state } }) => {
    const { word: done, problem } = outcomes.get(gateKey(gate)) ?? {};
    return { ...gate, was: describeState(state), done, problem };
  });
}
