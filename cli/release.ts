// Undo: opens what the stack closed, and keeps it open. The loop is the one that runs in the cloud, in the mode `pause`.
import type { Clients } from '../aws/function/clients.ts';
import type { Settings } from '../aws/function/settings.ts';
import { type Parts, partsOf } from '../aws/function/work.ts';
import type { Instant } from '../shared/finding.ts';
import { reconcile } from '../shared/reconcile.ts';
import { type GateRecord, holding } from '../shared/record.ts';
import { rulesOf } from '../shared/rules.ts';
import { describeFinding, describeState } from '../shared/sentences.ts';
import { columns, type Terminal } from './terminal.ts';

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

/** 0: everything is open. 1: something could not be opened. 2: nobody agreed. */
export type ExitCode = 0 | 1 | 2;

/** A function that was under way when the pause began may close one more gate: so often it is looked again. */
const ROUNDS = 3;

/** Opens every gate of the stack, after showing them, and pauses the stack so that nothing closes again. */
export async function releaseAll(release: Release): Promise<ExitCode> {
  const { terminal, settings } = release;
  const parts = partsOf({ ...release, log: () => {} });
  const closed = await notOpen(parts, settings);
  show(closed, release);
  if (!release.yes && (await terminal.ask('\nOpen and pause? Type "yes": ')) !== 'yes') {
    terminal.print('\nNothing was changed. (In a script, say --yes.)');
    return 2;
  }
  await setPause(parts, { paused: true, at: release.now(), by: release.by });
  terminal.print(`\nPaused the stack ${settings.stack}: it closes nothing until \`pullgate resume\`.`);
  const failed = await openAll(closed, parts, release);
  terminal.print(
    failed === 0
      ? '\nEverything that this stack had closed is open. It is safe to run `pulumi destroy` now.'
      : `\n${failed} could not be opened: see above, then run the command again.`,
  );
  return failed === 0 ? 0 : 1;
}

/** Ends a pause. The next tick, within five minutes, looks at everything. */
export async function resume({ settings, clients, terminal, now, by }: Omit<Release, 'yes'>): Promise<ExitCode> {
  await setPause(partsOf({ settings, clients, now, log: () => {} }), { paused: false, at: now(), by });
  terminal.print(
    `The stack ${settings.stack} is awake again: within five minutes it looks at everything, and closes what its policy names.`,
  );
  return 0;
}

async function setPause({ pause }: Parts, state: { paused: boolean; at: Instant; by: string }): Promise<void> {
  for (;;) {
    const { version } = await pause.load();
    if ((await pause.save(state, version)) !== undefined) return;
  }
}

async function notOpen({ table, portsFrom }: Parts, { accountId }: Settings): Promise<readonly GateRecord[]> {
  const { records } = portsFrom('');
  const found: GateRecord[] = [];
  for await (const gate of table.gates(accountId)) {
    const { value } = await records.load(gate);
    if (value !== undefined && value.state.kind !== 'open') found.push(value);
  }
  return found.toSorted((a, b) => (a.gate.repository < b.gate.repository ? -1 : 1));
}

function show(gates: readonly GateRecord[], { terminal, settings }: Release): void {
  if (gates.length === 0) {
    terminal.print(
      `The stack ${settings.stack} has closed nothing. Releasing it only pauses it, so that it closes nothing from here on.`,
    );
    return;
  }
  terminal.print(
    `The stack ${settings.stack} holds ${gates.length} gate(s). They will be opened, whatever is in them:\n`,
  );
  const rows = gates.map((record) => [
    record.gate.repository,
    describeState(record.state),
    `since ${record.since}`,
    worst(record),
  ]);
  for (const line of columns(rows)) terminal.print(`  ${line}`);
}

function worst(record: GateRecord): string {
  const [closer] = holding(record);
  const more = holding(record).length - 1;
  if (closer === undefined) return '';
  return `${describeFinding(closer.findings[0])}${more > 0 ? ` And ${more} more image(s).` : ''}`;
}

/** Opens in rounds, until a round finds nothing that is still closed. Returns how many could not be opened. */
async function openAll(closed: readonly GateRecord[], parts: Parts, release: Release): Promise<number> {
  const rules = rulesOf(release.settings, 'pause');
  let gates = closed;
  for (let round = 0; round < ROUNDS; round++) {
    for (const { gate } of gates) {
      try {
        const hint = { gate, scope: [], triggers: ['release'] as const, activeFindings: [] };
        const decision = await reconcile(hint, rules, parts.portsFrom(release.now()));
        const word = decision.done === 'opened' ? 'opened' : decision.done === 'refused' ? 'REFUSED' : 'was open';
        release.terminal.print(
          `  ${word}  ${gate.repository}${decision.problem === undefined ? '' : `: ${decision.problem}`}`,
        );
      } catch (error) {
        release.terminal.print(
          `  FAILED  ${gate.repository}: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
    gates = (await notOpen(parts, release.settings)).filter(({ state }) => state.kind !== 'waiting');
    if (gates.length === 0) return 0;
  }
  return gates.length;
}
