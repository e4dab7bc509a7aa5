// The look at everything: one invocation lists, and one message for each repository does the rest. Also the tick that decides whether it is time.
import { type BrakeState, lastHour, NO_CLOSINGS, roomLeft } from '../../shared/brake.ts';
import type { Rules } from '../../shared/rules.ts';
import { isSweepDue, type SweepState } from '../../shared/sweep.ts';
import type { Parts, Worker } from './work.ts';

export type SweepParts = Parts & Worker & { readonly rules: Rules };

const HOUR_MILLISECONDS = 3_600_000;
/** More gates than this are not counted in a tick's line, and not let through by one. */
const MAX_WAITING = 1_000;

/** Says whether the scanner sees, sweeps if that is due, lets gates that wait for the brake through, and says how old the last sweep is. */
export async function tick(parts: SweepParts): Promise<void> {
  const { table, settings, now, log, rules, queue, scanner } = parts;
  const why = await scanner.blindness();
  log({ kind: 'scanner', blind: why !== undefined, why });
  const { value: last } = await table.row<SweepState>('sweep').load();
  const current = isSweepDue(last, fingerprint(parts), settings.sweepHours, now()) ? await sweep(parts) : last;
  const waiting = await table.waiting(settings.accountId, MAX_WAITING);
  const { value: brake = NO_CLOSINGS } = await table.row<BrakeState>('brake').load();
  const turns = waiting.slice(0, roomLeft(brake, now(), rules.maxClosesPerHour));
  await queue.askForLooks(
    turns.map(({ repository }) => repository),
    'tick',
  );
  log({
    kind: 'tick',
    sweepAgeHours: current === undefined ? 0 : (Date.parse(now()) - Date.parse(current.sweptAt)) / HOUR_MILLISECONDS,
    waiting: waiting.length,
    letThrough: turns.length,
    closedThisHour: lastHour(brake, now()).closings.length,
  });
}

/** Asks for a look at every repository that has findings, and at every gate that has a record, whether or not the config still includes it. */
export async function sweep(parts: SweepParts): Promise<SweepState> {
  const { table, scanner, settings, rules, queue, log, now } = parts;
  const row = table.row<SweepState>('sweep');
  const { version } = await row.load();
  const repositories = new Set<string>();
  for (const repository of await scanner.repositoriesWithFindings()) {
    if (rules.includes(repository)) repositories.add(repository);
  }
  for await (const { repository } of table.gates(settings.accountId)) repositories.add(repository);
  await queue.askForLooks([...repositories], 'sweep');
  const state: SweepState = { sweptAt: now(), settingsHash: fingerprint(parts), gates: repositories.size };
  // Another sweep that was faster has asked for the same looks: its row is as good as ours.
  await row.save(state, version);
  log({ kind: 'sweep', gates: state.gates });
  return state;
}

/** Other settings, or a pause that begins or ends, make a sweep due at once. */
function fingerprint({ settings, rules }: SweepParts): string {
  return `${settings.hash} ${rules.mode}`;
}
