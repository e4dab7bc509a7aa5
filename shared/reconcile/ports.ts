// What the reconcile loop asks of a cloud. Each cloud folder implements it; the core owns the words.
import type { BrakeState } from '../gate/brake.ts';
import type { Gate } from '../gate/gate.ts';
import type { GateRecord, InUse, Notice } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import type { Decision } from '../report/decision.ts';
import type { ImageObservation, Scan, Scope } from './observation.ts';
import type { PauseState, SweepState } from './schedule.ts';

/** What a gate looks like in the registry. `snapshot` is the adapter's own, handed back to `write`. */
export interface Reading<Snapshot> {
  /**
   * Our lock: as we would write it now; there in another form (of an older config); or not there.
   * `unmarked`: there is a lock, and only the record knows whose it is (`withOwner`).
   */
  readonly lock: 'current' | 'otherForm' | 'absent' | 'unmarked';
  /** What runs and would fail if the gate closed. Undefined if nothing is known to. */
  readonly inUse?: InUse | undefined;
  readonly snapshot: Snapshot;
}

export type Written =
  | {
      readonly kind: 'written';
      /** The registry's own text of the gate before and after, for the log and for people. */
      readonly before: string;
      readonly after: string;
    }
  /**
   * Read back, it was not as written: another writer came at the same time. The reconciliation starts again from the
   * record.
   */
  | { readonly kind: 'overtaken' }
  /** It can never succeed as things are: a person must act. The problem says on what. */
  | {
      readonly kind: 'refused';
      readonly problem: string;
      /** The HTTP status of the refusal, if the registry answers with one that says more than the problem. */
      readonly status?: number | undefined;
    };

/** The registry and its scanner. Calls throw what a retry may fix. */
export interface Registry<Snapshot> {
  /**
   * Observes images: whether they are there, whether they count as tagged, what the scanner says.
   * A digest of the scope always has an answer. With `all` the answer has every image that has findings, and every
   * digest of `known`.
   */
  observe(gate: Gate, scope: Scope, known: readonly string[]): Promise<readonly ImageObservation[]>;
  /** The last scans. Asked only if a blocker is to be released on a scan's word. */
  scans(gate: Gate, digests: readonly string[]): Promise<ReadonlyMap<string, Scan>>;
  /** Which of these reports the provider does not know at all, in no state: an event was faster than its row. */
  unknownReports(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Undefined if the repository does not exist. */
  read(gate: Gate): Promise<Reading<Snapshot> | undefined>;
  /** Closes or opens, from what was read, and reads back what came of it. */
  write(gate: Gate, from: Pick<Reading<Snapshot>, 'snapshot'>, desired: 'closed' | 'open'): Promise<Written>;
}

/** A version of a row, in the table's own way: only equality means something. 0 stands for no row. */
export type Version = number | string;

export interface Versioned<T> {
  readonly value: T;
  readonly version: Version;
}

/** A row with optimistic concurrency: the one thing that keeps two workers apart. */
export interface Row<T> {
  load(): Promise<Versioned<T | undefined>>;
  /** Saves over `version` and returns the new one; undefined if another worker was faster. */
  save(value: T, version: Version): Promise<Version | undefined>;
}

/** The rows that are not a gate's, by name. */
export interface ControlRows {
  readonly brake: BrakeState;
  readonly sweep: SweepState;
  readonly pause: PauseState;
}

export interface Records {
  load(gate: Gate): Promise<Versioned<GateRecord | undefined>>;
  /** Saves over `version` and returns the new one; undefined if another worker was faster. */
  save(record: GateRecord, version: Version): Promise<Version | undefined>;
  /** Removes the row; false if another worker was faster. */
  remove(gate: Gate, version: Version): Promise<boolean>;
}

/** Everything that reconciling a gate touches. */
export interface Ports<Snapshot> {
  readonly registry: Registry<Snapshot>;
  readonly records: Records;
  readonly brake: Row<BrakeState>;
  /**
   * Lets the reconciliations of one process ask the brake one after the other: those that race for its row waste calls.
   */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** Sends a notice. If it throws, the notice stays pending in the record. */
  notify(gate: Gate, notice: Notice): Promise<void>;
  /** What delivers a notice that could not be sent: a retry of the message, or the tick, together with others. */
  readonly unsentNotices: 'retryMessage' | 'leaveToTick';
  log(decision: Decision): void;
  now(): Instant;
}
