// A lock of ours that the record does not explain, because the record was lost or is an older copy. The gate stays
// closed until a person opens it, or until every image is proven clean.
import type { EvaluatedImage } from '../gate/blockers.ts';
import { SCAN_SETTLES_MILLISECONDS } from '../gate/image-evaluation.ts';
import type { GateRecord } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import type { Scope } from './observation.ts';
import { hasOurs, type OwnedReading } from './owner.ts';
import type { Ports } from './ports.ts';
import type { GateRules } from './rules.ts';

/** Since when a gate has had a lock that the record does not explain. Undefined: it has none. */
export function unexplainedSince(
  record: GateRecord,
  reading: OwnedReading<unknown> | undefined,
  { hasClosed, now }: { readonly hasClosed: boolean; readonly now: Instant },
): Instant | undefined {
  if (record.unexplainedSince !== undefined) return record.unexplainedSince;
  const { state, blockers, override } = record;
  const isOpen = state.kind === 'open' || state.kind === 'waiting';
  const isExplained = !isOpen || override !== undefined || blockers.some(({ closedAt }) => closedAt !== undefined);
  return reading !== undefined && hasOurs(reading) && !isExplained && !hasClosed ? now : undefined;
}

export interface UnexplainedInput {
  /** The record, with `unexplainedSince`. */
  readonly record: GateRecord;
  readonly scope: Scope;
  readonly evaluated: readonly EvaluatedImage[];
  readonly reading: OwnedReading<unknown>;
  readonly now: Instant;
}

/** Does a gate without blockers have to stay closed, because its lock is unexplained and its images are not proven? */
export async function isUnexplained(
  { record, scope, evaluated, reading, now }: UnexplainedInput,
  { mode, policy, includes }: GateRules,
  registry: Pick<Ports<unknown>['registry'], 'images' | 'scans'>,
): Promise<boolean> {
  const since = record.unexplainedSince;
  const isInScope = mode === 'enforce' && includes(record.gate.repository);
  if (since === undefined || !isInScope || !hasOurs(reading)) return false;
  const isAllowed = evaluated.every(
    ({ evaluation }) => !('verdict' in evaluation) || evaluation.verdict.kind === 'allow',
  );
  if (scope !== 'all' || !isAllowed || registry.images === undefined) return true;
  const images = await registry.images(record.gate);
  const judged = images.filter(({ tagged }) => tagged || policy.images === 'all').map(({ digest }) => digest);
  const scans = await registry.scans(record.gate, judged);
  const settled = new Date(Date.parse(now) - SCAN_SETTLES_MILLISECONDS).toISOString();
  return !judged.every((digest) => {
    const scan = scans.get(digest);
    return scan?.kind === 'finished' && scan.at > since && scan.at <= settled;
  });
}
