// Observes the images of a gate, and evaluates what that means for it.
import { type EvaluatedImage, evaluateImages, type NextBlockers, nextBlockers } from '../gate/blockers.ts';
import type { GateRecord } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import type { ImageObservation, Scope } from './observation.ts';
import type { Ports } from './ports.ts';
import type { ReconcileRequest } from './request.ts';
import type { Rules } from './rules.ts';
import { isByCommand } from './trigger.ts';

/** What was observed, and what it means for the gate. */
export interface Evaluated {
  readonly observations: readonly ImageObservation[];
  readonly evaluated: readonly EvaluatedImage[];
  readonly next: NextBlockers;
  /** When it had all been read. */
  readonly now: Instant;
}

/** The most blockers that are observed with every push and delete. */
const MAX_BLOCKERS_WITH_PUSH = 100;

/** Observes the images of a scope, and evaluates each. */
export async function observeAndEvaluate<Snapshot>(
  scope: Scope,
  record: GateRecord,
  rules: Rules,
  ports: Ports<Snapshot>,
): Promise<Evaluated> {
  const observedAt = ports.now();
  const known = record.blockers.map((blocker) => blocker.digest);
  const observations = await ports.registry.observe(record.gate, scope, known);
  const now = ports.now();
  const evaluated = await evaluateImages(observations, { record, rules, observedAt, now }, ports.registry);
  return { observations, evaluated, next: nextBlockers(record, evaluated), now };
}

/**
 * Which images to observe. A push may have moved a tag to or from a blocker, and a delete may have removed one:
 * blockers are observed with it, the remembered ones too.
 *
 * @param isWide observes every blocker, since another worker was at work here
 */
export function scopeOf({ scope, triggers }: ReconcileRequest, { blockers }: GateRecord, isWide: boolean): Scope {
  const moved = triggers.includes('push') || triggers.includes('delete');
  // A command acts on the record alone: the person who runs it need not be allowed to observe images.
  if (scope === 'all' || isByCommand(triggers) || !(moved || isWide)) return scope;
  if (blockers.length > MAX_BLOCKERS_WITH_PUSH) return isWide ? 'all' : scope;
  return [...new Set([...scope, ...blockers.map((blocker) => blocker.digest)])];
}
