// `pause --wait`: waits until no gate of the stack is locked and none can become locked before the pause ends.

import type { Cloud } from '../../config/config.ts';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { isPaused } from '../../shared/reconcile/schedule.ts';
import { counted } from '../../shared/report/sentences.ts';
import { minute } from '../../shared/report/times.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import { loadGates, lockedOf, type Openings, openOne, sendNotices, type ToOpen, toOpen } from '../release/opening.ts';
import type { Client } from '../stack/client.ts';
import { minutesAfter } from '../terminal/duration.ts';
import { sentenceOf } from '../terminal/ending.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type CloudPause, loadPauses, openWhilePaused } from './state.ts';

/** How to wait. */
export interface Waiting {
  readonly maxMinutes: number;
  /** Ends early if the signal is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** From this call on, Ctrl-C aborts the signal. */
  readonly onInterrupt: () => AbortSignal;
}

/** How a wait ended. `resumed`: the pause ended first. */
export type Waited = 'open' | 'timedOut' | 'interrupted' | 'resumed';

/** What the wait needs. */
export interface Awaited {
  readonly clients: readonly Client[];
  readonly terminal: Terminal;
  readonly now: () => Instant;
  readonly openings: Openings;
  readonly nameOf: (gate: Gate) => string;
}

/**
 * How long an invocation can run with the rules that it read at its start: the timeout of the function. A test compares
 * the values with the two components (aws/component/function.ts, azure/component/code.ts).
 */
export const LONGEST_INVOCATION_MINUTES: Readonly<Record<Cloud, number>> = { aws: 5, azure: 10 };

/** The first and the longest wait between two reads. Each wait is twice as long as the one before. */
const FIRST_SLEEP_MILLISECONDS = 5_000;
const LONGEST_SLEEP_MILLISECONDS = 30_000;

/** The time after which no invocation that began before the pause can still run. */
export function oldInvocationsEndAt(pauses: readonly CloudPause[]): Instant {
  const moments = pauses.flatMap(({ cloud, pause }) =>
    pause === undefined ? [] : [minutesAfter(pause.at, LONGEST_INVOCATION_MINUTES[cloud])],
  );
  return moments.toSorted().at(-1) ?? '';
}

/** Waits, and retries to open the gates that are still locked. */
export async function waitUntilOpen({ maxMinutes, sleep, onInterrupt }: Waiting, awaited: Awaited): Promise<Waited> {
  const { clients, terminal, now } = awaited;
  const signal = onInterrupt();
  const deadline = minutesAfter(now(), maxMinutes);
  const endsAt = oldInvocationsEndAt(await loadPauses(clients));
  let said = '';
  const say = (line: string) => {
    if (line !== said) terminal.print(line);
    said = line;
  };
  for (let milliseconds = FIRST_SLEEP_MILLISECONDS; ; milliseconds *= 2) {
    const locked = await loadLocked(awaited);
    // Once the pause is over, opening gates would work against the function.
    if (locked === undefined) return 'resumed';
    if (typeof locked === 'string') say(`\nThe gates could not be read. Retrying: ${plain(locked)}`);
    else if (locked.length > 0) {
      say(`\nWaiting: ${counted(locked.length, 'gate is', 'gates are')} still locked.`);
      await openAgain(locked, awaited);
    } else if (now() >= endsAt) return 'open';
    else
      say(
        `\nNo gate is locked. Waiting until ${minute(endsAt)}: after that, no invocation that began before the pause can still run.`,
      );
    if (signal.aborted) return 'interrupted';
    if (now() >= deadline) return 'timedOut';
    await sleep(Math.min(milliseconds, LONGEST_SLEEP_MILLISECONDS), signal);
    if (signal.aborted) return 'interrupted';
  }
}

/** The gates that are locked, or why they could not be read; undefined if the pause is over. */
async function loadLocked({ clients, now, openings }: Awaited): Promise<readonly ToOpen[] | string | undefined> {
  try {
    if (!(await loadPauses(clients)).every(({ pause }) => isPaused(pause, now()))) return undefined;
    return toOpen(lockedOf(await loadGates(clients), openings), openWhilePaused);
  } catch (error) {
    return sentenceOf(error);
  }
}

/** Tries again to open these gates, and prints each result that changed. */
async function openAgain(locked: readonly ToOpen[], awaited: Awaited): Promise<void> {
  const { openings, nameOf, terminal } = awaited;
  for (const { gate, open } of locked) {
    const before = openings.get(gateKey(gate));
    const opening = await openOne(open);
    openings.set(gateKey(gate), opening);
    if (opening.word === before?.word && opening.problem === before.problem) continue;
    terminal.print(`  ${opening.word.padEnd(8)}  ${nameOf(gate)}`);
    if (opening.problem !== undefined) terminal.print(`      ${plain(opening.problem)}`);
  }
  await sendNotices(locked, awaited);
}
