// What asks for a reconciliation, and what events said that the scanner has yet to confirm.
import type { Gate } from '../gate/gate.ts';
import type { Instant } from '../policy/finding.ts';
import { MINUTE_MILLISECONDS } from '../runtime/time.ts';
import type { ImageObservation, Scope } from './observation.ts';
import type { Ports } from './ports.ts';
import type { Trigger } from './trigger.ts';

/** A gate to reconcile, and what triggered it. It says where to look, never what is true. */
export interface ReconcileRequest {
  readonly gate: Gate;
  readonly scope: Scope;
  readonly triggers: readonly Trigger[];
  /** Reports that events named: the provider must know them, or the events were faster than it. */
  readonly namedReports: readonly NamedReport[];
}

/** A report as an event named it. */
export interface NamedReport {
  readonly id: string;
  readonly digest: string;
  /** What the event said of it. Undefined: the event did not say. */
  readonly status?: 'active' | undefined;
  /** When the event came. Undefined: it did not say. */
  readonly at?: Instant | undefined;
  /** A report from before this moment is not yet what the event was about. Default: any report is. */
  readonly notBefore?: Instant | undefined;
}

/** How far a provider's answers lag: one that contradicts a younger event is not trusted yet. */
const ANSWER_LAG_MILLISECONDS = 2 * MINUTE_MILLISECONDS;

/**
 * The ids of reports that events named, and that an observation does not show as they said: the provider knows them in
 * no state, or its answer may be from before the event.
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

/**
 * The ids of reports that the provider shows only as they were before the event: what it was about is still on its way.
 */
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
