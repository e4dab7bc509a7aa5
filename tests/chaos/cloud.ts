// What a run needs from a local cloud: change its world, disturb the function, and observe the result.
import type { Graph } from '../../local/graph.ts';
import type { LogLine } from '../../local/log-line.ts';
import { type BrakeState, brakeKey } from '../../shared/gate/brake.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { GateRecord } from '../../shared/gate/record.ts';
import type { Draw } from './draw.ts';
import type { Fate } from './fates.ts';
import type { PauseStack } from './people.ts';
import type { OpeningMoment, Scenario } from './scenario.ts';
import type { PersonStep, Step, WorldStep } from './truth.ts';

/**
 * The state of the registry, the records and the queues at one moment. Images and gates have the scenario's names.
 */
export interface Observation {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The gates that are closed, by pullgate or by others: `team/app-1`, or `team/app-1@image-1-2`. */
  readonly closed: ReadonlySet<string>;
  readonly records: readonly SeenRecord[];
  /** The changes that people were notified of, each with the text that names it. */
  readonly notified: readonly (Change & { readonly text: string })[];
  /** The closings that the brake's row has ever counted. */
  readonly admissions: readonly Admission[];
  /** The number of messages on the queue. */
  readonly waiting: number;
  /** The texts of messages that were moved to the dead-letter or poison queue. */
  readonly dead: readonly string[];
  /**
   * When messages stayed hidden for the queue's full timeout, because the function's process was killed or could not
   * set their retry delay.
   */
  readonly setbacks: readonly number[];
  /** Changes to what belongs to others. */
  readonly damage: readonly string[];
}

/** `change` is an action of a decision, such as `closed`. */
export interface Change {
  readonly gate: string;
  readonly change: string;
}

/** What happened by the end of a run. */
export interface Ending {
  /** The changes that the function's log reports. */
  readonly decided: readonly Change[];
  /** The writes of a second reconciliation of everything, while world and clock stood still. */
  readonly rewrites: readonly string[];
}

/** A closing that the brake has counted. */
export interface Admission {
  readonly gate: string;
  readonly at: number;
}

export interface SeenRecord {
  readonly gate: string;
  /** The kind of the state; with the reason if it is waiting: `waiting: brake`. */
  readonly state: string;
  readonly pending: number;
  /** The restorations that people are notified of a day after the last such notice. */
  readonly untoldRestorations: number;
  /** The fix that the gate blocks. */
  readonly blockedFix?: { readonly image: string; readonly digest: string } | undefined;
  readonly blockers: readonly {
    readonly image: string;
    /** Vulnerability ids. */
    readonly findings: readonly string[];
    readonly dangerousAt: number;
    /** The gate was closed while the image held it. */
    readonly wasClosed: boolean;
  }[];
}

export interface ChaosCloud {
  readonly name: 'aws' | 'azure';
  /** Milliseconds since the epoch. */
  now(): number;
  /** Performs a step. Its events are delivered by this fate. */
  apply(step: WorldStep, fate: Fate): Promise<void>;
  /** A person acts. Returns false if a command refused it. */
  act(step: PersonStep): Promise<boolean>;
  /** Makes the row of an image's gate readable again. */
  repair(image: string): Promise<void>;
  /** Reconciles every repository now, while the clock stands still. Returns the calls that wrote. */
  reconcileAll(): Promise<readonly string[]>;
  /** Starts to disturb calls and workers, as drawn. */
  disturb(draw: Draw): void;
  /**
   * Runs the action of a step at its moment, or once all workers are idle. The action learns which moment of an opening
   * it has met.
   */
  runAt(
    moment: 'midway' | OpeningMoment,
    step: Step,
    action: (metAt: OpeningMoment | undefined) => Promise<void>,
  ): void;
  /** Ends all disturbances. */
  calm(): void;
  /** Moves the clock. Everything that falls due, including ticks, happens at its time. */
  advance(milliseconds: number): Promise<void>;
  observe(): Promise<Observation>;
  /** The changes that the function's log reports. */
  decided(): readonly Change[];
  /** How many sweeps have requested all their reconciliations. */
  sweeps(): number;
  /** How many calls the function has made. */
  calls(): number;
  /** How often the function's process was killed. */
  crashes(): number;
  /** The function's log, to analyze a failure. */
  logs(): readonly string[];
  stop(): Promise<void>;
}

/** What replaces parts of the project in a run. Default: nothing. */
export interface Program {
  /** An index.mjs that replaces the program's bundle in the function. */
  readonly code?: string | undefined;
  /** Replaces what `pullgate pause` does. */
  readonly pauseStack?: PauseStack | undefined;
}

export interface ChaosOptions extends Program {
  readonly scenario: Scenario;
  readonly draw: Draw;
}

/** The time limits of one cloud, in milliseconds. */
export interface Bounds {
  /** From an event's arrival to the closing. */
  readonly event: number;
  /** The extra time that each setback allows: how long its message stays hidden. */
  readonly setback: number;
  /** From one tick to the next, as this run fires them. */
  readonly tick: number;
  readonly sweep: number;
  /** The longest invocation. */
  readonly invocation: number;
}

/** Collects the closings of the brake's row, which forgets them after an hour. */
export function collectAdmissions() {
  const found = new Map<string, Admission>();
  return (row: BrakeState | undefined, gates: ReadonlyMap<string, Gate>): readonly Admission[] => {
    const names = new Map([...gates].map(([name, gate]) => [brakeKey(gate), name]));
    for (const { gate, at } of row?.closings ?? [])
      found.set(`${gate} ${at}`, { gate: names.get(gate) ?? gate, at: Date.parse(at) });
    return [...found.values()];
  };
}

/** The calls of this kind that were made in between, with how often. */
export function writesBetween(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
  kind: RegExp,
): readonly string[] {
  return Object.entries(after).flatMap(([name, count]) => {
    const times = count - (before[name] ?? 0);
    return kind.test(name) && times > 0 ? [`${name} ${times} times`] : [];
  });
}

/** How much faster the function's timers run. The delays between retries are not under test here. */
export const HASTE = 20;

/** The scenario's repository that a call's input names; empty if it names none. */
export function repositoryIn(input: object): string {
  // The keys of Azure's table have `|` for `/`.
  return /(?:team|legacy)\/app-\d+/.exec(JSON.stringify(input).replaceAll('|', '/'))?.[0] ?? '';
}

/** The actions in the lines of decisions. */
export function decisionsIn(
  logs: readonly LogLine[],
  gateOf: (repository: string, digest: string | undefined) => string,
): readonly Change[] {
  return logs.flatMap(({ json }) => {
    if (json?.['kind'] !== 'decision') return [];
    const { repository, digest, action } = json as unknown as LoggedDecision;
    return [{ gate: gateOf(repository, digest), change: action }];
  });
}

interface LoggedDecision {
  readonly repository: string;
  readonly digest?: string;
  readonly action: string;
}

/** The graph, with the function's code replaced. */
export function withCode(graph: Graph, code: string | undefined): Graph {
  if (code === undefined) return graph;
  const archives = Object.entries(graph.archives).map(([urn, files]) => [
    urn,
    'index.mjs' in files ? { ...files, 'index.mjs': code } : files,
  ]);
  return { ...graph, archives: Object.fromEntries(archives) };
}

/** A record, with the scenario's names. */
export function seenRecord(gate: string, record: GateRecord, names: ReadonlyMap<string, string>): SeenRecord {
  const { state, pending, restorations, blockers, remedy } = record;
  const fix = remedy?.blocked?.fix;
  return {
    gate,
    state: state.kind === 'waiting' ? `waiting: ${state.for}` : state.kind,
    pending: pending.length,
    untoldRestorations: restorations?.since ?? 0,
    blockedFix: fix && { image: names.get(fix.digest) ?? fix.digest, digest: fix.digest },
    blockers: blockers.map(({ digest, findings, violatedAt, inactive, closedAt }) => ({
      image: names.get(digest) ?? digest,
      findings: findings.map(({ vulnerability }) => vulnerability),
      dangerousAt: Math.max(Date.parse(violatedAt), Date.parse(inactive?.at ?? violatedAt)),
      wasClosed: closedAt !== undefined,
    })),
  };
}
