// Finds, shows and opens the gates that a stack keeps closed. Shared by `pause` and `release`.

import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import { activeBlockers, type GateRecord } from '../../shared/gate/record.ts';
import { rankOf } from '../../shared/policy/finding.ts';
import type { Decision } from '../../shared/report/decision.ts';
import { describeOverride } from '../../shared/report/override-text.ts';
import { counted, describeFinding, describeState, gateName } from '../../shared/report/sentences.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import type { Client } from '../stack/client.ts';
import { sentenceOf } from '../terminal/ending.ts';
import { columns, counter, gateCount, type Terminal } from '../terminal/terminal.ts';
import { minute, plain } from '../terminal/words.ts';

/** A gate's record, and the client for its cloud. */
export interface GateOnRecord {
  readonly client: Client;
  readonly record: GateRecord;
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
  readonly problem?: string | undefined;
}

const GATES_AT_ONCE = 8;

/** Loads the records of all gates that are not open, sorted by name. */
export async function loadGates(
  clients: readonly Client[],
  only: (gate: Gate) => boolean = () => true,
): Promise<readonly GateOnRecord[]> {
  const found: { readonly client: Client; readonly gate: Gate }[] = [];
  for (const client of clients) {
    for await (const { state, ...gate } of client.gates())
      if (state !== 'open' && only(gate)) found.push({ client, gate });
  }
  const loaded = await mapConcurrently(found, GATES_AT_ONCE, async ({ client, gate }) => ({
    client,
    record: (await client.records.load(gate)).value,
  }));
  return loaded
    .flatMap(({ client, record }) => (record === undefined || record.state.kind === 'open' ? [] : [{ client, record }]))
    .toSorted((a, b) => (gateName(a.record.gate) < gateName(b.record.gate) ? -1 : 1));
}

/** Is it closed, or being closed or opened? */
export function isLocked({ record: { state } }: GateOnRecord): boolean {
  return state.kind !== 'waiting' && state.kind !== 'open';
}

/** Is it locked, or open with a notice that has not been sent? */
export function isUnfinished(gate: GateOnRecord): boolean {
  return isLocked(gate) || gate.record.pending.length > 0;
}

/** Prints a line for each gate: its state, when the state began, and its blockers. */
export function printGates(gates: readonly GateOnRecord[], terminal: Terminal, nameOf: (gate: Gate) => string): void {
  const rows = gates.map(({ record }) => [
    nameOf(record.gate),
    `${record.state.kind === 'waiting' ? 'open, notice pending' : record.state.kind} since ${minute(record.closedSince ?? record.since)}`,
    worstOf(record),
  ]);
  for (const line of columns(rows)) terminal.print(`  ${line}`);
}

/** `2 repositories`, `1 image`. */
export function countOf(gates: readonly GateOnRecord[]): string {
  return gateCount(gates.map(({ record }) => record.gate));
}

/** The number of blockers and their worst finding. */
function worstOf(record: GateRecord): string {
  const blockers = activeBlockers(record);
  const [finding] = blockers.flatMap(({ findings }) => findings).toSorted((a, b) => rankOf(b) - rankOf(a));
  if (finding === undefined) return record.override === undefined ? '' : plain(describeOverride(record.override.order));
  return `${counted(blockers.length, 'blocker')}, worst: ${plain(describeFinding(finding))}`;
}

/** How to open gates, and where to report the results. */
export interface Opener {
  readonly open: (gate: GateOnRecord) => Promise<Decision>;
  /** Receives the result for each gate. */
  readonly openings: Openings;
  readonly terminal: Terminal;
  readonly nameOf: (gate: Gate) => string;
}

/** Opens each of these gates once, and prints the result. */
export async function openEach(
  gates: readonly GateOnRecord[],
  { open, openings, terminal, nameOf }: Opener,
): Promise<void> {
  const count = counter(gates.length);
  await mapConcurrently(gates, GATES_AT_ONCE, async (one) => {
    const { gate } = one.record;
    const opening = await openOne(one, open);
    openings.set(gateKey(gate), opening);
    terminal.print(`  ${count()}  ${opening.word.padEnd(8)}  ${nameOf(gate)}`);
    if (opening.problem !== undefined) terminal.print(`      ${plain(opening.problem)}`);
  });
}

/** Opens one gate. An error is part of the result, so that the other gates are still opened. */
export async function openOne(gate: GateOnRecord, open: (gate: GateOnRecord) => Promise<Decision>): Promise<Opening> {
  try {
    const { action, problem, notifyError } = await open(gate);
    if (action === 'refused') return { word: 'REFUSED', problem };
    const word = action === 'opened' ? 'opened' : 'was open';
    return notifyError === undefined ? { word } : { word, problem: `the notice could not be sent: ${notifyError}` };
  } catch (error) {
    return { word: 'FAILED', problem: sentenceOf(error) };
  }
}

/** The gates as data, with the result for each. */
export function gatesJson(gates: readonly GateOnRecord[], openings: Openings = new Map()): readonly GateJson[] {
  return gates.map(({ record: { gate, state } }) => {
    const { word: action, problem } = openings.get(gateKey(gate)) ?? {};
    return { ...gate, was: describeState(state), action, problem };
  });
}
