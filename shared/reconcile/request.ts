// Requests for a reconciliation, and the reports in events that the scanner has not confirmed yet.
import type { Gate } from '../gate/gate.ts';
import type { OutsideChange } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import { MINUTE_MILLISECONDS } from '../runtime/time.ts';
import type { ImageObservation, Scope } from './observation.ts';
import type { Ports } from './ports.ts';
import type { Trigger } from './trigger.ts';

/** A gate to reconcile, and what triggered it. It says what to observe, and is never evidence itself. */
export interface ReconcileRequest {
  readonly gate: Gate;
  readonly scope: Scope;
  readonly triggers: readonly Trigger[];
  /** Reports that events named. If the provider does not list one, the event arrived before the data. */
  readonly namedReports: readonly NamedReport[];
  /** The change that triggered it, if it was a change of the lock by someone else. */
  readonly changedBy?: OutsideChange | undefined;
}

/** A report as an event named it. */
export interface NamedReport {
  readonly id: string;
  readonly digest: string;
  /** Its status in the event. Undefined: not given. */
  readonly status?: 'active' | undefined;
  /** The time of the event. Undefined: not given. */
  readonly at?: Instant | undefined;
  /** A report from before this time is older than the event's subject. Default: no report is too old. */
  readonly notBefore?: Instant | undefined;
}

/** How old a provider's answer may be. An answer that contradicts a more recent event is not trusted yet. */
const ANSWER_LAG_MILLISECONDS = 2 * MINUTE_MILLISECONDS;

/**
 * Finds the ids of reports in events that the observations do not confirm: the provider does not have the report in any
 * state, or its answer may be older than the event.
 */
export async function findAwaited(
  { namedReports }: ReconcileRequest,
  observations: readonly ImageObservation[],
  { registry, now }: Pick<Ports<unknown>, 'registry' | 'now'>,
): Promise<readonly string[]> {
  const shown = reportsByDigest(observations);
  const doubtful = namedReports.filter(
    ({ id, digest, status }) =>
      shown.get(digest)?.some((report) => report.id === id && (status === undefined || report.status === status)) ===
      false,
  );
  const trustedBefore = Date.parse(now()) - ANSWER_LAG_MILLISECONDS;
  const isYoung = ({ at }: NamedReport) => at !== undefined && Date.parse(at) > trustedBefore;
  const others = doubtful.filter((one) => !isYoung(one)).map(({ id }) => id);
  const unknown = others.length === 0 ? [] : await registry.unknownReports(others);
  return [...new Set([...doubtful.filter(isYoung).map(({ id }) => id), ...unknown])];
}

/** Finds the ids of reports that the provider still shows as they were before the event. */
export function findStale(
  { namedReports }: ReconcileRequest,
  observations: readonly ImageObservation[],
): readonly string[] {
  const shown = reportsByDigest(observations);
  return namedReports.flatMap(({ id, digest, notBefore }) => {
    const at = shown.get(digest)?.find((report) => report.id === id)?.reportedAt;
    return notBefore !== undefined && at !== undefined && at < notBefore ? [id] : [];
  });
}

function reportsByDigest(observations: readonly ImageObservation[]): ReadonlyMap<string, ImageObservation['reports']> {
  return new Map(observations.map(({ digest, reports }) => [digest, reports]));
}
