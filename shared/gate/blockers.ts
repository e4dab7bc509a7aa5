// Derives the next blockers from an observation: which images keep the gate closed, which are remembered, and how the
// others were cleared.
import type { Instant } from '../policy/finding.ts';
import { isPlain } from '../policy/verdict.ts';
import { findingsIn, type ImageObservation, type Scan } from '../reconcile/observation.ts';
import type { Registry } from '../reconcile/ports.ts';
import type { GateRules } from '../reconcile/rules.ts';
import {
  type EvaluationInput,
  evaluateImage,
  type ImageEvaluation,
  MAX_FINDINGS,
  MAX_FINDINGS_OF_IMAGE,
  sameBlocker,
} from './image-evaluation.ts';
import { activeBlockers, type Blocker, type ClearedImage, type GateRecord } from './record.ts';

/** One observed image and its evaluation. */
export interface EvaluatedImage {
  readonly image: ImageObservation;
  readonly evaluation: Exclude<ImageEvaluation, { kind: 'needsScan' }>;
}

export interface NextBlockers {
  /** All blockers of the next record, including inactive ones. */
  readonly blockers: readonly Blocker[];
  /** The blockers that keep the gate closed. */
  readonly active: readonly Blocker[];
  /** The number of blockers that did not fit into the record. */
  readonly omitted: number;
  /** How each image that was an active blocker before, and is not now, was cleared. */
  readonly clearances: readonly ClearedImage[];
}

/** The most blockers in a record. With one finding each they fit into a row; with more, images usually share them. */
export const MAX_BLOCKERS = 1_000;

/** The inputs of an evaluation that all images of a gate share. */
export interface EvaluationContext extends Pick<EvaluationInput, 'observedAt' | 'now'> {
  readonly record: GateRecord;
  readonly rules: GateRules;
}

/** Evaluates every image of an observation. Reads scans only for images that cannot be evaluated without them. */
export async function evaluateImages(
  observations: readonly ImageObservation[],
  { record, rules, observedAt, now }: EvaluationContext,
  registry: Pick<Registry<unknown>, 'scans'>,
): Promise<readonly EvaluatedImage[]> {
  const blockers = new Map(record.blockers.map((blocker) => [blocker.digest, blocker]));
  const { repository, digest } = record.gate;
  const inputOf = (image: ImageObservation) => {
    const blocker = blockers.get(image.digest);
    // An image whose own gate was closed stays in scope without a tag, because what runs may name its digest.
    const needsNoTag = digest !== undefined && blocker?.closedAt !== undefined;
    return {
      repository,
      image,
      blocker,
      inScope: isInScope(image, repository, rules, needsNoTag),
      judge: rules.judge,
      maxFindings: digest === undefined ? MAX_FINDINGS : MAX_FINDINGS_OF_IMAGE,
      observedAt,
      now,
    };
  };
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

/**
 * Is the image in scope? The config must include its repository; if only tagged images count, it must be tagged.
 *
 * @param needsNoTag it counts even without a tag
 */
export function isInScope(
  image: ImageObservation,
  repository: string,
  { includes, policy }: GateRules,
  needsNoTag = false,
): boolean {
  return (
    image.presence === 'present' && includes(repository) && (needsNoTag || policy.images === 'all' || image.tagged)
  );
}

/**
 * Is an image without a record out of scope, or allowed without exemptions, so that there is nothing to do or report?
 */
export function isPlainlyAllowed(image: ImageObservation, repository: string, rules: GateRules, now: Instant): boolean {
  if (image.presence === 'gone' || !isInScope(image, repository, rules)) return true;
  return isPlain(rules.judge({ repository, digest: image.digest }, findingsIn(image), now));
}

/** How many images of an observation were judged, because they are in scope, and how many are undetermined. */
export function countUndetermined(
  images: readonly ImageObservation[],
  repository: string,
  rules: GateRules,
  now: Instant,
): { readonly judgedImages: number; readonly undeterminedImages: number } {
  const inScope = images.filter((image) => isInScope(image, repository, rules));
  const undetermined = inScope.filter(
    (image) => rules.judge({ repository, digest: image.digest }, findingsIn(image), now).kind === 'undetermined',
  );
  return { judgedImages: inScope.length, undeterminedImages: undetermined.length };
}

const UNKNOWN_TO_SCANNER: Scan = { kind: 'unproven', detail: 'the scanner does not know the image' };

/** The blockers after an observation. Blockers that were not observed do not change. */
export function nextBlockers(record: GateRecord, evaluated: readonly EvaluatedImage[]): NextBlockers {
  const blockers = new Map(record.blockers.map((blocker) => [blocker.digest, blocker]));
  const clearances: ClearedImage[] = [];
  for (const { image, evaluation } of evaluated) {
    const before = blockers.get(image.digest);
    if (evaluation.kind === 'holds' || evaluation.kind === 'inactive') {
      if (before === undefined || !sameBlocker(before, evaluation.blocker))
        blockers.set(image.digest, evaluation.blocker);
    } else blockers.delete(image.digest);
    const active = before !== undefined && before.inactive === undefined;
    if (active && (evaluation.kind === 'inactive' || evaluation.kind === 'released')) {
      clearances.push({ digest: image.digest, how: evaluation.how, ...freedUsage(evaluation) });
    }
  }
  const kept = keepWithin([...blockers.values()]);
  const active = activeBlockers({ blockers: kept });
  const omitted = Math.max(
    record.omittedBlockers,
    activeBlockers({ blockers: [...blockers.values()] }).length - active.length,
  );
  return { blockers: kept, active, omitted, clearances };
}

/** The last known use of an image that its gate no longer waits for, although it may still run. */
function freedUsage(evaluation: EvaluatedImage['evaluation']): Pick<ClearedImage, 'usage'> {
  if (evaluation.kind !== 'inactive' || evaluation.how === 'exempted') return {};
  const { usage } = evaluation.blocker;
  return usage === undefined ? {} : { usage };
}

/** If there are too many blockers, active ones take precedence over inactive ones. */
function keepWithin(blockers: readonly Blocker[]): readonly Blocker[] {
  if (blockers.length <= MAX_BLOCKERS) return blockers;
  const inactive = blockers.filter((blocker) => blocker.inactive !== undefined);
  return [...activeBlockers({ blockers }), ...inactive].slice(0, MAX_BLOCKERS);
}
