// Helpers to reconcile a gate in a small world, and to read the outcome.

import { reconcile } from '../../../shared/reconcile/reconcile.ts';
import type { ReconcileRequest } from '../../../shared/reconcile/request.ts';
import type { Result } from '../../../shared/reconcile/result.ts';
import type { Rules } from '../../../shared/reconcile/rules.ts';
import type { Decision } from '../../../shared/report/decision.ts';
import { digest, exception, finding, GATE, policy, rules } from '../samples.ts';
import { newWorld, type World } from './world.ts';

export const VIOLATING = { findings: [finding()] };
export const EXCEPTED = rules({ policy: policy({ exceptions: [exception()] }) });

/** Reconciles the first image, as after a finding, and returns the decision. */
export async function reconcileOnce(...given: Parameters<typeof resultOnce>): Promise<Decision> {
  return (await resultOnce(...given)).decision;
}

/** Reconciles the first image, and returns the result with the decision. */
export function resultOnce(
  world: World,
  changes: Partial<ReconcileRequest> = {},
  byRules: Rules = rules(),
): Promise<Result> {
  const request: ReconcileRequest = { gate: GATE, scope: [digest(1)], triggers: ['finding'], namedReports: [] };
  return reconcile({ ...request, ...changes }, byRules, world.ports);
}

/** A world whose first image violates, and whose gate can already be closed. */
export async function violating(closed = false): Promise<World> {
  const world = newWorld();
  world.repository().images.set(digest(1), VIOLATING);
  if (closed) await reconcileOnce(world);
  world.calls.length = 0;
  world.scopes.length = 0;
  world.notices.length = 0;
  world.decisions.length = 0;
  return world;
}

export const writes = (world: World) => world.calls.filter((call) => call.startsWith('write'));
export const notified = (world: World) => world.created().map((notice) => notice.kind);
