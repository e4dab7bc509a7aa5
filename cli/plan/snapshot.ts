// A snapshot: what a plan needs to know about the gates of a stack at one time, to evaluate them by any config later.
import type { Cloud } from '../../config/config.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { GateRecord } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { ImageObservation, Scan } from '../../shared/reconcile/observation.ts';
import type { Reading } from '../../shared/reconcile/ports.ts';
import type { StackSettings } from './settings.ts';

export interface Snapshot {
  readonly at: Instant;
  /** The name of the stack. */
  readonly stack: string;
  /** Does it have every cloud of the stack? */
  readonly isWhole: boolean;
  readonly targets: readonly Target[];
}

/** What a component of the stack covers: one account and region, or the registries of one subscription. */
export interface Target {
  readonly cloud: Cloud;
  /** The region on AWS. */
  readonly region?: string | undefined;
  /** The settings of the deployed function. */
  readonly settings: StackSettings;
  /** The content of the function's `settings.json`, without principals and mail addresses. */
  readonly content: Readonly<Record<string, unknown>>;
  /** Since when the stack has been paused. Undefined: it is not. */
  readonly pausedAt?: Instant | undefined;
  /** Why the scanner cannot see the registries, so that findings may be missing. Undefined: it can. */
  readonly scannerProblem?: string | undefined;
  /** Why something may be missing. */
  readonly notes: readonly string[];
  readonly repositories: readonly Repository[];
}

export interface Repository {
  readonly registry: string;
  readonly repository: string;
  /** Every image that has findings or a record. */
  readonly images: readonly ImageObservation[];
  /** The last scans of the recorded images, by digest. */
  readonly scans: Readonly<Record<string, Scan>>;
  /** The gates that have a record, or whose lock was read. */
  readonly gates: readonly KnownGate[];
}

export interface KnownGate {
  readonly gate: Gate;
  readonly record?: GateRecord | undefined;
  /** `gone`: the registry has no such repository or image. Undefined: it was not read. */
  readonly reading?: KnownReading | undefined;
}

export type KnownReading = 'gone' | Pick<Reading<unknown>, 'lock' | 'inUse'>;
