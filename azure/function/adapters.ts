// What an invocation works with: the core's ports, made of the clients and the settings.

import type { Instant } from '../../shared/policy/finding.ts';
import type { ImageObservation } from '../../shared/reconcile/observation.ts';
import type { Ports } from '../../shared/reconcile/ports.ts';
import type { PauseState } from '../../shared/reconcile/schedule.ts';
import type { Decision } from '../../shared/report/decision.ts';
import { decisionLine, type LogLine } from '../../shared/report/log-line.ts';
import { limitedTo } from '../../shared/runtime/concurrency.ts';
import type { Snapshot } from './attribute-lock.ts';
import type { Clients } from './clients.ts';
import { createScanner } from './findings.ts';
import { createNotifier } from './notify.ts';
import { createQueue } from './queue.ts';
import { createTable } from './records.ts';
import { createRegistries, type RegistryPlace } from './registries.ts';
import { type AzureRegistry, createRegistry } from './registry.ts';
import type { RegistryId } from './registry-id.ts';
import type { Settings } from './settings.ts';

export interface Dependencies {
  readonly settings: Settings;
  readonly clients: Clients;
  readonly now: () => Instant;
}

export type Log = (line: LogLine) => void;

/**
 * Application Insights takes 32,768 characters a line.
 * Source: https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete#trace
 */
const LOG = { cloud: 'azure', maxCharacters: 30_000 } as const;

/** The ports of the stack's registries, and the rest that an invocation needs. */
export function createAdapters({ settings, clients, now }: Dependencies) {
  const table = createTable(clients.table);
  const scanner = createScanner(clients.logs, settings.workspaceId, settings.findingsQuery, settings.policy);
  const registries = createRegistries(clients, settings, now);

  const inTurn = limitedTo(1);
  /** What was learnt of a registry's images is known as long as the registry's place is. */
  const known = new Map<string, AzureRegistry>();

  /** The stack's registry with this id; undefined if it is none of the stack's. */
  async function registryOfStack(id: RegistryId): Promise<AzureRegistry | undefined> {
    const place = await registries.find(id);
    return place === undefined ? undefined : registryAt(place);
  }

  function registryAt(place: RegistryPlace): AzureRegistry {
    const before = known.get(place.id);
    if (before?.place === place) return before;
    const registry = createRegistry(place, clients.registry(place.loginServer), scanner, settings.policy, now);
    known.set(place.id, registry);
    return registry;
  }

  /** The ports for one gate; the log says how long that one took. */
  function portsFrom(startedAt: Instant, registry: AzureRegistry, log: Log, seen?: Map<string, ImageObservation>) {
    const ports: Ports<Snapshot> = {
      registry: registry.port(seen),
      records: table.records,
      brake: table.row('brake'),
      inTurn,
      notify: createNotifier(clients.mail, settings, log),
      // The service takes few mails an hour: the tick puts what could not be sent into one.
      unsentNotices: 'leaveToTick',
      log: (decision: Decision) => log(decisionLine(LOG, decision, Date.parse(now()) - Date.parse(startedAt))),
      now,
    };
    return ports;
  }

  return {
    table,
    scanner,
    registries,
    registryOfStack,
    registryAt,
    portsFrom,
    queue: createQueue(clients.queues, settings.queueUrl, settings.poisonQueueUrl),
    pause: table.row<PauseState>('pause'),
  };
}

export type Adapters = ReturnType<typeof createAdapters>;
