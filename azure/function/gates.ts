// Reconciles gates: a single one, or all gates of a repository.
import { countUndetermined, isPlainlyAllowed } from '../../shared/gate/blockers.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import type { Result } from '../../shared/reconcile/result.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import type { FunctionTrigger } from '../../shared/reconcile/trigger.ts';
import { limitedTo, mapConcurrently } from '../../shared/runtime/concurrency.ts';
import type { Adapters, Dependencies } from './adapters.ts';
import { coalesceByGate, type Job, type JobResult } from './coalesce.ts';
import { handOver, rulesForObsolete } from './handover.ts';
import { PartialAnswer } from './log-analytics.ts';
import { createSeenImages } from './seen-images.ts';
import { createShownReports } from './shown-reports.ts';

/** A repository to reconcile, with everything that its reconciliation needs. */
export type RepositoryJob = Omit<Job, 'request' | 'rules' | 'seen'> & {
  readonly rules: Rules;
  readonly repository: string;
  readonly trigger: FunctionTrigger;
};

export interface Reconcilers {
  /** Reconciles one gate. A change that the registry refuses moves to the poison queue, which raises an alarm. */
  reconcileGate(job: Job): Promise<JobResult>;
  /**
   * Reconciles all gates of a repository: its images or itself, by the configured granularity, and those that another
   * granularity left behind.
   */
  reconcileRepository(job: RepositoryJob): Promise<void>;
  /** Reconciles an image that is an index, and its children. */
  reconcileIndex(job: RepositoryJob & { readonly digest: string }): Promise<void>;
}

/** What the reconciliation of a repository needs. */
interface Context extends Dependencies, Pick<Adapters, 'table' | 'queue'> {
  readonly reconcileGate: Reconcilers['reconcileGate'];
}

interface RecordedGate {
  readonly gate: Gate;
  readonly state: string;
  readonly hasOverride: boolean;
}

const GATES_AT_ONCE = 8;
/** The host hands over up to 64 messages at once. The observation of a whole repository may be large. */
const REPOSITORIES_AT_ONCE = 12;

export function createReconcilers(dependencies: Dependencies, adapters: Adapters): Reconcilers {
  const { table, queue } = adapters;
  const shown = createShownReports();
  const reconcileNowAndRemember = async (job: Job) => {
    const startedAt = dependencies.now();
    const result = await reconcileNow(job, startedAt, adapters);
    // Only events are checked against it, and a sweep would displace what they need.
    if (job.request.namedReports.length > 0) shown.remember(job.request.gate, result, startedAt);
    return result;
  };
  const reconcileGate = coalesceByGate(reconcileNowAndRemember, {
    cover: shown.cover,
    awaited: (request) => shown.awaited(request, dependencies.now()),
  });
  const context: Context = { ...dependencies, table, queue, reconcileGate };
  const limited = limitedTo(REPOSITORIES_AT_ONCE);
  return {
    reconcileGate,
    reconcileRepository: (job) => limited(() => reconcileRepository(job, context)),
    reconcileIndex: (job) => reconcileIndex(job, context),
  };
}

async function reconcileNow(
  { request, registry, rules, log, seen }: Job,
  startedAt: Instant,
  { queue, portsFrom }: Adapters,
): Promise<Result> {
  const how = { seen, arePushed: request.triggers.includes('push') };
  const result = await reconcile(request, await rules(), portsFrom(startedAt, registry, log, how));
  const { notifyError } = result.decision;
  if (notifyError !== undefined)
    log({ kind: 'failed', ...request.gate, error: `a notice could not be sent: ${notifyError}` });
  if (result.kind === 'deadLetter') {
    log({ kind: 'refused', ...request.gate, problem: result.why });
    await queue.deadLetter({ pullgate: 'reconcile', ...request.gate, trigger: request.triggers[0] });
  }
  return result;
}

async function reconcileRepository({ repository, ...job }: RepositoryJob, context: Context): Promise<void> {
  const { settings, table, now, reconcileGate } = context;
  const repositoryGate: Gate = { registry: job.registry.resolved.id, repository };
  const recorded = await recordedGates(repositoryGate, context);
  const isByImage = settings.granularity === 'image';
  const successorOf = (digest: string): Gate => (isByImage ? { ...repositoryGate, digest } : repositoryGate);
  const obsoleteGates = recorded.flatMap(({ gate, state, hasOverride }) =>
    (gate.digest !== undefined) !== isByImage && (state !== 'open' || hasOverride) ? [gate] : [],
  );
  const successors = await handOver(obsoleteGates, successorOf, table.records, now());
  const known = [...recorded.map(({ gate }) => gate), ...successors].flatMap(({ digest }) => digest ?? []);
  if (isByImage) await reconcileImages(repositoryGate, [...new Set(known)], job, context);
  else await reconcileGate({ ...job, rules: async () => job.rules, request: requestFor(repositoryGate, job) });
  // An obsolete gate opens once its successor is closed.
  await mapConcurrently(obsoleteGates, GATES_AT_ONCE, async (gate) => {
    const rules = await rulesForObsolete(gate, successorOf, table.records, job.rules);
    await reconcileGate({ ...job, rules: async () => rules, request: requestFor(gate, job) });
  });
}

/**
 * Reconciles the known images, and those whose findings do not plainly allow them. If one answer cannot hold all
 * images, each is reconciled by a separate message.
 */
async function reconcileImages(
  repositoryGate: Gate,
  known: readonly string[],
  job: Omit<RepositoryJob, 'repository'>,
  { queue, now, reconcileGate }: Context,
): Promise<void> {
  const { repository } = repositoryGate;
  const { registry, rules, trigger, log } = job;
  const ofGate = rules.of(repositoryGate);
  const overview = await registry.overview(repository, known).catch(asTooMuch);
  if (overview === undefined) {
    const digests = await registry.digestsToObserve(repository, known);
    log({ kind: 'reconcile', ...repositoryGate, images: digests.length, each: 'alone' });
    await queue.sendRequests(
      digests.map((digest) => ({ ...repositoryGate, digest })),
      trigger,
    );
    return;
  }
  const worthObserving = [...overview.values()].filter(
    (observation) => known.includes(observation.digest) || !isPlainlyAllowed(observation, repository, ofGate, now()),
  );
  log({
    kind: 'reconcile',
    ...repositoryGate,
    images: overview.size,
    allowed: overview.size - worthObserving.length,
    ...countUndetermined([...overview.values()], repository, ofGate, now()),
  });
  const seen = createSeenImages(overview);
  await mapConcurrently(worthObserving, GATES_AT_ONCE, ({ digest }) =>
    reconcileGate({ ...job, rules: async () => rules, request: requestFor({ ...repositoryGate, digest }, job), seen }),
  );
}

async function reconcileIndex(
  { repository, digest, ...job }: RepositoryJob & { readonly digest: string },
  { reconcileGate }: Context,
): Promise<void> {
  const { registry, rules } = job;
  const digests = [digest, ...(await registry.childrenOf(repository, digest))];
  const gateOf = (one: string): Gate => ({ registry: registry.resolved.id, repository, digest: one });
  await mapConcurrently(digests, GATES_AT_ONCE, (one) =>
    reconcileGate({ ...job, rules: async () => rules, request: requestFor(gateOf(one), job) }),
  );
}

async function recordedGates(repositoryGate: Gate, { table }: Context): Promise<readonly RecordedGate[]> {
  const recorded: RecordedGate[] = [];
  for await (const { digest, ...listed } of table.gates(repositoryGate))
    recorded.push({ gate: digest === undefined ? repositoryGate : { ...repositoryGate, digest }, ...listed });
  return recorded;
}

function requestFor(gate: Gate, { trigger }: Pick<RepositoryJob, 'trigger'>): ReconcileRequest {
  return { gate, scope: 'all', triggers: [trigger], namedReports: [] };
}

/** Undefined if the answer would be too large. Each image is then observed separately. */
function asTooMuch(error: unknown): undefined {
  if (error instanceof PartialAnswer) return undefined;
  throw error;
}
