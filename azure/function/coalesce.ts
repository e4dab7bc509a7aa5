// Groups requests by gate. All requests that arrive while a gate is reconciled share one more reconciliation.

import { gateKey } from '../../shared/gate/gate.ts';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import type { Result } from '../../shared/reconcile/result.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import type { Log } from './log.ts';
import type { AzureRegistry } from './registry.ts';
import type { SeenImages } from './seen-images.ts';

/** A gate to reconcile, with everything that its reconciliation needs. */
export interface Job {
  readonly request: ReconcileRequest;
  readonly registry: AzureRegistry;
  readonly rules: Rules;
  readonly log: Log;
  /** Observations of the repository's images that were made just before. */
  readonly seen?: SeenImages | undefined;
}

/** A reconciliation that has not started, and its result. */
interface Next {
  job: Job;
  readonly result: Promise<Result>;
}

/**
 * Runs one reconciliation of a gate at a time. A job that arrives meanwhile joins the next reconciliation. That one
 * starts later than the job arrived, so nothing is missed.
 */
export function coalesceByGate(reconcileGate: (job: Job) => Promise<Result>): (job: Job) => Promise<Result> {
  const running = new Map<string, Promise<unknown>>();
  const waiting = new Map<string, Next>();

  function start(key: string, job: Job): Promise<Result> {
    const result = reconcileGate(job);
    const ended: Promise<unknown> = result
      .catch(() => {})
      .then(() => {
        // A waiting reconciliation starts a moment later, and no other may start before it.
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
      // The latest job replaces the earlier one: its rules include the latest pause, and its invocation, which owns the
      // log, has the most time left.
      joined.job = { ...job, request: together(joined.job.request, job.request), seen: undefined };
      return joined.result;
    }
    const result = before.then(() => {
      waiting.delete(key);
      return start(key, next.job);
    });
    // Observations from before the wait are stale when it ends.
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
