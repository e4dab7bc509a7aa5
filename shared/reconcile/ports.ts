// What the reconcile loop asks of a cloud. Each cloud folder implements it; the core owns the words.
import type { BrakeState } from '../gate/brake.ts';
import type { Gate, GateRecord, Notice } from '../gate/record.ts';
import type { Finding, Instant } from '../policy/finding.ts';
import type { Decision } from '../report/decision.ts';

/** One image as the world shows it. */
export type ImageObservation =
  /** It is not in the registry. */
  | {
      readonly digest: string;
      readonly presence: 'gone';
      /** As below, where an event about an image must be known to the provider even though the image is gone. */
      readonly findingIds?: ReadonlySet<string>;
      readonly reportedAt?: ReadonlyMap<string, Instant>;
    }
  | {
      readonly digest: string;
      readonly presence: 'present';
      readonly tags: readonly string[];
      /** Tagged, or a runnable child of a tagged index. */
      readonly tagged: boolean;
      /** Everything that the scanner reports of it now and that could matter to the policy; nothing that it has closed. */
      readonly findings: readonly Finding[];
      /** The provider's ids of those of them that are as an event has said, where it has named them as active. */
      readonly findingIds: ReadonlySet<string>;
      /** When the provider last said something of each of them, where it says so. */
      readonly reportedAt?: ReadonlyMap<string, Instant>;
      /** The same by what the finding is (`findingKey`): how long a closing took is counted from it. Default: nobody knows. */
      readonly saidAt?: ReadonlyMap<string, Instant>;
      /** The reports (see `Finding.report`) that the provider has settled as a whole, and how. Default: none. */
      readonly settledReports?: ReadonlyMap<string, ReportStatus>;
    };

/** How a provider settles a report: it says that the danger is gone, or that nobody is to mind it. */
export type ReportStatus = 'resolved' | 'suppressed';

/** Which images of a gate to look at: the digests that an event named, or all. */
export type Scope = 'all' | readonly string[];

/** What the provider knows of the last scan of an image. */
export type Scan =
  /** It is scanned continuously, and the last scan finished at this moment. */
  | { readonly kind: 'finished'; readonly at: Instant }
  /** No scan proves anything: never scanned, not scanned any more, half-finished, not allowed to. */
  | { readonly kind: 'unproven'; readonly why: string };

/** What a gate looks like in the registry. `snapshot` is the adapter's own, handed back to `write`. */
export interface Reading<Snapshot> {
  /**
   * Our closing: as we would write it now; there, but written otherwise (by an older config); or not there.
   * `unmarked`: it is closed, and only the record knows whether we did it.
   */
  readonly ours: 'current' | 'outdated' | 'absent' | 'unmarked';
  /** It serves Lambda functions, which fail when their image cannot be pulled. */
  readonly servesLambda: boolean;
  readonly snapshot: Snapshot;
}

export type Written =
  | {
      readonly kind: 'written';
      /** The registry's own text of the gate before and after, for the log and for people. */
      readonly before: string;
      readonly after: string;
    }
  /** Read back, it was not as written: somebody else wrote at the same time. The look starts again from the record. */
  | { readonly kind: 'overtaken' }
  /** It can never succeed as things are: a person must act. The problem says on what. */
  | { readonly kind: 'refused'; readonly problem: string };

/** The registry and its scanner. Calls throw what a retry may mend. */
export interface Registry<Snapshot> {
  /**
   * Observes images: whether they are there, whether they count as tagged, what the scanner says.
   * A digest of the scope always has an answer. With `all` the answer has every image that has findings, and every digest of `known`.
   */
  observe(gate: Gate, scope: Scope, known: readonly string[]): Promise<readonly ImageObservation[]>;
  /** The last scans. Asked only where a blocker is to be released on a scan's word. */
  scans(gate: Gate, digests: readonly string[]): Promise<ReadonlyMap<string, Scan>>;
  /** Which of these findings the provider does not know at all, in no state: an event was faster than its row. */
  unknownFindings(findingIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Undefined where the repository does not exist (any more). */
  read(gate: Gate): Promise<Reading<Snapshot> | undefined>;
  /** Closes or opens, from what was read, and reads back what came of it. */
  write(gate: Gate, from: Reading<Snapshot>, desired: 'closed' | 'open'): Promise<Written>;
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
  /** Saves over `version` and returns the new one; undefined where another worker was faster. */
  save(value: T, version: Version): Promise<Version | undefined>;
}

export interface Records {
  load(gate: Gate): Promise<Versioned<GateRecord | undefined>>;
  /** Saves over `version` and returns the new one; undefined where another worker was faster. */
  save(record: GateRecord, version: Version): Promise<Version | undefined>;
  /** Takes the row away; false where another worker was faster. */
  remove(gate: Gate, version: Version): Promise<boolean>;
}

/** Everything that reconciling a gate touches. */
export interface Ports<Snapshot> {
  readonly registry: Registry<Snapshot>;
  readonly records: Records;
  readonly brake: Row<BrakeState>;
  /**
   * Lets the workers of one process ask the brake one after the other: where all race for its row, each of them tries in vain the more often the
   * more they are. Default: they race.
   */
  readonly inTurn?: (<T>(work: () => Promise<T>) => Promise<T>) | undefined;
  /** Tells people; throws where they could not be told, and is asked again with the next observation. */
  notify(gate: Gate, notice: Notice): Promise<void>;
  log(decision: Decision): void;
  now(): Instant;
}
