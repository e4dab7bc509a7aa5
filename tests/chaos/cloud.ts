// What a run needs of a local cloud: to move its world, to disturb it, and to see what has become of it.
import type { Graph } from '../../local/graph.ts';
import type { GateRecord } from '../../shared/gate/record.ts';
import type { Draw } from './draw.ts';
import type { Scenario } from './scenario.ts';
import type { Step } from './truth.ts';

/** What becomes of the events of a step on their way. */
export interface Fate {
  readonly isLost: boolean;
  readonly delayMinutes: number;
  readonly copies: number;
  /** It overtakes those that came before. */
  readonly overtakes: boolean;
}

/**
 * What the registry, the records and the queues show at one moment. Images and gates have their names of the scenario.
 */
export interface Observation {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The gates that are closed, by whomever: `team/app-1`, or `team/app-1@image-1-2`. */
  readonly closed: ReadonlySet<string>;
  readonly records: readonly SeenRecord[];
  /** What people were notified, in order. */
  readonly notified: readonly { readonly gate: string; readonly change: string }[];
  /** Messages that wait to be handled. */
  readonly waiting: number;
  /** The texts of messages that were given up. */
  readonly dead: readonly string[];
  /**
   * When messages were left hidden for as long as the queue hides them: the function's process was killed, or could not
   * say when they shall come back.
   */
  readonly setbacks: readonly number[];
  /** What was changed that is somebody else's. */
  readonly damage: readonly string[];
}

export interface SeenRecord {
  readonly gate: string;
  /** `waiting: brake`, or the state's own word. */
  readonly state: string;
  readonly pending: number;
  readonly blockers: readonly {
    readonly image: string;
    /** Ids of the vulnerabilities. */
    readonly findings: readonly string[];
    readonly dangerousAt: number;
  }[];
}

export interface ChaosCloud {
  readonly name: 'aws' | 'azure';
  /** Milliseconds since the epoch. */
  now(): number;
  /** Does a step; what it sends has this fate. */
  apply(step: Step, fate: Fate): Promise<void>;
  /** Begins to disturb calls and workers, as drawn. */
  disturb(draw: Draw): void;
  /** Does something while a worker is slow; at the latest when the others have nothing left to do. */
  midway(action: () => Promise<void>): void;
  /** Ends that. */
  calm(): void;
  /** Moves the clock, with all that falls due on the way, each at its time; ticks too. */
  advance(milliseconds: number): Promise<void>;
  observe(): Promise<Observation>;
  /** How many sweeps have asked for all their reconciliations. */
  sweeps(): number;
  /** How many calls the function has made. */
  calls(): number;
  /** How often its process was killed. */
  crashes(): number;
  /** The function's log, for whoever reads of a failure. */
  logs(): readonly string[];
  stop(): Promise<void>;
}

export interface ChaosOptions {
  readonly scenario: Scenario;
  readonly draw: Draw;
  /** Other code for the function than what the program bundles: its index.mjs. */
  readonly code?: string | undefined;
}

/** The bounds of one cloud, in milliseconds, and its names. */
export interface Bounds {
  /** From an event's arrival to the closing. */
  readonly event: number;
  /** What each setback may add: the time for which a message stays hidden then. */
  readonly setback: number;
  /** From one tick to the next, as this run fires them. */
  readonly tick: number;
  readonly sweep: number;
}

/** How much faster the function's timers go: what it waits for between two tries is not what is tried here. */
export const HASTE = 20;

/** The graph with other code in its function. */
export function withCode(graph: Graph, code: string | undefined): Graph {
  if (code === undefined) return graph;
  const archives = Object.entries(graph.archives).map(([urn, files]) => [
    urn,
    'index.mjs' in files ? { ...files, 'index.mjs': code } : files,
  ]);
  return { ...graph, archives: Object.fromEntries(archives) };
}

/** A record in the scenario's words. */
export function seenRecord(gate: string, record: GateRecord, names: ReadonlyMap<string, string>): SeenRecord {
  const { state, pending, blockers } = record;
  return {
    gate,
    state: state.kind === 'waiting' ? `waiting: ${state.for}` : state.kind,
    pending: pending.length,
    blockers: blockers.map(({ digest, findings, violatedAt, inactive }) => ({
      image: names.get(digest) ?? digest,
      findings: findings.map(({ vulnerability }) => vulnerability),
      dangerousAt: Math.max(Date.parse(violatedAt), Date.parse(inactive?.at ?? violatedAt)),
    })),
  };
}
