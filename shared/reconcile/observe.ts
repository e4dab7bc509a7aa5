// Observes and evaluates the images of a gate.
import { type EvaluatedImage, evaluateImages, type NextBlockers, nextBlockers } from '../gate/blockers.ts';
import type { GateRecord } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import type { ImageObservation, Scope } from './observation.ts';
import type { Ports } from './ports.ts';
import type { ReconcileRequest } from './request.ts';
import type { GateRules } from './rules.ts';
import { isAboutLock, isByCommand } from './trigger.ts';

/** The observations and their evaluation. */
export interface Evaluated {
  /** What was observed. */
  readonly scope: Scope;
  readonly observations: readonly ImageObservation[];
  readonly evaluated: readonly EvaluatedImage[];
  readonly next: NextBlockers;
  /** When everything had been read. */
  readonly now: Instant;
}

/** The most blockers that every push and delete observes in addition to its own images. */
const MAX_BLOCKERS_WITH_PUSH = 100;

/** Observes the images in a scope, and evaluates each. */
export async function observeAndEvaluate<Snapshot>(
  scope: Scope,
  record: GateRecord,
  rules: GateRules,
  ports: Ports<Snapshot>,
): Promise<Evaluated> {
  const observedAt = ports.now();
  const known = record.blockers.map((blocker) => blocker.digest);
  const observations = await ports.registry.observe(record.gate, scope, known);
  const now = ports.now();
  const evaluated = await evaluateImages(observations, { record, rules, observedAt, now }, ports.registry);
  return { scope, observations, evaluated, next: nextBlockers(record, evaluated), now };
}

/**
 * Returns the images to observe. A push may have moved a tag to or from a blocker, and a delete may have removed one,
 * so both also observe the blockers, including inactive ones.
 *
 * @param isWide observe every blocker, because another worker changed the record
 */
export function scopeOf({ scope, triggers }: ReconcileRequest, record: GateRecord, isWide: boolean): Scope {
  const { blockers, closedSince } = record;
  // A missing lock is restored from the record, at once.
  if (isAboutLock(triggers)) return isWide || closedSince === undefined ? 'all' : [];
  const moved = triggers.includes('push') || triggers.includes('delete');
  // A command uses only the record, so the person who runs it needs no permission to observe images.
  if (scope === 'all' || isByCommand(triggers) || !(moved || isWide)) return scope;
  if (blockers.length > MAX_BLOCKERS_WITH_PUSH) return isWide ? 'all' : scope;
  return [...new Set([...scope, ...blockers.map((blocker) => blocker.digest)])];
}
