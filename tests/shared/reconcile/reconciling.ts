// How the tests look at a small world through the reconcile loop, and what they ask of it.

import { type ReconcileRequest, reconcile } from '../../../shared/reconcile/reconcile.ts';
import type { Rules } from '../../../shared/reconcile/rules.ts';
import type { Decision } from '../../../shared/report/decision.ts';
import { digest, exception, finding, GATE, policy, rules } from '../samples.ts';
import { newWorld, type World } from './world.ts';

export const VIOLATING = { findings: [finding()] };
export const EXCEPTED = rules({ policy: policy({ exceptions: [exception()] }) });

/** One look at the first image, as after a finding of it. */
export function reconcileOnce(
  world: World,
  changes: Partial<ReconcileRequest> = {},
  byRules: Rules = rules(),
): Promise<Decision> {
  const hint: ReconcileRequest = { gate: GATE, scope: [digest(1)], triggers: ['finding'], activeFindings: [] };
  return reconcile({ ...hint, ...changes }, byRules, world.ports);
}

/** A world whose first image violates; closed already where asked for. */
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
export const told = (world: World) => world.notices.map((notice) => notice.kind);
