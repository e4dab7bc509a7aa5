// What a tick and a sweep need of Azure.
import type { Gate } from '../../shared/record.ts';
import type { Rules } from '../../shared/rules.ts';
import type { SweepPorts } from '../../shared/tick.ts';
import type { RegistryPlace } from './registries.ts';
import type { Parts, Worker } from './work.ts';

/** The ports of a sweep of the stack's registries. */
export function sweepPortsOf(
  { settings, now }: Worker,
  { table, scanner, registries, queue }: Parts,
  rules: Rules,
  log: SweepPorts['log'],
): SweepPorts {
  const { hash: settingsHash, sweepHours } = settings;
  return {
    state: table.row('sweep'),
    brake: table.row('brake'),
    rules,
    sweepHours,
    settingsHash,
    async blindness() {
      const places = await registries.all();
      return places.find(({ problem }) => problem !== undefined)?.problem ?? scanner.blindness(now());
    },
    async repositoriesWithFindings() {
      const gates: Gate[] = [];
      for (const place of await registries.all()) gates.push(...(await gatesOf(place)));
      return gates;
    },
    gatesWithRecord: () => table.gates(),
    waiting: table.waiting,
    askForLooks: queue.askForLooks,
    tickFacts: async () => ({ poison: await queue.buried() }),
    log,
    now,
  };

  async function gatesOf(place: RegistryPlace): Promise<readonly Gate[]> {
    const repositories = await scanner.repositoriesWithFindings(place);
    return [...repositories].map((repository) => ({ registry: place.id, repository }));
  }
}
