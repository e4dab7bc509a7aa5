// `pause`: pauses the stack, so that no gate closes, and opens every gate that it has closed.

import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { isPaused, type PauseState } from '../../shared/reconcile/schedule.ts';
import { capitalized } from '../../shared/report/sentences.ts';
import { endOf, minute } from '../../shared/report/times.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import {
  countOf,
  type GateJson,
  gatesJson,
  gatesOf,
  type LoadedGates,
  loadGates,
  lockedOf,
  type Openings,
  openEach,
  printGates,
  toOpen,
  unfinishedOf,
  unreadLines,
} from '../release/opening.ts';
import type { Client } from '../stack/client.ts';
import type { ExitCode } from '../terminal/ending.ts';
import { agreed, DRY_RUN, type Terminal } from '../terminal/terminal.ts';
import { gateNames } from '../terminal/words.ts';
import { type CloudPause, isAsWanted, loadPauses, openWhilePaused, setPause } from './state.ts';
import { oldInvocationsEndAt, type Waited, type Waiting, waitUntilOpen } from './wait.ts';

export interface Pause {
  readonly stack: string;
  /** The stack as part of a sentence: `the stack dev`, or `the stack dev on AWS` if the options exclude a cloud. */
  readonly label: string;
  /** False if `--aws` or `--azure` excludes a cloud of the stack. */
  readonly isWhole: boolean;
  readonly clients: readonly Client[];
  readonly terminal: Terminal;
  readonly now: () => Instant;
  /** Do not ask for confirmation. */
  readonly yes: boolean;
  /** The user who pauses the stack, for the record. */
  readonly by: string;
  /** When the pause ends by itself. Default: `resume` ends it. */
  readonly until?: Instant | undefined;
  /** Wait until no gate is locked. Default: do not wait. */
  readonly wait?: Waiting | undefined;
  /** Show what would be done, and change nothing. Default: false. */
  readonly dryRun?: boolean;
  /** Prints the answer as data. Default: prints nothing. */
  readonly printJson?: (answer: PauseAnswer) => void;
}

export interface PauseAnswer {
  readonly stack: string;
  readonly dryRun: boolean;
  readonly paused: boolean;
  readonly until?: Instant | undefined;
  /** How the wait ended; undefined without a wait. */
  readonly waited?: Waited | undefined;
  readonly gates: readonly GateJson[];
}

/** An invocation that began before the pause may close another gate, so gates are opened in up to `ROUNDS` rounds. */
const ROUNDS = 3;
const AGAIN = 'fix the cause (see above), and run this command again.';

/** Shows every gate that the stack keeps closed, pauses the stack, and opens the gates. */
export async function pauseStack(pause: Pause): Promise<ExitCode> {
  const { stack, label, clients, terminal, now, until, dryRun = false, printJson = () => {} } = pause;
  const pauses = await loadPauses(clients);
  const wanted = { paused: true, until, at: now() };
  const isAlready = pauses.every((one) => isAsWanted(one.pause, wanted));
  const found = await loadGates(clients).catch(async (error: unknown) => {
    // The pause does not depend on the list: it keeps the function from closing more gates.
    if (!isAlready && !dryRun) await begin(pause, wanted, `Pause ${label}?`);
    throw error;
  });
  const closed = unfinishedOf(found);
  const gates = gatesOf(closed);
  const nameOf = gateNames(gatesOf(found));
  show(closed, found, pause, nameOf);
  const isDone = gates.length === 0 && isAlready;
  if (isDone && (pause.wait === undefined || dryRun)) {
    printJson({ stack, dryRun, paused: true, until, gates: [] });
    terminal.print(doneLine(pause, pauses));
    return 0;
  }
  if (dryRun) {
    printJson({
      stack,
      dryRun,
      paused: pauses.every((one) => isPaused(one.pause, now())),
      until,
      gates: gatesJson(closed),
    });
    terminal.print(`\nThis would pause ${label}: nothing would close until ${endText(until, wanted.at)}.${DRY_RUN}`);
    return 0;
  }
  if (!isDone) {
    const question = `${gates.length === 0 ? '' : `Open ${countOf(closed)} and `}pause ${label}?`;
    if (!(await begin(pause, wanted, capitalized(question)))) return 2;
  }
  return openEverything(pause, closed, nameOf);
}

/** Pauses the stack. Returns false if the user does not confirm. */
async function begin(
  { clients, terminal, label, by, yes }: Pause,
  wanted: Omit<PauseState, 'by'>,
  question: string,
): Promise<boolean> {
  if (!yes && !(await agreed(terminal, question))) return false;
  for (const client of clients) await setPause(client, { ...wanted, by });
  terminal.print(`\nPaused ${label}: nothing closes until ${endText(wanted.until, wanted.at)}.`);
  return true;
}

/** Opens the gates, waits if requested, and prints what is left to do. */
async function openEverything(pause: Pause, closed: LoadedGates, nameOf: (gate: Gate) => string): Promise<ExitCode> {
  const { stack, clients, terminal, until, wait, printJson = () => {} } = pause;
  const openings: Openings = new Map();
  let left = await openAll(closed, openings, pause, nameOf);
  const waited = wait === undefined ? undefined : await waitUntilOpen(wait, { ...pause, openings, nameOf });
  if (waited !== undefined) left = unfinishedOf(await loadGates(clients));
  printJson({ stack, dryRun: false, paused: true, until, waited, gates: gatesJson(closed, openings) });
  const endsAt = oldInvocationsEndAt(await loadPauses(clients));
  const lines = endLines({ ...pause, endsAt }, left, waited, openings);
  for (const line of [...lines, ...unreadLines(left)]) terminal.print(line);
  return gatesOf(left).length === 0 && (waited === undefined || waited === 'open') ? 0 : 1;
}

/** Opens gates in rounds until none is closed. Returns the gates that are left, in their current state. */
async function openAll(
  closed: LoadedGates,
  openings: Openings,
  { clients, terminal }: Pause,
  nameOf: (gate: Gate) => string,
): Promise<LoadedGates> {
  let left = toOpen(closed, openWhilePaused);
  for (let round = 0; ; round++) {
    await openEach(left, { openings, terminal, nameOf });
    const unfinished = unfinishedOf(await loadGates(clients));
    const unread = new Set(unfinished.unread.map(({ gate }) => gateKey(gate)));
    left = toOpen(unfinished, openWhilePaused).filter(({ gate }) => {
      const opening = openings.get(gateKey(gate));
      // A gate that failed is not tried again at once. One that was opened by its mark keeps its unreadable record.
      return opening === undefined || (opening.problem === undefined && !unread.has(gateKey(gate)));
    });
    if (left.length === 0 || round + 1 === ROUNDS) return unfinished;
  }
}

function show(
  closed: LoadedGates,
  found: LoadedGates,
  { terminal, label, clients }: Pause,
  nameOf: (gate: Gate) => string,
): void {
  const count = gatesOf(closed).length;
  const waiting = { onRecord: found.onRecord.filter((gate) => !closed.onRecord.includes(gate)), unread: [] };
  if (count === 0) terminal.print(`${capitalized(label)} keeps no ${gateNoun(clients)} closed.`);
  else {
    terminal.print(
      `${capitalized(label)} keeps ${countOf(closed)} closed. ${count === 1 ? 'It will be opened regardless of its findings' : 'They will be opened regardless of their findings'}:\n`,
    );
    printGates(closed, terminal, nameOf);
    if (waiting.onRecord.length > 0) terminal.print('');
  }
  if (waiting.onRecord.length > 0) {
    terminal.print(
      `Violating the policy but not closed by this stack: ${countOf(waiting)}. The pause does not change this.`,
    );
  }
}

/** Only on Azure can a gate be an image. */
function gateNoun(clients: readonly Client[]): string {
  return clients.every(({ cloud }) => cloud === 'aws') ? 'repository' : 'gate';
}

function doneLine(pause: Pause, pauses: readonly CloudPause[]): string {
  const first = pauses[0]?.pause;
  if (first === undefined)
    throw new Error('the paused stack has no pause on record: this is a bug in pullgate; please report it');
  const since = `It has been paused since ${minute(first.at)} by ${plain(first.by)}`;
  const end = first.until === undefined ? '' : `, until ${minute(first.until)}`;
  return `${since}${end}: there is nothing to do.${destroyNote(pause, pauses)}`;
}

/** Says whether it is safe to run `pulumi destroy` now. Empty unless the whole stack is paused without an end. */
function destroyNote({ now, isWhole, until }: Pause, pauses: readonly CloudPause[]): string {
  if (!isWhole || until !== undefined) return '';
  const endsAt = oldInvocationsEndAt(pauses);
  return now() >= endsAt ? ' It is safe to run `pulumi destroy` now.' : `\n${stillNote(true, endsAt)}`;
}

/** The last lines: what is left to do. */
function endLines(
  { isWhole, until, endsAt }: Pick<Pause, 'isWhole' | 'until'> & { readonly endsAt: Instant },
  left: LoadedGates,
  waited: Waited | undefined,
  openings: Openings,
): readonly string[] {
  const locked = lockedOf(left, openings);
  const isAnyLocked = gatesOf(locked).length > 0;
  const unsent = left.onRecord.filter((gate) => !locked.onRecord.includes(gate));
  const problems = [
    ...(isAnyLocked ? [`\n${countOf(locked)} could not be opened: ${AGAIN}`] : []),
    ...(unsent.length === 0
      ? []
      : [
          `\n${countOf({ onRecord: unsent, unread: [] })} ${unsent.length === 1 ? 'is' : 'are'} open, but the notice could not be sent: ${AGAIN}`,
        ]),
  ];
  switch (waited) {
    case 'interrupted':
      return [...problems, '\nStopped waiting. The pause stays in force. To continue waiting, run this command again.'];
    case 'resumed':
      return ['\nStopped waiting: the pause is over, and the function closes gates that violate the policy again.'];
    case 'timedOut':
      return [
        ...problems,
        '\nStopped waiting: the time is up. The pause stays in force. To continue waiting, run this command again.',
      ];
    case 'open': {
      const destroy = isWhole && until === undefined ? ' It is safe to run `pulumi destroy` now.' : '';
      return [...problems, ...(isAnyLocked ? [] : [`\nNo gate is locked.${destroy}`])];
    }
    case undefined:
      return problems.length > 0
        ? problems
        : [`\nEvery gate that this stack had closed is open.\n${stillNote(isWhole && until === undefined, endsAt)}`];
  }
}

/** What may still happen after a pause without a wait. */
function stillNote(isForDestroy: boolean, endsAt: Instant): string {
  const note = `An invocation that began before the pause may still close a gate until ${minute(endsAt)}.`;
  return isForDestroy
    ? `${note}\nBefore \`pulumi destroy\`, wait until ${minute(endsAt)} and run this command again, or run \`pullgate pause --wait\`.`
    : `${note} To wait for it, use --wait.`;
}

function endText(until: Instant | undefined, now: Instant): string {
  return until === undefined ? '`pullgate resume`' : endOf(until, now);
}
