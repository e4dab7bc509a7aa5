// The interfaces that the reconcile loop uses. Each cloud folder implements them; the core defines them.
import type { BrakeState } from '../gate/brake.ts';
import type { Gate } from '../gate/gate.ts';
import type { GateRecord, InUse, Notice } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import type { Decision } from '../report/decision.ts';
import type { ImageObservation, JudgedImage, ListedImage, PushedImage, Scan, Scope } from './observation.ts';
import type { LockRound, PauseState, SearchState, SweepState } from './schedule.ts';
import type { UnscannedState } from './unscanned.ts';

/** The lock of a gate in the registry. `snapshot` belongs to the adapter and is passed back to `write`. */
export interface Reading<Snapshot> {
  /**
   * `current`: our lock, as we would write it now. `otherForm`: our lock, from an older config. `absent`: no lock of
   * ours. `unmarked`: a lock whose owner only the record knows (`withOwner`).
   */
  readonly lock: 'current' | 'otherForm' | 'absent' | 'unmarked';
  /** What uses the gate and would fail if it closed. Undefined if nothing is known to use it. */
  readonly inUse?: InUse | undefined;
  /** The locks of other pullgate deployments, by id. They stay, and pulls are refused while there is one. */
  readonly otherLocks?: readonly string[] | undefined;
  readonly snapshot: Snapshot;
}

export type Written =
  | {
      readonly kind: 'written';
      /** The registry's own text for the gate before and after, for the log and for people. */
      readonly before: string;
      readonly after: string;
    }
  /** The lock that was read back differs because of a concurrent writer. The reconciliation starts again. */
  | { readonly kind: 'overtaken' }
  /** A retry cannot succeed until a person acts. The problem says what to do. */
  | {
      readonly kind: 'refused';
      readonly problem: string;
      /** Identifies the cause, so that people are notified once for each: the error and what it is about. */
      readonly cause: string;
      /** The HTTP status of the refusal, if it adds information to the problem. */
      readonly status?: number | undefined;
    };

/** The registry and its scanner. Calls throw errors that a retry may fix. */
export interface Registry<Snapshot> {
  /**
   * Observes images: whether they are present, whether they count as tagged, and what the scanner reports. The result
   * includes every digest of the scope; for `all`, every image that has findings and every digest of `known`.
   */
  observe(gate: Gate, scope: Scope, known: readonly string[]): Promise<readonly ImageObservation[]>;
  /**
   * Every image of the gate that the scanner can judge. Not given if a lock does not name its owner, so that none is
   * known to be ours without a record.
   */
  images?(gate: Gate): Promise<readonly ListedImage[]>;
  /** The last scans. Called only if a scan decides whether a blocker is cleared. */
  scans(gate: Gate, digests: readonly string[]): Promise<ReadonlyMap<string, Scan>>;
  /** Which of these reports the provider does not have in any state: the event arrived before the data. */
  unknownReports(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Undefined if the repository does not exist.
   *
   * @param lockIds the older ids in the gate's record. A lock with one of them is ours
   */
  read(gate: Gate, lockIds?: readonly string[]): Promise<Reading<Snapshot> | undefined>;
  /** Closes or opens the gate, based on the reading, and reads the result back. */
  write(gate: Gate, from: Pick<Reading<Snapshot>, 'snapshot'>, desired: 'closed' | 'open'): Promise<Written>;
}

/** What finds the fix that a closed repository blocks. Calls throw errors that a retry may fix. */
export interface FixPorts {
  /** The repository as image names have it, with the registry's host. */
  nameOf(gate: Gate): string;
  /** Every image of the repository that the scanner can judge, and every index. */
  pushed(gate: Gate): Promise<readonly PushedImage[]>;
  /** What each of these indexes lists itself. It may leave out what is no image. */
  childrenOf(gate: Gate, indexes: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Those of these images that the scanner has judged in this repository, with everything that can matter. */
  judged(gate: Gate, digests: readonly string[]): Promise<ReadonlyMap<string, JudgedImage>>;
}

/** A version of a row, in the table's own format. Compare versions only for equality. 0 means no row. */
export type Version = number | string;

export interface Versioned<T> {
  readonly value: T;
  readonly version: Version;
}

/** A row with optimistic concurrency, so that concurrent workers do not overwrite each other. */
export interface Row<T> {
  load(): Promise<Versioned<T | undefined>>;
  /** Replaces `version` and returns the new version; undefined if another worker saved first. */
  save(value: T, version: Version): Promise<Version | undefined>;
}

/** The rows that do not belong to a gate, by name. */
export interface ControlRows {
  readonly brake: BrakeState;
  readonly sweep: SweepState;
  readonly pause: PauseState;
  readonly locks: LockRound;
  readonly search: SearchState;
  readonly unscanned: UnscannedState;
}

export interface Records {
  load(gate: Gate): Promise<Versioned<GateRecord | undefined>>;
  /** Replaces `version` and returns the new version; undefined if another worker saved first. */
  save(record: GateRecord, version: Version): Promise<Version | undefined>;
  /** Removes the row; false if another worker changed it first. */
  remove(gate: Gate, version: Version): Promise<boolean>;
}

/** Everything that a reconciliation reads or changes. */
export interface Ports<Snapshot> {
  readonly registry: Registry<Snapshot>;
  readonly fixes: FixPorts;
  readonly records: Records;
  readonly brake: Row<BrakeState>;
  /**
   * Runs the brake requests of one process one after the other, because concurrent requests for its row waste calls.
   */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** Sends a notice. If it throws, the notice stays pending in the record, and the next tick sends it. */
  notify(gate: Gate, notice: Notice): Promise<void>;
  log(decision: Decision): void;
  now(): Instant;
}
