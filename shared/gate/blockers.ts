// From an observation of some images to the next blockers: which hold the gate, which are remembered, and how the
// others were cleared.
import type { Instant } from '../policy/finding.ts';
import { isPlain } from '../policy/verdict.ts';
import { findingsIn, type ImageObservation, type Scan } from '../reconcile/observation.ts';
import type { Registry } from '../reconcile/ports.ts';
import type { Rules } from '../reconcile/rules.ts';
import {
  type EvaluationInput,
  evaluateImage,
  type ImageEvaluation,
  MAX_FINDINGS,
  MAX_FINDINGS_OF_IMAGE,
  sameBlocker,
} from './image-evaluation.ts';
import { activeBlockers, type Blocker, type ClearedImage, type GateRecord } from './record.ts';

/** One observed image, and what it means for its gate. */
export interface EvaluatedImage {
  readonly image: ImageObservation;
  readonly evaluation: Exclude<ImageEvaluation, { kind: 'needsScan' }>;
}

export interface NextBlockers {
  /** All blockers of the next record, the inactive ones too. */
  readonly blockers: readonly Blocker[];
  /** Those that hold the gate. */
  readonly active: readonly Blocker[];
  /** How many more the record had no room for. */
  readonly omitted: number;
  /** How each image that held the gate before, and no longer does, was cleared. */
  readonly clearances: readonly ClearedImage[];
  /** Does the record have to be written for it? */
  readonly changed: boolean;
}

/** The most blockers that a record holds. With one finding each they fit into a row; most have many, and share them. */
export const MAX_BLOCKERS = 1_000;

/** What images are evaluated by. */
export interface EvaluationContext extends Pick<EvaluationInput, 'observedAt' | 'now'> {
  readonly record: GateRecord;
  readonly rules: Rules;
}

/** Evaluates every image of an observation. Scans are asked for only if nothing else tells. */
export async function evaluateImages(
  observations: readonly ImageObservation[],
  { record, rules, observedAt, now }: EvaluationContext,
  registry: Pick<Registry<unknown>, 'scans'>,
): Promise<readonly EvaluatedImage[]> {
  const blockers = new Map(record.blockers.map((blocker) => [blocker.digest, blocker]));
  const { repository, digest } = record.gate;
  const inputOf = (image: ImageObservation) => ({
    repository,
    image,
    blocker: blockers.get(image.digest),
    inScope: isInScope(image, repository, rules),
    judge: rules.judge,
    maxFindings: digest === undefined ? MAX_FINDINGS : MAX_FINDINGS_OF_IMAGE,
    observedAt,
    now,
  });
  const first = observations.map((image) => ({
    image,
    evaluation: evaluateImage({ ...inputOf(image), scan: undefined }),
  }));
  const unproven = first.filter(({ evaluation }) => evaluation.kind === 'needsScan').map(({ image }) => image.digest);
  const scans = unproven.length === 0 ? new Map<string, Scan>() : await registry.scans(record.gate, unproven);
  return first.map(({ image, evaluation }) => {
    if (evaluation.kind !== 'needsScan') return { image, evaluation };
    const scan = scans.get(image.digest) ?? UNKNOWN_TO_SCANNER;
    return { image, evaluation: evaluateImage({ ...inputOf(image), scan }) };
  });
}

/** Does the image count? Its repository must be in the config; if only tagged images count, it must be tagged. */
export function isInScope(image: ImageObservation, repository: string, { includes, policy }: Rules): boolean {
  return image.presence === 'present' && includes(repository) && (policy.images === 'all' || image.tagged);
}

/** Is there nothing to say and nothing to do about an image of which no record knows? */
export function isPlainlyAllowed(image: ImageObservation, repository: string, rules: Rules, now: Instant): boolean {
  if (image.presence === 'gone' || !isInScope(image, repository, rules)) return true;
  return isPlain(rules.judge({ repository, digest: image.digest }, findingsIn(image), now));
}

const UNKNOWN_TO_SCANNER: Scan = { kind: 'unproven', detail: 'the scanner does not know the image' };

/** The blockers after an observation: those that were not observed stay as they were. */
export function nextBlockers(record: GateRecord, evaluated: readonly EvaluatedImage[]): NextBlockers {
  const blockers = new Map(record.blockers.map((blocker) => [blocker.digest, blocker]));
  const clearances: ClearedImage[] = [];
  let changed = false;
  for (const { image, evaluation } of evaluated) {
    const before = blockers.get(image.digest);
    if (evaluation.kind === 'holds' || evaluation.kind === 'inactive') {
      if (before === undefined || !sameBlocker(before, evaluation.blocker)) {
        blockers.set(image.digest, evaluation.blocker);
        changed = true;
      }
    } else if (blockers.delete(image.digest)) changed = true;
    const active = before !== undefined && before.inactive === undefined;
    if (active && (evaluation.kind === 'inactive' || evaluation.kind === 'released')) {
      clearances.push({ digest: image.digest, how: evaluation.how });
    }
  }
  const kept = keepWithin([...blockers.values()]);
  const active = activeBlockers({ blockers: kept });
  const omitted = Math.max(
    record.omittedBlockers,
    activeBlockers({ blockers: [...blockers.values()] }).length - active.length,
  );
  return { blockers: kept, active, omitted, clearances, changed: changed || omitted > record.omittedBlockers };
}

/** If there are too many, those that hold the gate are kept before the memory of those that went away. */
function keepWithin(blockers: readonly Blocker[]): readonly Blocker[] {
  if (blockers.length <= MAX_BLOCKERS) return blockers;
  const inactive = blockers.filter((blocker) => blocker.inactive !== undefined);
  return [...activeBlockers({ blockers }), ...inactive].slice(0, MAX_BLOCKERS);
}
