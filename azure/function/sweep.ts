// What a tick and a sweep need of Azure.
import type { Gate } from '../../shared/gate/gate.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import type { SweepPorts } from '../../shared/reconcile/sweep.ts';
import type { Adapters, Dependencies } from './adapters.ts';
import { type Attribution, attribute } from './attribution.ts';
import { describeCallError } from './errors.ts';
import { PartialAnswer } from './findings.ts';
import type { RegistryPlace } from './registries.ts';
import type { AzureRegistry } from './registry.ts';

/** The counts of a sweep that got no list of images: at least one is unread. */
const NOT_ANSWERED: Attribution['counts'] = { attributed: 0, gone: 0, unattributed: 0, unread: 1, assessments: [] };

/** The ports of a sweep of the stack's registries. */
export function createSweepPorts(
  { settings, now }: Dependencies,
  { table, scanner, registries, registryAt, queue }: Adapters,
  rules: Rules,
  log: SweepPorts['log'],
): SweepPorts {
  const { hash: settingsHash, sweepHours, granularity } = settings;
  return {
    state: table.row('sweep'),
    brake: table.row('brake'),
    rules,
    sweepHours,
    settingsHash,
    async scannerHealth() {
      const places = await registries.all();
      return (
        places.find(({ problem }) => problem !== undefined)?.problem ?? scanner.health(now(), await knowsOfFindings())
      );
    },
    async repositoriesWithFindings() {
      const places = await registries.usable();
      const gates: Gate[] = [];
      for (const place of places) gates.push(...(await gatesOf(place)));
      return [...gates, ...(await attributed(places.map(registryAt)))];
    },
    gatesWithRecord: () => table.gates(),
    async waiting(limit) {
      // A gate that cannot be reconciled must not take the turn of another.
      const ids = new Set((await registries.usable()).map(({ id }) => id));
      return (await table.waiting()).filter(({ registry }) => ids.has(registry)).slice(0, limit);
    },
    async overridesDue(at, limit) {
      const ids = new Set((await registries.usable()).map(({ id }) => id));
      const due = (await table.due(at)).filter(({ registry }) => ids.has(registry)).slice(0, limit);
      // If the granularity has changed, an image's override is found by reconciling its whole repository.
      return due.map(({ registry, repository, digest }) =>
        granularity === 'image' && digest !== undefined ? { registry, repository, digest } : { registry, repository },
      );
    },
    sendRequests: queue.sendRequests,
    tickFacts: async () => ({ poison: await queue.deadLetterCount() }),
    log,
    now,
  };

  /** The repositories of images that no row places for certain. If there are too many for an answer, the rest is swept. */
  async function attributed(usable: readonly AzureRegistry[]): Promise<readonly Gate[]> {
    try {
      const { gates, counts, failures } = await attribute(await scanner.unplacedImages(), usable);
      for (const error of new Set(failures.map(describeCallError))) log({ kind: 'failed', error });
      log({ kind: 'attribution', ...counts });
      return gates;
    } catch (error) {
      // Other errors are transient: the next tick sweeps again.
      if (!(error instanceof PartialAnswer)) throw error;
      log({ kind: 'failed', error: describeCallError(error) });
      log({ kind: 'attribution', ...NOT_ANSWERED });
      return [];
    }
  }

  async function knowsOfFindings(): Promise<boolean> {
    // What a person closes may have no findings at all.
    for await (const { state, hasOverride } of table.gates()) if (state !== 'open' && !hasOverride) return true;
    return false;
  }

  async function gatesOf(place: RegistryPlace): Promise<readonly Gate[]> {
    const repositories = await scanner.repositoriesWithFindings(place);
    return [...repositories].map((repository) => ({ registry: place.id, repository }));
  }
}
