// The sweep of everything: one invocation lists, and one message for each repository does the rest. Also the tick,
// which decides whether a sweep is due.
import { type BrakeState, lastHour, NO_CLOSINGS, roomLeft } from '../gate/brake.ts';
import { type Gate, gateKey } from '../gate/gate.ts';
import type { Instant } from '../policy/finding.ts';
import type { LogLine } from '../report/log-line.ts';
import { describeError } from '../runtime/errors.ts';
import { HOUR_MILLISECONDS } from '../runtime/time.ts';
import type { Row } from './ports.ts';
import type { Rules } from './rules.ts';
import { isSweepDue, type SweepState } from './schedule.ts';
import type { FunctionTrigger } from './trigger.ts';

/** What a tick and a sweep ask of a cloud. */
export interface SweepPorts {
  readonly state: Row<SweepState>;
  readonly brake: Row<BrakeState>;
  readonly rules: Rules;
  readonly sweepHours: number;
  /** A fingerprint of the stack's settings. */
  readonly settingsHash: string;
  /** Why the scanner sees nothing, or not everything; undefined if it sees everything. */
  scannerHealth(): Promise<string | undefined>;
  /** The repositories that have images with findings: where to look; one that is missing here proves nothing. */
  repositoriesWithFindings(): Promise<Iterable<Gate>>;
  /** Every gate that has a record, with the word for its state. */
  gatesWithRecord(): AsyncIterable<Gate & { readonly state: string }>;
  /** The gates that wait for the brake, the most urgent first. */
  waiting(limit: number): Promise<readonly Gate[]>;
  /** The gates whose override begins or ends by now. */
  overridesDue(now: Instant, limit: number): Promise<readonly Gate[]>;
  /** Sends a reconcile request for each of these gates, a message each. */
  sendRequests(gates: readonly Gate[], trigger: FunctionTrigger): Promise<void>;
  /** What else a tick's line says, by name. Default: nothing. */
  tickFacts?(): Promise<Readonly<Record<string, number>>>;
  log(line: LogLine): void;
  now(): Instant;
}

/** More gates than this are not counted in a tick's line, and not admitted by one. */
const MAX_WAITING = 1_000;

/**
 * Says whether the scanner sees, sweeps if that is due, admits gates that wait for the brake, requests the gates
 * whose override begins or ends, and says how old the last sweep is.
 *
 * @throws Error what a step failed with; the others are done all the same
 */
export async function tick(ports: SweepPorts): Promise<void> {
  const { rules, now, log } = ports;
  const failures: unknown[] = [];
  const step = <T>(work: () => Promise<T>): Promise<T | undefined> =>
    work().catch((error: unknown) => {
      failures.push(error);
      return undefined;
    });
  await step(async () => {
    const why = await ports.scannerHealth();
    log({ kind: 'scanner', healthy: why === undefined, why });
  });
  const swept = await step(() => ports.state.load());
  const last = swept?.value;
  const isDue = swept !== undefined && isSweepDue(last, fingerprintOf(ports), ports.sweepHours, now());
  const current = (isDue ? await step(() => sweep(ports)) : undefined) ?? last;
  const due = (await step(() => ports.overridesDue(now(), MAX_WAITING))) ?? [];
  await step(() => ports.sendRequests(due, 'tick'));
  const waiting = (await step(() => ports.waiting(MAX_WAITING))) ?? [];
  const brakeRow = await step(() => ports.brake.load());
  const brake = brakeRow === undefined ? undefined : lastHour(brakeRow.value ?? NO_CLOSINGS, now());
  const admitted = brake === undefined ? [] : waiting.slice(0, roomLeft(brake, now(), rules.maxClosesPerHour));
  await step(() => ports.sendRequests(admitted, 'tick'));
  const facts = await step(async () => ports.tickFacts?.());
  log({
    kind: 'tick',
    ...(current === undefined
      ? {}
      : { sweepAgeHours: (Date.parse(now()) - Date.parse(current.sweptAt)) / HOUR_MILLISECONDS }),
    waiting: waiting.length,
    admitted: admitted.length,
    ...(brake === undefined ? {} : { closedThisHour: brake.closings.length }),
    ...(due.length === 0 ? {} : { overrides: due.length }),
    ...facts,
  });
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(describeError).join('; '));
}

/**
 * Requests a reconciliation of every repository that has findings, and of every one that has a record, whether or not
 * the config still includes it.
 */
export async function sweep(ports: SweepPorts): Promise<SweepState> {
  const { rules, log, now } = ports;
  const { version } = await ports.state.load();
  const repositories = new Map<string, Gate>();
  // To reconcile a repository is to reconcile its images, too.
  const add = ({ registry, repository }: Gate) =>
    repositories.set(gateKey({ registry, repository }), { registry, repository });
  for (const gate of await ports.repositoriesWithFindings()) if (rules.includes(gate.repository)) add(gate);
  let closed = 0;
  for await (const gate of ports.gatesWithRecord()) {
    add(gate);
    if (gate.state === 'closed') closed++;
  }
  await ports.sendRequests([...repositories.values()], 'sweep');
  const state: SweepState = { sweptAt: now(), fingerprint: fingerprintOf(ports), gates: repositories.size };
  // Another sweep that was faster has asked for the same observations: its row is as good as ours.
  await ports.state.save(state, version);
  // As it was found: what this sweep itself closes or opens is counted by the next one.
  log({ kind: 'sweep', gates: state.gates, closed });
  return state;
}

/** Other settings, and a pause that begins or ends (by itself, too), make a sweep due at once. */
function fingerprintOf({ settingsHash, rules }: SweepPorts): string {
  return `${settingsHash} ${rules.mode}`;
}
