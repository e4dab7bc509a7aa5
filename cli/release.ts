// Undo: opens what the stack closed, and keeps it open. The loop is the one that runs in the cloud, in the mode `pause`.
import type { Clients } from '../aws/function/clients.ts';
import type { Settings } from '../aws/function/settings.ts';
import { type Parts, partsOf } from '../aws/function/work.ts';
import { mapConcurrently } from '../shared/concurrency.ts';
import { type Instant, rankOf } from '../shared/finding.ts';
import { reconcile } from '../shared/reconcile.ts';
import { type Gate, type GateRecord, holding } from '../shared/record.ts';
import { type Rules, rulesOf } from '../shared/rules.ts';
import { describeFinding } from '../shared/sentences.ts';
import type { PauseState } from '../shared/sweep.ts';
import { type ExitCode, sentenceOf } from './ending.ts';
import { agreed, columns, counter, repositories, type Terminal } from './terminal.ts';

export interface Release {
  readonly settings: Settings;
  readonly clients: Clients;
  readonly terminal: Terminal;
  readonly now: () => Instant;
  /** Do not ask first. */
  readonly yes: boolean;
  /** Who does it, for the record. */
  readonly by: string;
}

/** A function that was under way when the pause began may close one more gate: so often it is looked again. */
const ROUNDS = 3;
const GATES_AT_ONCE = 8;

/** Opens every gate of the stack, after showing them, and pauses the stack so that nothing closes again. */
export async function releaseAll(release: Release): Promise<ExitCode> {
  const { terminal, settings } = release;
  const parts = partsOf({ ...release, log: () => {} });
  const { value: pause } = await parts.pause.load();
  const found = await notOpen(parts, settings);
  const closed = found.filter(isUnfinished);
  show(closed, found.length - closed.length, release);
  if (closed.length === 0 && pause?.paused === true) {
    terminal.print(
      `It is paused since ${minute(pause.at)} by ${pause.by}: there is nothing to do. It is safe to run \`pulumi destroy\` now.`,
    );
    return 0;
  }
  const question =
    closed.length === 0
      ? `Pause the stack ${settings.stack}?`
      : `Open ${repositories(closed.length)} and pause the stack ${settings.stack}?`;
  if (!release.yes && !(await agreed(terminal, question))) return 2;
  await setPause(parts, true, release);
  terminal.print(`\nThe stack ${settings.stack} is paused: it closes nothing until \`pullgate resume\`.`);
  const failed = await openAll(closed, parts, release);
  terminal.print(
    failed === 0
      ? '\nEverything that this stack had closed is open. What its function had begun before the pause may still close a gate:\n' +
          'before `pulumi destroy`, wait a few minutes and run this command once more.'
      : `\n${repositories(failed)} could not be opened: see above, mend it, and run this command again.`,
  );
  return failed === 0 ? 0 : 1;
}

/** Ends a pause. The next tick, within five minutes, looks at everything. */
export async function resume(release: Omit<Release, 'yes'>): Promise<ExitCode> {
  const { settings, terminal } = release;
  const changed = await setPause(partsOf({ ...release, log: () => {} }), false, release);
  terminal.print(
    changed
      ? `The stack ${settings.stack} is awake again: within five minutes it looks at everything, and closes what its policy names.`
      : `The stack ${settings.stack} is not paused: there is nothing to do.`,
  );
  return 0;
}

/** False where it is so already. */
async function setPause({ pause }: Parts, paused: boolean, { now, by }: Omit<Release, 'yes'>): Promise<boolean> {
  for (;;) {
    const { value, version } = await pause.load();
    if ((value?.paused ?? false) === paused) return false;
    const state: PauseState = { paused, at: now(), by };
    if ((await pause.save(state, version)) !== undefined) return true;
  }
}

/** The records of all gates that are closed, on their way, or waiting to close, by name. */
async function notOpen({ table }: Parts, { accountId }: Settings): Promise<readonly GateRecord[]> {
  const gates: Gate[] = [];
  for await (const { registry, repository, state } of table.gates(accountId)) {
    if (state !== 'open') gates.push({ registry, repository });
  }
  const loaded = await mapConcurrently(gates, GATES_AT_ONCE, async (gate) => (await table.records.load(gate)).value);
  return loaded
    .flatMap((record) => (record === undefined || record.state.kind === 'open' ? [] : [record]))
    .toSorted((a, b) => (a.gate.repository < b.gate.repository ? -1 : 1));
}

/** Closed, on its way, or open without anybody having been told. */
function isUnfinished({ state, untold }: GateRecord): boolean {
  return state.kind !== 'waiting' || untold.length > 0;
}

function show(closed: readonly GateRecord[], waiting: number, { terminal, settings: { stack } }: Release): void {
  if (closed.length === 0) terminal.print(`The stack ${stack} keeps no repository closed.`);
  else {
    terminal.print(
      `The stack ${stack} keeps ${repositories(closed.length)} closed. To be opened, whatever is inside:\n`,
    );
    const rows = closed.map((record) => [
      record.gate.repository,
      `${record.state.kind === 'waiting' ? 'open, nobody told' : record.state.kind} since ${minute(record.closedSince ?? record.since)}`,
      worst(record),
    ]);
    for (const line of columns(rows)) terminal.print(`  ${line}`);
    if (waiting > 0) terminal.print('');
  }
  if (waiting > 0) terminal.print(`Open, and will stay so although the policy names them: ${repositories(waiting)}.`);
}

/** `2026-03-02 09:00 UTC` */
function minute(at: Instant): string {
  return `${at.slice(0, 16).replace('T', ' ')} UTC`;
}

/** The worst finding of all that hold it, and how many images do. */
function worst(record: GateRecord): string {
  const held = holding(record);
  const [finding] = held.flatMap(({ findings }) => findings).toSorted((a, b) => rankOf(b) - rankOf(a));
  if (finding === undefined) return '';
  return `${held.length === 1 ? '1 image' : `${held.length} images`}, worst: ${describeFinding(finding)}`;
}

/** Opens in rounds, until a round finds nothing that is still closed. Returns how many could not be opened. */
async function openAll(closed: readonly GateRecord[], parts: Parts, release: Release): Promise<number> {
  const rules = rulesOf(release.settings, 'pause');
  const stuck = new Set<string>();
  let gates = closed;
  for (let round = 0; round < ROUNDS && gates.length > 0; round++) {
    const count = counter(gates.length);
    await mapConcurrently(gates, GATES_AT_ONCE, async ({ gate }) => {
      const outcome = await openOne(gate, rules, parts, release.now());
      if (outcome.problem !== undefined) stuck.add(gate.repository);
      release.terminal.print(`  ${count()}  ${outcome.word.padEnd(8)}  ${gate.repository}`);
      if (outcome.problem !== undefined) release.terminal.print(`      ${outcome.problem}`);
    });
    const still = await notOpen(parts, release.settings);
    gates = still.filter((record) => isUnfinished(record) && !stuck.has(record.gate.repository));
  }
  return stuck.size + gates.length;
}

interface Outcome {
  readonly word: 'opened' | 'was open' | 'REFUSED' | 'FAILED';
  readonly problem?: string | undefined;
}

async function openOne(gate: Gate, rules: Rules, parts: Parts, startedAt: Instant): Promise<Outcome> {
  try {
    const hint = { gate, scope: [], triggers: ['release'] as const, activeFindings: [] };
    const { done, problem } = await reconcile(hint, rules, parts.portsFrom(startedAt));
    if (done === 'refused') return { word: 'REFUSED', problem: problem ?? 'ECR gave no reason' };
    return { word: done === 'opened' ? 'opened' : 'was open' };
  } catch (error) {
    return { word: 'FAILED', problem: sentenceOf(error) };
  }
}
