// `pause`: pauses the stack, so that nothing closes, and opens everything that it had closed.

import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { isPaused } from '../../shared/reconcile/schedule.ts';
import {
  countOf,
  type GateJson,
  type GateOnRecord,
  gatesJson,
  isLocked,
  isUnfinished,
  loadGates,
  type Openings,
  openEach,
  printGates,
} from '../release/opening.ts';
import type { Client } from '../stack/client.ts';
import type { ExitCode } from '../terminal/ending.ts';
import { agreed, DRY_RUN, type Terminal } from '../terminal/terminal.ts';
import { capitalized, gateNames, minute, plain } from '../terminal/words.ts';
import { type CloudPause, isAsWanted, loadPauses, openWhilePaused, setPause } from './state.ts';
import { oldInvocationsEndAt, type Waited, type Waiting, waitUntilOpen } from './wait.ts';

export interface Pause {
  readonly stack: string;
  /** The stack in a sentence: `the stack dev`, or `the stack dev on AWS` if the options restrict the command. */
  readonly label: string;
  /** False if --aws or --azure leave out a cloud of the stack. */
  readonly isWhole: boolean;
  readonly clients: readonly Client[];
  readonly terminal: Terminal;
  readonly now: () => Instant;
  /** Do not ask first. */
  readonly yes: boolean;
  /** Who pauses, for the record. */
  readonly by: string;
  /** When the pause ends by itself. Default: `resume` ends it. */
  readonly until?: Instant | undefined;
  /** Wait until nothing is locked any more. Default: do not wait. */
  readonly wait?: Waiting | undefined;
  /** Show what would be done, and change nothing. Default: false. */
  readonly dryRun?: boolean;
  /** Prints the answer as data. Default: it is dropped. */
  readonly printJson?: (answer: PauseAnswer) => void;
}

export interface PauseAnswer {
  readonly stack: string;
  readonly dryRun: boolean;
  readonly paused: boolean;
  readonly until?: Instant | undefined;
  /** How the wait ended; undefined if there was none. */
  readonly waited?: Waited | undefined;
  readonly gates: readonly GateJson[];
}

/** An invocation that began before the pause may close another gate, so gates are opened in up to `ROUNDS` rounds. */
const ROUNDS = 3;
const AGAIN = 'see above, fix the cause and run this command again.';

/** Shows every gate that the stack keeps closed, pauses the stack, and opens the gates. */
export async function pauseStack(pause: Pause): Promise<ExitCode> {
  const { stack, label, clients, terminal, now, until, dryRun = false, printJson = () => {} } = pause;
  const pauses = await loadPauses(clients);
  const found = await loadGates(clients);
  const closed = found.filter(isUnfinished);
  const nameOf = gateNames(found.map(({ record }) => record.gate));
  show(closed, found, pause, nameOf);
  const wanted = { paused: true, until, at: now() };
  const isDone = closed.length === 0 && pauses.every((one) => isAsWanted(one.pause, wanted));
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
    terminal.print(`\nThis would pause ${label}: nothing would close until ${endOf(until)}.${DRY_RUN}`);
    return 0;
  }
  if (!isDone) {
    const question = `${closed.length === 0 ? '' : `Open ${countOf(closed)} and `}pause ${label}?`;
    if (!pause.yes && !(await agreed(terminal, capitalized(question)))) return 2;
    for (const client of clients) await setPause(client, { ...wanted, by: pause.by });
    terminal.print(`\nPaused ${label}: nothing closes until ${endOf(until)}.`);
  }
  return openEverything(pause, closed, nameOf);
}

/** Opens the gates, waits if that was asked for, and says what is left. */
async function openEverything(
  pause: Pause,
  closed: readonly GateOnRecord[],
  nameOf: (gate: Gate) => string,
): Promise<ExitCode> {
  const { stack, clients, terminal, until, wait, printJson = () => {} } = pause;
  const openings: Openings = new Map();
  let left = await openAll(closed, openings, pause, nameOf);
  const waited = wait === undefined ? undefined : await waitUntilOpen(wait, { ...pause, openings, nameOf });
  if (waited !== undefined) left = (await loadGates(clients)).filter(isUnfinished);
  printJson({ stack, dryRun: false, paused: true, until, waited, gates: gatesJson(closed, openings) });
  for (const line of endLines(pause, left, waited)) terminal.print(line);
  return left.length === 0 && (waited === undefined || waited === 'open') ? 0 : 1;
}

/** Opens in rounds, until a round finds nothing that is still closed. Returns what is left, as it is now. */
async function openAll(
  closed: readonly GateOnRecord[],
  openings: Openings,
  { clients, terminal }: Pause,
  nameOf: (gate: Gate) => string,
): Promise<readonly GateOnRecord[]> {
  const failed = new Set<string>();
  let left = closed;
  for (let round = 0; ; round++) {
    await openEach(left, { open: openWhilePaused, openings, terminal, nameOf });
    for (const [key, { problem }] of openings) if (problem !== undefined) failed.add(key);
    const unfinished = (await loadGates(clients)).filter(isUnfinished);
    left = unfinished.filter(({ record }) => !failed.has(gateKey(record.gate)));
    if (left.length === 0 || round + 1 === ROUNDS) return unfinished;
  }
}

function show(
  closed: readonly GateOnRecord[],
  found: readonly GateOnRecord[],
  { terminal, label, clients }: Pause,
  nameOf: (gate: Gate) => string,
): void {
  const waiting = found.filter((gate) => !isUnfinished(gate));
  if (closed.length === 0) terminal.print(`${capitalized(label)} keeps no ${gateNoun(clients)} closed.`);
  else {
    terminal.print(
      `${capitalized(label)} keeps ${countOf(closed)} closed. Each will be opened, whatever its findings:\n`,
    );
    printGates(closed, terminal, nameOf);
    if (waiting.length > 0) terminal.print('');
  }
  if (waiting.length > 0) {
    terminal.print(
      `Not closed by this stack, and left as they are although they violate the policy: ${countOf(waiting)}.`,
    );
  }
}

/** A gate may be an image on Azure only. */
function gateNoun(clients: readonly Client[]): string {
  return clients.every(({ cloud }) => cloud === 'aws') ? 'repository' : 'gate';
}

function doneLine(pause: Pause, pauses: readonly CloudPause[]): string {
  const first = pauses[0]?.pause;
  if (first === undefined)
    throw new Error('a stack that is paused has the row of a pause: this is a defect of pullgate');
  const since = `It has been paused since ${minute(first.at)} by ${plain(first.by)}`;
  const end = first.until === undefined ? '' : `, until ${minute(first.until)}`;
  return `${since}${end}: there is nothing to do.${destroyNote(pause, pauses)}`;
}

/** Is it safe to run `pulumi destroy` now? Said only of a whole stack whose pause does not end. */
function destroyNote({ now, isWhole, until }: Pause, pauses: readonly CloudPause[]): string {
  if (!isWhole || until !== undefined) return '';
  return now() >= oldInvocationsEndAt(pauses)
    ? ' It is safe to run `pulumi destroy` now.'
    : '\nAn invocation that began before the pause may still close a gate: before `pulumi destroy`, run `pullgate pause --wait`.';
}

/** What is left to do at the end. */
function endLines(
  { isWhole, until }: Pause,
  left: readonly GateOnRecord[],
  waited: Waited | undefined,
): readonly string[] {
  const [locked, unsent] = [left.filter(isLocked), left.filter((gate) => !isLocked(gate))];
  const problems = [
    ...(locked.length === 0 ? [] : [`\n${countOf(locked)} could not be opened: ${AGAIN}`]),
    ...(unsent.length === 0
      ? []
      : [
          `\n${countOf(unsent)} ${unsent.length === 1 ? 'is' : 'are'} open, but the notice could not be sent: ${AGAIN}`,
        ]),
  ];
  switch (waited) {
    case 'interrupted':
      return [...problems, '\nStopped waiting. The pause stays in force; to go on waiting, run this command again.'];
    case 'resumed':
      return ['\nStopped waiting: the pause is over, and the function closes again what violates the policy.'];
    case 'timedOut':
      return [
        ...problems,
        '\nStopped waiting: the time is up. The pause stays in force; to go on waiting, run this command again.',
      ];
    case 'open': {
      const destroy = isWhole && until === undefined ? ' It is safe to run `pulumi destroy` now.' : '';
      return [...problems, ...(locked.length === 0 ? [`\nNothing is locked any more.${destroy}`] : [])];
    }
    case undefined:
      return problems.length > 0
        ? problems
        : [`\nEverything that this stack had closed is open. ${stillNote(isWhole, until)}`];
  }
}

/** What may still happen after a pause without a wait. */
function stillNote(isWhole: boolean, until: Instant | undefined): string {
  const note = 'An invocation that began before the pause may still close a gate';
  return isWhole && until === undefined
    ? `${note}:\nbefore \`pulumi destroy\`, run \`pullgate pause --wait\`.`
    : `${note};\nwith --wait, this command waits until that is over.`;
}

function endOf(until: Instant | undefined): string {
  return until === undefined ? '`pullgate resume`' : minute(until);
}
