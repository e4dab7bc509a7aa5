// The AWS ports that ticks and sweeps need.
import { hasOurs } from '../../shared/reconcile/owner.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import type { SweepPorts } from '../../shared/reconcile/sweep.ts';
import type { Adapters, Dependencies } from './adapters.ts';
import { createStackNotifier } from './notify.ts';
import { isThrottled } from './pace.ts';
import { UNSCANNED_ADVICE } from './unscanned-advice.ts';

/** Creates the ports for a sweep of one account's registry. */
export function createSweepPorts(
  { settings, clients, log, now }: Dependencies,
  { table, images, scanner, queue, lock }: Adapters,
  rules: Rules,
): SweepPorts {
  const { accountId: registry, hash: settingsHash, sweepHours } = settings;
  return {
    state: table.row('sweep'),
    brake: table.row('brake'),
    rules,
    sweepHours,
    settingsHash,
    scannerHealth: scanner.health,
    unscanned: {
      images: scanner.unscannedImages,
      hours: settings.unscannedHours,
      advice: UNSCANNED_ADVICE,
      row: table.row('unscanned'),
      notify: createStackNotifier(clients.sns, settings.topicArn, { change: 'unscanned', registry }),
    },
    repositoriesWithFindings: async () =>
      [...(await scanner.repositoriesWithFindings())].map((repository) => ({ registry, repository })),
    gatesWithRecord: () => table.gates(registry),
    waiting: (limit) => table.waiting(registry, limit),
    gatesDue: (at, limit) => table.due(registry, at, limit),
    round: table.row('locks'),
    search: {
      place: table.row('search'),
      repositories: async () => (await images.repositories()).map((repository) => ({ registry, repository })),
      async read(gate) {
        const reading = await lock.read(gate);
        return { isOurs: reading !== undefined && hasOurs(reading), others: reading?.otherLocks ?? [] };
      },
    },
    lockedGates: (after) => table.locked(registry, after),
    // A statement in another form may let pulls through. A new config does not matter here: it starts a sweep.
    isUnlocked: async (gate) => (await lock.read(gate))?.lock !== 'current',
    isThrottled,
    sendRequests: (gates, trigger) =>
      queue.sendRequests(
        gates.map(({ repository }) => repository),
        trigger,
      ),
    log,
    now,
  };
}
