// The sweep and the tick. A sweep lists all repositories and sends one message for each; a tick decides whether a sweep
// is due.
import { type BrakeState, brakeKey } from '../gate/brake.ts';
import { type Gate, gateKey } from '../gate/gate.ts';
import type { Instant } from '../policy/finding.ts';
import { describeError } from '../runtime/errors.ts';
import { HOUR_MILLISECONDS } from '../runtime/time.ts';
import { assignTurns } from './ask-brake.ts';
import { checkLocks, type LockPorts } from './locks.ts';
import type { Row } from './ports.ts';
import type { Rules } from './rules.ts';
import { isSweepDue, type SweepState } from './schedule.ts';
import { type SearchPorts, searchLocks } from './search.ts';
import type { FunctionTrigger } from './trigger.ts';
import { countUnscanned, describeUnscanned } from './unscanned.ts';
import { summarizeUnscanned, type UnscannedPorts } from './unscanned-summary.ts';

/** The interfaces that a tick and a sweep use. */
export interface SweepPorts extends LockPorts {
  readonly state: Row<SweepState>;
  readonly brake: Row<BrakeState>;
  readonly rules: Rules;
  readonly sweepHours: number;
  /** A fingerprint of the stack's settings. */
  readonly settingsHash: string;
  /** Why the scanner does not see the whole registry. Undefined if it does. */
  scannerHealth(): Promise<string | undefined>;
  /** The repositories with findings, as a hint what to observe. The absence of one proves nothing. */
  repositoriesWithFindings(): Promise<Iterable<Gate>>;
  /** Undefined if the scanner does not tell which images it does not scan. */
  readonly unscanned?: UnscannedPorts | undefined;
  /** The search for locks without a record. Not given if a lock does not name its owner. */
  readonly search?: SearchPorts;
  /** Every gate that has a record, with the name of its state. */
  gatesWithRecord(): AsyncIterable<Gate & { readonly state: string }>;
  /** The gates that wait for the brake, the highest rank first. */
  waiting(limit: number): Promise<readonly WaitingGate[]>;
  /** The gates whose override has begun or ended, or that must look again for the fix that they block. */
  gatesDue(now: Instant, limit: number): Promise<readonly Gate[]>;
  /** Sends a reconcile request for each of these gates, one message per gate. */
  sendRequests(gates: readonly Gate[], trigger: FunctionTrigger): Promise<void>;
  /** Additional fields of a tick's line. Default: none. */
  tickFacts?(): Promise<Readonly<Record<string, number>>>;
}

/** A gate that waits for the brake, with its `waitingRank`. */
export interface WaitingGate {
  readonly gate: Gate;
  readonly rank: string;
}

/** The most waiting gates that a tick counts and calls. */
const MAX_WAITING = 1_000;

/**
 * Logs the scanner's health, sweeps if a sweep is due, admits gates that wait for the brake, requests reconciliations
 * for gates that are due (`gatesDue`) and for those whose lock is missing, and logs the age of the last sweep.
 *
 * @throws Error the errors of the steps that failed, after all other steps have run
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
  const row = await step(() => ports.state.load());
  const isDue = row !== undefined && isSweepDue(row.value, fingerprintOf(ports), ports.sweepHours, now());
  const swept = isDue ? await step(() => sweep(ports)) : undefined;
  const current = swept ?? row?.value;
  const due = (await step(() => ports.gatesDue(now(), MAX_WAITING))) ?? [];
  await step(() => ports.sendRequests(due, 'tick'));
  const waiting = await step(() => callWaitingGates(ports));
  // A sweep reconciles every gate that should have a lock.
  const locks = swept === undefined ? await step(() => checkLocks(ports)) : undefined;
  await step(() => ports.sendRequests(locks?.missing ?? [], 'lock'));
  const facts = await step(async () => ports.tickFacts?.());
  const pausedSince = rules.suspended === 'pause' ? rules.pauseChangedAt : undefined;
  log({
    kind: 'tick',
    ...(current === undefined ? {} : { sweepAgeHours: hoursSince(current.sweptAt, now()) }),
    ...waiting,
    ...(due.length === 0 ? {} : { due: due.length }),
    ...(locks === undefined
      ? {}
      : { locksRead: locks.read, locksMissing: locks.missing.length, oldestLockReadMinutes: locks.oldestReadMinutes }),
    ...(pausedSince === undefined ? {} : { pausedHours: hoursSince(pausedSince, now()) }),
    ...facts,
  });
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(describeError).join('; '));
}

/** Requests a reconciliation of the waiting gates that the brake has room for, and counts them. */
async function callWaitingGates({ waiting, brake, rules, sendRequests, now }: SweepPorts) {
  const gates = await waiting(MAX_WAITING);
  const candidates = gates.map(({ gate, rank }) => ({ gate: brakeKey(gate), rank, of: gate }));
  const { called, counts } = await assignTurns(brake, candidates, now(), rules);
  await sendRequests(
    called.map(({ of }) => of),
    'tick',
  );
  const { closedThisHour, closedThisDay, leftThisDay } = counts;
  return { waiting: gates.length, admitted: called.length, closedThisHour, closedThisDay, leftThisDay };
}

/**
 * Requests a reconciliation of every included repository that has findings, and of every repository that has a record,
 * whether or not the config still includes it.
 */
export async function sweep(ports: SweepPorts): Promise<SweepState> {
  const { rules, log, now } = ports;
  const { value: last, version } = await ports.state.load();
  const fingerprint = fingerprintOf(ports);
  const repositories = new Map<string, Gate>();
  // A repository's message also reconciles its images.
  const add = ({ registry, repository }: Gate) =>
    repositories.set(gateKey({ registry, repository }), { registry, repository });
  for (const gate of await ports.repositoriesWithFindings()) if (rules.includes(gate.repository)) add(gate);
  let closed = 0;
  const recorded = new Set<string>();
  for await (const gate of ports.gatesWithRecord()) {
    add(gate);
    recorded.add(gateKey(gate));
    if (gate.state === 'closed' || gate.state === 'unexplained') closed++;
  }
  const trigger = last?.fingerprint === fingerprint ? 'sweep' : 'settings';
  await ports.sendRequests([...repositories.values()], trigger);
  const state: SweepState = { sweptAt: now(), fingerprint, gates: repositories.size };
  // If a concurrent sweep saved first, it sent the same requests, and its row is as good.
  await ports.state.save(state, version);
  // Counted before the sweep. The next sweep counts the changes that this one causes.
  log({ kind: 'sweep', gates: state.gates, closed });
  await reportUnscanned(ports);
  await requestUnrecorded(recorded, ports);
  return state;
}

/** The most repositories that the line about the locks of one deployment names. */
const MAX_EXAMPLES = 5;

/** Requests a reconciliation of repositories with a lock of ours and no record. The sweep is complete without it. */
async function requestUnrecorded(recorded: ReadonlySet<string>, ports: SweepPorts): Promise<void> {
  const { search, sendRequests, log } = ports;
  if (search === undefined) return;
  try {
    const { ours, others } = await searchLocks(search, (gate) => recorded.has(gateKey(gate)), ports);
    await sendRequests(ours, 'lock');
    for (const [id, gates] of others) {
      const why = `pulls are refused by ${id}, a lock of another pullgate deployment; if it no longer exists, run \`pullgate release --orphans ${id}\``;
      const examples = gates.slice(0, MAX_EXAMPLES).map(({ repository }) => repository);
      log({ kind: 'otherLocks', id, repositories: gates.length, examples, why });
    }
  } catch (error) {
    log({ kind: 'failed', error: `locks without a record could not be searched for: ${describeError(error)}` });
  }
}

/** Counts the images that no scan judges, and sends their summary. The sweep is complete without it. */
async function reportUnscanned({ unscanned, rules, log, now }: SweepPorts): Promise<void> {
  if (unscanned === undefined) return;
  try {
    const images = (await unscanned.images()).filter(({ repository }) => rules.includes(repository));
    const counts = countUnscanned(images, rules.includes);
    log({ kind: 'unscanned', ...counts, why: describeUnscanned(counts) });
    await summarizeUnscanned(images, unscanned, now());
  } catch (error) {
    log({ kind: 'failed', error: `the images that no scan judges could not be reported: ${describeError(error)}` });
  }
}

function hoursSince(at: Instant, now: Instant): number {
  return (Date.parse(now) - Date.parse(at)) / HOUR_MILLISECONDS;
}

/** A fingerprint that changes with the settings, and when a pause begins or ends, which makes a sweep due at once. */
function fingerprintOf({ settingsHash, rules }: SweepPorts): string {
  const { suspended = 'active', pauseChangedAt } = rules;
  return [settingsHash, suspended, ...(pauseChangedAt === undefined ? [] : [pauseChangedAt])].join(' ');
}
