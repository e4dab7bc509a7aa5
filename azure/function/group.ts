// Folds messages by gate: those that arrive while a gate is observed are one more look at it, however many they are.

import { gateKey } from '../../shared/gate/record.ts';
import type { ImageObservation } from '../../shared/reconcile/ports.ts';
import type { ReconcileRequest } from '../../shared/reconcile/reconcile.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import type { Decision } from '../../shared/report/decision.ts';
import type { LogLine } from '../../shared/report/log-line.ts';
import type { AzureRegistry } from './registry.ts';

/** A look at a gate, with what it needs. */
export interface Job {
  readonly request: ReconcileRequest;
  readonly registry: AzureRegistry;
  readonly rules: Rules;
  readonly log: (line: LogLine) => void;
  /** What has been seen of the repository's images, right before. */
  readonly seen?: Map<string, ImageObservation> | undefined;
}

/** An observation that has not begun, and its outcome. */
interface Next {
  job: Job;
  readonly decision: Promise<Decision>;
}

/** Observes one gate once at a time. A job that comes meanwhile joins the next observation, which begins after it, so that nothing is missed. */
export function groupByGate(reconcileGate: (job: Job) => Promise<Decision>): (job: Job) => Promise<Decision> {
  const running = new Map<string, Promise<unknown>>();
  const waiting = new Map<string, Next>();

  function start(key: string, job: Job): Promise<Decision> {
    const decision = reconcileGate(job);
    const ended: Promise<unknown> = decision
      .catch(() => {})
      .then(() => {
        // An observation that waits begins a moment later, and until then nobody else may.
        if (running.get(key) === ended && !waiting.has(key)) running.delete(key);
      });
    running.set(key, ended);
    return decision;
  }

  return (job) => {
    const key = gateKey(job.request.gate);
    const before = running.get(key);
    if (before === undefined) return start(key, job);
    const joined = waiting.get(key);
    if (joined !== undefined) {
      joined.job = { ...job, request: together(joined.job.request, job.request), seen: undefined };
      return joined.decision;
    }
    const decision = before.then(() => {
      waiting.delete(key);
      return start(key, next.job);
    });
    // What was seen before the wait is old by then.
    const next: Next = { job: { ...job, seen: undefined }, decision };
    waiting.set(key, next);
    return decision;
  };
}

function together(a: ReconcileRequest, b: ReconcileRequest): ReconcileRequest {
  return {
    gate: a.gate,
    scope: a.scope === 'all' || b.scope === 'all' ? 'all' : [...new Set([...a.scope, ...b.scope])],
    triggers: [...new Set([...a.triggers, ...b.triggers])],
    activeFindings: [...a.activeFindings, ...b.activeFindings],
  };
}
