// The ports that a tick and a sweep need on Azure.
import { isRestError } from '@azure/core-rest-pipeline';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import type { SweepPorts } from '../../shared/reconcile/sweep.ts';
import type { Adapters, Dependencies } from './adapters.ts';
import { type Attribution, attribute } from './attribution.ts';
import { describeCallError } from './errors.ts';
import type { Log } from './log.ts';
import { PartialAnswer } from './log-analytics.ts';
import type { Table } from './records.ts';
import type { Registries, ResolvedRegistry } from './registries.ts';
import type { AzureRegistry } from './registry.ts';

/** The counts of a sweep that got no list of images: at least one image is unread. */
const NOT_ANSWERED: Attribution['counts'] = { attributed: 0, gone: 0, unattributed: 0, unread: 1, assessments: [] };

/** What the queries of a sweep share. */
interface Sweep extends Adapters {
  readonly log: Log;
  /** The registries that pullgate can work with. */
  usable(): Promise<readonly ResolvedRegistry[]>;
}

/** The ports of a sweep of the stack's registries. */
export function createSweepPorts(
  { settings, now }: Dependencies,
  adapters: Adapters,
  rules: Rules,
  log: Log,
): SweepPorts {
  const { table, registries, queue } = adapters;
  const { hash: settingsHash, sweepHours, granularity } = settings;
  let usable: ReturnType<Registries['usable']> | undefined;
  // Resolved once for all ports, because a registry that cannot be resolved costs calls each time.
  const sweep: Sweep = { ...adapters, log, usable: () => (usable ??= registries.usable()) };
  return {
    state: table.row('sweep'),
    brake: table.row('brake'),
    rules,
    sweepHours,
    settingsHash,
    scannerHealth: () => scannerHealth(sweep, now()),
    repositoriesWithFindings: () => repositoriesWithFindings(sweep),
    gatesWithRecord: () => table.gates(),
    async waiting(limit) {
      // A gate that cannot be reconciled must not take the turn of another gate.
      const ids = await usableIds(sweep);
      return (await table.waiting()).filter(({ gate }) => ids.has(gate.registry)).slice(0, limit);
    },
    async gatesDue(at, limit) {
      const ids = await usableIds(sweep);
      const due = (await table.due(at)).filter(({ registry }) => ids.has(registry)).slice(0, limit);
      // If the granularity has changed, reconciling the whole repository finds the override of an image.
      return due.map(({ registry, repository, digest }) =>
        granularity === 'image' && digest !== undefined ? { registry, repository, digest } : { registry, repository },
      );
    },
    round: table.row('locks'),
    lockedGates: table.locked,
    isUnlocked: (gate) => isUnlocked(gate, sweep),
    isThrottled: (error) => isRestError(error) && error.statusCode === 429,
    sendRequests: queue.sendRequests,
    tickFacts: async () => ({ poison: await queue.deadLetterCount() }),
    log,
    now,
  };
}

/** A gate in a registry that is not one of the stack's, or has a problem, is left as it is. */
async function isUnlocked(gate: Gate, { usable, registryAt, table }: Sweep): Promise<boolean> {
  const resolved = (await usable()).find(({ id }) => id === gate.registry);
  if (resolved === undefined) return false;
  const reading = await registryAt(resolved).port().read(gate);
  if (reading !== undefined) return reading.lock === 'absent';
  // The image is gone. Once its gate is open, it needs a lock only if it is pushed again.
  return (await table.records.load(gate)).value?.state.kind !== 'open';
}

async function usableIds({ usable }: Sweep): Promise<ReadonlySet<string>> {
  return new Set((await usable()).map(({ id }) => id));
}

async function scannerHealth({ registries, scanner, table }: Sweep, now: Instant): Promise<string | undefined> {
  const [problem] = (await registries.all()).flatMap((registry) => registry.problem ?? []);
  return problem ?? scanner.health(now, await hasFindings(table));
}

async function hasFindings(table: Table): Promise<boolean> {
  // A gate that a person closed may have no findings at all.
  for await (const { state, hasOverride } of table.gates()) if (state !== 'open' && !hasOverride) return true;
  return false;
}

async function repositoriesWithFindings(sweep: Sweep): Promise<readonly Gate[]> {
  const usable = await sweep.usable();
  const gates: Gate[] = [];
  for (const registry of usable) {
    const repositories = await sweep.scanner.repositoriesWithFindings(registry);
    gates.push(...[...repositories].map((repository) => ({ registry: registry.id, repository })));
  }
  return [...gates, ...(await attributed(usable.map(sweep.registryAt), gates.length > 0, sweep))];
}

/**
 * The repositories of the images whose place no row names for certain. If one answer cannot hold them all, only the
 * other repositories are swept.
 */
async function attributed(
  usable: readonly AzureRegistry[],
  hasPlaced: boolean,
  { scanner, log }: Sweep,
): Promise<readonly Gate[]> {
  try {
    const { gates, counts, failures } = await attribute(await scanner.unplacedImages(), usable, hasPlaced);
    for (const error of new Set(failures.map(describeCallError))) log({ kind: 'failed', error });
    log({ kind: 'attribution', ...counts });
    return gates;
  } catch (error) {
    // Other errors are transient, and the next tick sweeps again.
    if (!(error instanceof PartialAnswer)) throw error;
    log({ kind: 'failed', error: describeCallError(error) });
    log({ kind: 'attribution', ...NOT_ANSWERED });
    return [];
  }
}
