// The dependencies of an invocation: the core's ports, built from the clients and the settings.

import type { Instant } from '../../shared/policy/finding.ts';
import { policiesOf } from '../../shared/policy/rule.ts';
import type { DeliveryPorts } from '../../shared/reconcile/deliver.ts';
import type { Ports } from '../../shared/reconcile/ports.ts';
import { imagesChooser } from '../../shared/reconcile/rules.ts';
import type { Decision } from '../../shared/report/decision.ts';
import { decisionLine } from '../../shared/report/log-line.ts';
import { limitedTo } from '../../shared/runtime/concurrency.ts';
import type { Snapshot } from './attribute-lock.ts';
import type { Clients } from './clients.ts';
import { createCveDetails, NO_DETAILS, withDetails } from './cve-details.ts';
import { createScanner, type Scanner } from './findings.ts';
import { type Log, MAX_LINE_CHARACTERS } from './log.ts';
import { createNotifier, createSender, recipientsOf } from './notify.ts';
import { createQueue } from './queue.ts';
import { createTable } from './records.ts';
import { createRegistries, type ResolvedRegistry } from './registries.ts';
import { type AzureRegistry, createRegistry, type PortOptions } from './registry.ts';
import type { RegistryId } from './registry-id.ts';
import type { Settings } from './settings.ts';

export interface Dependencies {
  readonly settings: Settings;
  readonly clients: Clients;
  readonly now: () => Instant;
}

const CLOUD_LOG = { cloud: 'azure', maxCharacters: MAX_LINE_CHARACTERS } as const;

/** The ports of the stack's registries, and everything else that an invocation needs. */
export function createAdapters(dependencies: Dependencies) {
  const { settings, clients, now } = dependencies;
  const table = createTable(clients.table);
  const group = settings.cveDetails?.managementGroupId;
  const details = group === undefined ? NO_DETAILS : createCveDetails(clients.queryGraph, group, now);
  const reporting = createScanner(clients.logs, settings.workspaceId, settings.findingsQuery, ...policiesOf(settings));
  const scanner = withDetails(reporting, details);
  const registries = createRegistries(clients, settings, now);
  const registryAt = keepRegistries(dependencies, scanner);
  const inTurn = limitedTo(1);
  return {
    table,
    details,
    scanner,
    registries,
    registryAt,
    queue: createQueue(clients.queues, settings.queueUrl, settings.poisonQueueUrl),
    pause: table.row('pause'),

    /** The stack's registry with this id. Undefined if no registry of the stack has it. */
    async registryOfStack(id: RegistryId): Promise<AzureRegistry | undefined> {
      const resolved = await registries.find(id);
      return resolved === undefined ? undefined : registryAt(resolved);
    },

    /** The ports that deliver pending notices. */
    deliveryWith: (log: Log): DeliveryPorts => ({
      ...createSender(clients.mail, recipientsOf(settings), log),
      pendingGates: table.pending,
      records: table.records,
      now,
    }),

    /** The ports for one gate. The log line of its decision contains the time since `startedAt`. */
    portsFrom(startedAt: Instant, registry: AzureRegistry, log: Log, how?: PortOptions): Ports<Snapshot> {
      return {
        registry: registry.port(how),
        records: table.records,
        brake: table.row('brake'),
        inTurn,
        notify: createNotifier(clients.mail, recipientsOf(settings), log),
        log: (decision: Decision) => log(decisionLine(CLOUD_LOG, decision, Date.parse(now()) - Date.parse(startedAt))),
        now,
      };
    },
  };
}

export type Adapters = ReturnType<typeof createAdapters>;

/** Keeps what is known about a registry's images until the registry is resolved again. */
function keepRegistries({ settings, clients, now }: Dependencies, scanner: Scanner) {
  const imagesOf = imagesChooser(settings);
  const kept = new Map<string, AzureRegistry>();
  return (resolved: ResolvedRegistry): AzureRegistry => {
    const before = kept.get(resolved.id);
    if (before?.resolved === resolved) return before;
    const client = clients.registry(resolved.loginServer);
    const registry = createRegistry({ resolved, client, scanner, imagesOf, now });
    kept.set(resolved.id, registry);
    return registry;
  };
}
