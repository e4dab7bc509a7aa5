// Groups requests by gate. All requests that arrive while a gate is reconciled share one more reconciliation.

import { gateKey } from '../../shared/gate/gate.ts';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import type { Result, UnconfirmedReport } from '../../shared/reconcile/result.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import type { Log } from './log.ts';
import type { AzureRegistry } from './registry.ts';
import type { SeenImages } from './seen-images.ts';

/** A gate to reconcile, with everything that its reconciliation needs. */
export interface Job {
  readonly request: ReconcileRequest;
  readonly registry: AzureRegistry;
  /** The rules, with the latest pause: when the reconciliation starts, or for a whole repository when its job began. */
  readonly rules: () => Promise<Rules>;
  readonly log: Log;
  /** Observations of the repository's images that were made just before. */
  readonly seen?: SeenImages | undefined;
}

/**
 * The result of a job. Undefined if an earlier reconciliation has already shown what its events report. Only a retry if
 * an earlier one did not find it a moment ago.
 */
export type JobResult = Result | Awaited | undefined;

interface Awaited {
  readonly kind: 'retry';
  readonly why: string;
  readonly reports: readonly UnconfirmedReport[];
}

/** A reconciliation that has not started, with the jobs that it serves. */
interface Next {
  readonly jobs: Job[];
  readonly result: Promise<JobResult>;
}

/**
 * Runs one reconciliation of a gate at a time. A job that arrives meanwhile joins the next reconciliation. That one
 * starts later than the job arrived, so nothing is missed. It does not start if earlier ones have already observed
 * what all its jobs report, or have just looked for it in vain.
 */
export function coalesceByGate(
  reconcileGate: (job: Job) => Promise<Result>,
  shown: {
    cover(request: ReconcileRequest): boolean;
    awaited(request: ReconcileRequest): readonly UnconfirmedReport[];
  },
): (job: Job) => Promise<JobResult> {
  const running = new Map<string, Promise<unknown>>();
  const waiting = new Map<string, Next>();

  function start(key: string, jobs: readonly Job[]): Promise<JobResult> {
    const left = jobs.filter(({ request }) => !shown.cover(request));
    const awaited = left.map(({ request }) => shown.awaited(request));
    const job = awaited.every((reports) => reports.length > 0) ? undefined : together(left);
    const result = job === undefined ? Promise.resolve(retryFor(awaited.flat())) : reconcileGate(job);
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
    if (before === undefined) return start(key, [job]);
    // Observations from before the wait are stale when it ends.
    const waits: Job = { ...job, seen: undefined };
    const joined = waiting.get(key);
    if (joined !== undefined) {
      joined.jobs.push(waits);
      return joined.result;
    }
    const jobs = [waits];
    const result = before.then(() => {
      waiting.delete(key);
      return start(key, jobs);
    });
    waiting.set(key, { jobs, result });
    return result;
  };
}

function retryFor(reports: readonly UnconfirmedReport[]): Awaited | undefined {
  const [first] = reports;
  return first && { kind: 'retry', why: first.why, reports };
}

/**
 * One job for all of them. The latest job gives everything but the request, because its invocation, which owns the log,
 * has the most time left. Its rules may be older than those of the others. If it followed them, they would count last,
 * too. Undefined if there are none.
 */
function together(jobs: readonly Job[]): Job | undefined {
  const latest = jobs.at(-1);
  if (latest === undefined) return undefined;
  const requests = jobs.map(({ request }) => request);
  const scopes = requests.map(({ scope }) => scope);
  return {
    ...latest,
    request: {
      gate: latest.request.gate,
      scope: scopes.some((scope) => scope === 'all') ? 'all' : [...new Set(scopes.flat())],
      triggers: [...new Set(requests.flatMap(({ triggers }) => triggers))],
      namedReports: requests.flatMap(({ namedReports }) => namedReports),
    },
  };
}
