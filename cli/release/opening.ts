// Finds, shows and opens the gates that a stack keeps closed. Shared by `pause` and `release`.

import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import { activeBlockers, type GateRecord } from '../../shared/gate/record.ts';
import { rankOf } from '../../shared/policy/finding.ts';
import type { Outcome } from '../../shared/report/decision.ts';
import { describeOverride } from '../../shared/report/override-text.ts';
import { counted, describeFinding, describeState, gateName } from '../../shared/report/sentences.ts';
import { minute } from '../../shared/report/times.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import type { Client } from '../stack/client.ts';
import { loadRecords, type UnreadableGate } from '../stack/overview.ts';
import { sentenceOf } from '../terminal/ending.ts';
import { columns, counter, gateCount, type Terminal } from '../terminal/terminal.ts';

/** A gate's record, and the client for its cloud. */
export interface GateOnRecord {
  readonly client: Client;
  readonly record: GateRecord;
}

/** A gate whose record cannot be read. */
export interface UnreadGate extends UnreadableGate {
  readonly client: Client;
}

/** The gates that are not open, each list sorted by name. One that cannot be read stops no other. */
export interface LoadedGates {
  readonly onRecord: readonly GateOnRecord[];
  readonly unread: readonly UnreadGate[];
}

/** A gate, and how to open it. */
export interface ToOpen {
  readonly gate: Gate;
  readonly open: () => Promise<Outcome>;
  /** Sends the gate's notices. Undefined: its record cannot be read, so none are known. */
  readonly sender: Client | undefined;
}

/** The result of opening a gate. */
export interface Opening {
  readonly word: 'opened' | 'was open' | 'REFUSED' | 'FAILED';
  readonly problem?: string | undefined;
}

/** The result for each gate, by its key. */
export type Openings = Map<string, Opening>;

/** A gate in the answer of `--json`. */
export interface GateJson extends Gate {
  readonly was: string;
  /** Undefined in a dry run. */
  readonly action?: Opening['word'] | undefined;
  /** Why it could not be opened; in a dry run, why its record cannot be read. */
  readonly problem?: string | undefined;
}

const GATES_AT_ONCE = 8;

/** Loads the records of all gates that are not open. */
export async function loadGates(
  clients: readonly Client[],
  only: (gate: Gate) => boolean = () => true,
): Promise<LoadedGates> {
  const onRecord: GateOnRecord[] = [];
  const unread: UnreadGate[] = [];
  for (const client of clients) {
    const loaded = await loadRecords(client, (gate, state) => state !== 'open' && only(gate));
    onRecord.push(...loaded.records.filter(({ state }) => state.kind !== 'open').map((record) => ({ client, record })));
    unread.push(...loaded.unreadable.map((one) => ({ client, ...one })));
  }
  return {
    onRecord: onRecord.toSorted((a, b) => (gateName(a.record.gate) < gateName(b.record.gate) ? -1 : 1)),
    unread,
  };
}

/** The gates that a command has to open: those that are unfinished, and those whose state is unknown. */
export function unfinishedOf({ onRecord, unread }: LoadedGates): LoadedGates {
  return { onRecord: onRecord.filter(isUnfinished), unread };
}

/** The gates that are still locked: those that are on record as locked, and the unread ones that were not opened. */
export function lockedOf({ onRecord, unread }: LoadedGates, openings: Openings): LoadedGates {
  const isOpen = ({ gate }: UnreadGate) => ['opened', 'was open'].includes(openings.get(gateKey(gate))?.word ?? '');
  return { onRecord: onRecord.filter(isLocked), unread: unread.filter((one) => !isOpen(one)) };
}

export function gatesOf({ onRecord, unread }: LoadedGates): readonly Gate[] {
  return [...onRecord.map(({ record }) => record.gate), ...unread.map(({ gate }) => gate)];
}

/** Is it closed, or being closed or opened? */
function isLocked({ record: { state } }: GateOnRecord): boolean {
  return state.kind !== 'waiting' && state.kind !== 'open';
}

/** Is it locked, or open with the notice of its opening not sent? */
function isUnfinished(gate: GateOnRecord): boolean {
  return isLocked(gate) || gate.record.pending.some(({ kind }) => kind === 'opened');
}

/** Prints a line for each gate: its state, when the state began, and its blockers; or why its record is unreadable. */
export function printGates(
  { onRecord, unread }: LoadedGates,
  terminal: Terminal,
  nameOf: (gate: Gate) => string,
): void {
  const rows = onRecord.map(({ record }) => [
    nameOf(record.gate),
    `${record.state.kind === 'waiting' ? 'open, notice pending' : record.state.kind} since ${minute(record.closedSince ?? record.since)}`,
    worstOf(record),
  ]);
  for (const line of columns(rows)) terminal.print(`  ${line}`);
  for (const { gate, problem } of unread) terminal.print(`  ${nameOf(gate)}  ${plain(problem)}`);
}

/** The last line of a command that found records that it cannot read; none if there are none. */
export function unreadLines({ unread }: LoadedGates): readonly string[] {
  if (unread.length === 0) return [];
  const [its, row] = unread.length === 1 ? ['its gate', 'its row'] : ['their gates', 'their rows'];
  return [
    `\n${counted(unread.length, 'record')} cannot be read: the function cannot reconcile ${its}. Deploy the version of pullgate that wrote ${row}. If that does not help, open ${its} and delete ${row}.`,
  ];
}

/** `2 repositories`, `1 image`. */
export function countOf(gates: LoadedGates): string {
  return gateCount(gatesOf(gates));
}

/** The number of blockers and their worst finding. */
function worstOf(record: GateRecord): string {
  const blockers = activeBlockers(record);
  const [finding] = blockers.flatMap(({ findings }) => findings).toSorted((a, b) => rankOf(b) - rankOf(a));
  if (finding === undefined) return record.override === undefined ? '' : plain(describeOverride(record.override.order));
  return `${counted(blockers.length, 'blocker')}, worst: ${plain(describeFinding(finding))}`;
}

/** How to open each gate. If its record cannot be read, only the mark of our lock can show that it is ours. */
export function toOpen(
  { onRecord, unread }: LoadedGates,
  open: (gate: GateOnRecord) => Promise<Outcome>,
): readonly ToOpen[] {
  return [
    ...onRecord.map((one) => ({ gate: one.record.gate, open: () => open(one), sender: one.client })),
    ...unread.map(({ client, gate }) => ({ gate, open: () => client.openByMark(gate), sender: undefined })),
  ];
}

/** Where to report the results. */
export interface Opener {
  /** Receives the result for each gate. */
  readonly openings: Openings;
  readonly terminal: Terminal;
  readonly nameOf: (gate: Gate) => string;
}

/** Opens each of these gates once, and prints the result. Then sends their notices. */
export async function openEach(gates: readonly ToOpen[], opener: Opener): Promise<void> {
  const { openings, terminal, nameOf } = opener;
  const count = counter(gates.length);
  await mapConcurrently(gates, GATES_AT_ONCE, async ({ gate, open }) => {
    const opening = await openOne(open);
    openings.set(gateKey(gate), opening);
    terminal.print(`  ${count()}  ${opening.word.padEnd(8)}  ${nameOf(gate)}`);
    if (opening.problem !== undefined) terminal.print(`      ${plain(opening.problem)}`);
  });
  await sendNotices(gates, opener);
}

/** Sends the notices of these gates, and prints why some could not be sent. That is a problem of each gate, too. */
export async function sendNotices(
  gates: readonly ToOpen[],
  { openings, terminal }: Pick<Opener, 'openings' | 'terminal'>,
): Promise<void> {
  const unsent = new Map<string, string>();
  for (const [client, ofClient] of Map.groupBy(gates, ({ sender }) => sender)) {
    if (client === undefined) continue;
    const { failures } = await client.deliver(ofClient.map(({ gate }) => gate));
    for (const { gates: failed, error } of failures)
      for (const gate of failed) unsent.set(gateKey(gate), sentenceOf(error));
  }
  for (const [error, failed] of Map.groupBy(unsent.keys(), (key) => unsent.get(key))) {
    const problem = `the notice could not be sent: ${error}`;
    const isNews = failed.map((key) => openings.get(key)).some((one) => one !== undefined && one.problem !== problem);
    if (isNews) terminal.print(`  ${counted(failed.length, 'gate')}: ${plain(problem)}`);
    for (const key of failed) {
      const opening = openings.get(key);
      if (opening?.problem === undefined && opening !== undefined) openings.set(key, { ...opening, problem });
    }
  }
}

/** Opens one gate. An error is part of the result, so that the other gates are still opened. */
export async function openOne(open: ToOpen['open']): Promise<Opening> {
  try {
    const { action, problem, notifyError } = await open();
    if (action === 'refused') return { word: 'REFUSED', problem };
    const word = action === 'opened' ? 'opened' : 'was open';
    return notifyError === undefined ? { word } : { word, problem: `the notice could not be sent: ${notifyError}` };
  } catch (error) {
    return { word: 'FAILED', problem: sentenceOf(error) };
  }
}

/** The gates as data, with the result for each. */
export function gatesJson({ onRecord, unread }: LoadedGates, openings: Openings = new Map()): readonly GateJson[] {
  const found: readonly GateJson[] = [
    ...onRecord.map(({ record: { gate, state } }) => ({ ...gate, was: describeState(state) })),
    ...unread.map(({ gate, problem }) => ({ ...gate, was: 'unreadable', problem })),
  ];
  return found.map((one) => {
    const { word: action, problem = one.problem } = openings.get(gateKey(one)) ?? {};
    return { ...one, action, problem };
  });
}
