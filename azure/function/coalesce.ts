// Groups requests by gate: those that arrive while a gate is reconciled are one more reconciliation of it, however many
// they are.

import { gateKey } from '../../shared/gate/gate.ts';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import type { Result } from '../../shared/reconcile/result.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import type { Log } from './log.ts';
import type { AzureRegistry } from './registry.ts';
import type { SeenImages } from './seen-images.ts';

/** A gate to reconcile, with what that needs. */
export interface Job {
  readonly request: ReconcileRequest;
  readonly registry: AzureRegistry;
  readonly rules: Rules;
  readonly log: Log;
  /** What has been seen of the repository's images, right before. */
  readonly seen?: SeenImages | undefined;
}

/** A reconciliation that has not begun, and its outcome. */
interface Next {
  job: Job;
  readonly result: Promise<Result>;
}

/**
 * Reconciles a gate once at a time. A job that comes meanwhile joins the next reconciliation, which begins after it, so
 * that nothing is missed.
 */
export function coalesceByGate(reconcileGate: (job: Job) => Promise<Result>): (job: Job) => Promise<Result> {
  const running = new Map<string, Promise<unknown>>();
  const waiting = new Map<string, Next>();

  function start(key: string, job: Job): Promise<Result> {
    const result = reconcileGate(job);
    const ended: Promise<unknown> = result
      .catch(() => {})
      .then(() => {
        // A reconciliation that waits begins a moment later, and until then no other may.
        if (running.get(key) === ended && !waiting.has(key)) running.delete(key);
      });
    running.set(key, ended);
    return result;
  }

  return (job) => {
    const key = gateKey(job.request.gate);
    const before = running.get(key);
    if (before === undefined) return start(key, job);
    const joined = waiting.get(key);
    if (joined !== undefined) {
      // The latest job's rules know of the latest pause, and its invocation, whose log it is, has the most time left.
      joined.job = { ...job, request: together(joined.job.request, job.request), seen: undefined };
      return joined.result;
    }
    const result = before.then(() => {
      waiting.delete(key);
      return start(key, next.job);
    });
    // What was seen before the wait is old by then.
    const next: Next = { job: { ...job, seen: undefined }, result };
    waiting.set(key, next);
    return result;
  };
}

function together(a: ReconcileRequest, b: ReconcileRequest): ReconcileRequest {
  return {
    gate: a.gate,
    scope: a.scope === 'all' || b.scope === 'all' ? 'all' : [...new Set([...a.scope, ...b.scope])],
    triggers: [...new Set([...a.triggers, ...b.triggers])],
    namedReports: [...a.namedReports, ...b.namedReports],
  };
}
