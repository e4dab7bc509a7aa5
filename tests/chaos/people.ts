// What people do in a run: they run the real commands in this process, and they damage rows of the table.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadGate, recordOrder, refuseIneffective } from '../../cli/override/override.ts';
import { type PauseAnswer, pauseStack } from '../../cli/pause/pause.ts';
import type { Client } from '../../cli/stack/client.ts';
import { findStack, type Stack } from '../../cli/stack/stack.ts';
import { UsageError } from '../../cli/terminal/ending.ts';
import type { Graph } from '../../local/graph.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import { currentRules } from '../../shared/reconcile/rules.ts';
import type { PersonStep } from './truth.ts';

const MINUTE = 60_000;

export type PauseStack = typeof pauseStack;

/** A person's access to one cloud. */
export interface Desk {
  readonly client: Client;
  now(): number;
  gateOf(image: string): Gate;
  readonly rows: Rows;
  /** What `pullgate pause` does. Default: the project's own code. */
  readonly pauseStack?: PauseStack | undefined;
  /** Unlocks a gate by hand, as the output of `pause` says. */
  openByHand(gate: Gate): void;
}

/** The rows of gates. */
export interface Rows {
  /** Makes a row unreadable, if there is one. */
  spoil(gate: Gate): Promise<void>;
  isSpoiled(gate: Gate): boolean;
  /** Makes it readable again. */
  repair(gate: Gate): Promise<void>;
  lose(gate: Gate): Promise<void>;
}

/** Returns whether the step took place. A command may refuse it. */
export async function actOn(desk: Desk, step: PersonStep): Promise<boolean> {
  switch (step.kind) {
    case 'override':
      return override(desk, step);
    case 'pause':
      if (step.unreadable !== undefined) await desk.rows.spoil(desk.gateOf(step.unreadable));
      await pause(desk, step.minutes);
      return true;
    case 'lose':
      await desk.rows.lose(desk.gateOf(step.image));
      return true;
  }
}

async function override(
  { client, now, gateOf, rows }: Desk,
  { order: kind, image, minutes }: Extract<PersonStep, { kind: 'override' }>,
): Promise<boolean> {
  const gate = gateOf(image);
  if (rows.isSpoiled(gate)) return false;
  const [at, until] = [instant(now()), instant(now() + minutes * MINUTE)];
  const rules = await currentRules(client.settings, client.pause, at);
  try {
    await refuseIneffective(kind, [await loadGate(gate, { client }, at)], { client, rules });
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
  const order = { kind, at, until, reason: 'the shop is down', approvedBy: 'Grace', by: 'ada' };
  const { word, problem = '' } = await (await recordOrder(gate, order, { client, rules }))();
  if (word === 'failed') throw new Error(`the override failed: ${problem}`);
  return true;
}

/** If the command fails, the person does no more than that. */
async function pause({ client, now, openByHand, ...desk }: Desk, minutes: number): Promise<void> {
  let answer: PauseAnswer | undefined;
  const run = desk.pauseStack ?? pauseStack;
  await run({
    stack: 'dev',
    label: 'the stack dev',
    isWhole: true,
    clients: [client],
    terminal: { print: () => {}, ask: async () => undefined },
    now: () => instant(now()),
    yes: true,
    by: 'ada',
    until: instant(now() + minutes * MINUTE),
    printJson: (printed) => {
      answer = printed;
    },
  }).catch(() => {});
  for (const { was, action, ...gate } of answer?.gates ?? [])
    if (was === 'unreadable' && action === 'REFUSED') openByHand(gate);
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** The stack of a graph, as the commands find it in its outputs. */
export async function stackOf({ outputs }: Graph): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), 'pullgate-outputs-'));
  try {
    const file = join(folder, 'outputs.json');
    writeFileSync(file, JSON.stringify(outputs));
    return await findStack({ outputs: file });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
