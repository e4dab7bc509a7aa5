// Reconciles gates: one, or everything that a repository has.
import { isPlainlyAllowed } from '../../shared/gate/blockers.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import type { Result } from '../../shared/reconcile/result.ts';
import type { Trigger } from '../../shared/report/decision.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import type { Adapters, Dependencies } from './adapters.ts';
import { coalesceByGate, type Job } from './coalesce.ts';
import { PartialAnswer } from './findings.ts';
import { handOver, rulesForLeft } from './handover.ts';

/** A repository to reconcile, with what that needs. */
export type RepositoryJob = Omit<Job, 'request' | 'seen'> & { readonly repository: string; readonly trigger: Trigger };

const GATES_AT_ONCE = 8;

export function createReconcilers({ settings, now }: Dependencies, { table, queue, portsFrom }: Adapters) {
  /** Reconciles one gate. What the registry refuses is moved to the poison queue, which raises an alarm. */
  const reconcileGate = coalesceByGate(async ({ request, registry, rules, log, seen }): Promise<Result> => {
    const result = await reconcile(request, rules, portsFrom(now(), registry, log, seen));
    const { notifyError } = result.decision;
    if (notifyError !== undefined)
      log({ kind: 'failed', ...request.gate, error: `a notice could not be sent: ${notifyError}` });
    if (result.kind === 'deadLetter') {
      log({ kind: 'refused', ...request.gate, problem: result.why });
      await queue.deadLetter({ pullgate: 'reconcile', ...request.gate, trigger: request.triggers[0] });
    }
    return result;
  });

  /**
   * Reconciles everything that a repository has: its images or itself, as the config's granularity says, and what
   * another granularity has left behind.
   */
  async function reconcileRepository({ repository, ...job }: RepositoryJob): Promise<void> {
    const whole: Gate = { registry: job.registry.place.id, repository };
    const recorded = await recordedGates(whole);
    const isByImage = settings.granularity === 'image';
    const successorOf = (digest: string): Gate => (isByImage ? { ...whole, digest } : whole);
    const left = recorded.flatMap(({ gate, state, hasOverride }) =>
      (gate.digest !== undefined) !== isByImage && (state !== 'open' || hasOverride) ? [gate] : [],
    );
    const heirs = await handOver(left, successorOf, table.records, now());
    const known = [...recorded.map(({ gate }) => gate), ...heirs].flatMap(({ digest }) => digest ?? []);
    if (isByImage) await reconcileImages(whole, [...new Set(known)], job);
    else await reconcileGate({ ...job, request: requestFor(whole, job) });
    // What is no longer a gate opens once what took its place is closed.
    await mapConcurrently(left, GATES_AT_ONCE, async (gate) => {
      const rules = await rulesForLeft(gate, successorOf, table.records, job.rules);
      await reconcileGate({ ...job, rules, request: requestFor(gate, job) });
    });
  }

  /**
   * Reconciles the images that are known and those with something to say. If one answer cannot hold them all, each gets
   * a message of its own.
   */
  async function reconcileImages(whole: Gate, known: readonly string[], job: Omit<RepositoryJob, 'repository'>) {
    const { repository } = whole;
    const overview = await job.registry.overview(repository, known).catch(asTooMuch);
    if (overview === undefined) {
      const digests = await job.registry.digestsToObserve(repository, known);
      job.log({ kind: 'reconcile', ...whole, images: digests.length, each: 'alone' });
      await queue.sendRequests(
        digests.map((digest) => ({ ...whole, digest })),
        job.trigger,
      );
      return;
    }
    const seen = new Map(overview);
    const worthObserving = [...seen.values()].filter(
      (observation) =>
        known.includes(observation.digest) || !isPlainlyAllowed(observation, repository, job.rules, now()),
    );
    job.log({ kind: 'reconcile', ...whole, images: seen.size, allowed: seen.size - worthObserving.length });
    await mapConcurrently(worthObserving, GATES_AT_ONCE, ({ digest }) =>
      reconcileGate({ ...job, request: requestFor({ ...whole, digest }, job), seen }),
    );
  }

  async function recordedGates(whole: Gate) {
    const recorded: { readonly gate: Gate; readonly state: string; readonly hasOverride: boolean }[] = [];
    for await (const { digest, ...listed } of table.gates(whole))
      recorded.push({ gate: digest === undefined ? whole : { ...whole, digest }, ...listed });
    return recorded;
  }

  return { reconcileGate, reconcileRepository };
}

function requestFor(gate: Gate, { trigger }: Pick<RepositoryJob, 'trigger'>): ReconcileRequest {
  return { gate, scope: 'all', triggers: [trigger], namedReports: [] };
}

/** Undefined if the answer would be too large: each image is then observed alone. */
function asTooMuch(error: unknown): undefined {
  if (error instanceof PartialAnswer) return undefined;
  throw error;
}
