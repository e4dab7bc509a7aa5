// The local Azure's server with all its services and no stack, for the tests of the wire.
import { createAcr } from '../../../local/azure/acr.ts';
import { createAcrService } from '../../../local/azure/acr-api.ts';
import { ARM_HOST, createArm } from '../../../local/azure/arm.ts';
import { type Call, createCalls } from '../../../local/azure/calls.ts';
import { clientOptions } from '../../../local/azure/client.ts';
import { createDefenderPlans } from '../../../local/azure/defender-plans.ts';
import { createFaults } from '../../../local/azure/faults.ts';
import type { Grant } from '../../../local/azure/grant.ts';
import { createMails } from '../../../local/azure/mail.ts';
import { createAcrOciClient } from '../../../local/azure/oci-client.ts';
import type { Value } from '../../../local/azure/odata-filter.ts';
import { createPrincipals } from '../../../local/azure/principals.ts';
import type { Pull } from '../../../local/azure/pull-log.ts';
import { createQueues } from '../../../local/azure/queue.ts';
import { createResourceGraph } from '../../../local/azure/resource-graph.ts';
import { createRoles } from '../../../local/azure/roles.ts';
import { startWire } from '../../../local/azure/server.ts';
import type { Service } from '../../../local/azure/service.ts';
import { createTables } from '../../../local/azure/table.ts';
import type { Entity } from '../../../local/azure/table-entity.ts';
import { virtualClock } from '../../../local/clock.ts';

const GROUP = '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg';
export const REGISTRY_ID = `${GROUP}/providers/Microsoft.ContainerRegistry/registries/contoso`;
export const ACCOUNT_ID = `${GROUP}/providers/Microsoft.Storage/storageAccounts/store`;
export const QUEUE_ID = `${ACCOUNT_ID}/queueServices/default/queues/work`;
export const TABLE_ID = `${ACCOUNT_ID}/tableServices/default/tables/records`;
export const MAIL_ID = `${GROUP}/providers/Microsoft.Communication/CommunicationServices/mail`;
export const MAIL_HOST = 'mail.europe.communication.azure.com';
export const SENDER = 'DoNotReply@11111111.azurecomm.net';

export type Stage = Awaited<ReturnType<typeof startStage>>;

export async function startStage() {
  const clock = virtualClock();
  const roles = createRoles();
  const principals = createPrincipals(clock, roles);
  const calls = createCalls();
  const faults = createFaults();
  const crashed: Call[] = [];
  const crash = (call: Call) => Promise.resolve(void crashed.push(call));
  const wire = await startWire({ clock, principals, roles, calls, faults, crash });
  const serve = (host: string, service: Service) => wire.serve(host, service);
  const acr = createAcr(clock, ({ loginServer }) => serve(loginServer, registries));
  const pulls: Pull[] = [];
  const pullLog = { record: (pull: Pull) => void pulls.push(pull) };
  const registries = createAcrService({ clock, world: acr, principals, roles, pullLog });
  const queues = createQueues(clock, principals, serve);
  const tables = createTables(clock, principals, serve);
  const mails = createMails(clock, principals, serve);
  const graph = createResourceGraph();
  const plans = createDefenderPlans();
  serve(ARM_HOST, createArm({ acr, principals, roles, location: 'westeurope', graph, plans }));
  const queue = queues.deploy({ id: QUEUE_ID, account: 'store', name: 'work' });
  const table = tables.deploy({ id: TABLE_ID, account: 'store', name: 'records' });
  mails.deploy({ id: MAIL_ID, host: MAIL_HOST, senders: [SENDER] });
  let people = 0;
  return {
    clock,
    roles,
    principals,
    calls,
    faults,
    crashed,
    wire,
    acr,
    queue,
    table,
    mails,
    graph,
    plans,
    registry: acr.addRegistry(REGISTRY_ID),
    /** The pulls that the registry reported. */
    pulls,
    /** Tries once, so that it throws the cloud's answer. */
    options: { ...clientOptions(wire), retryOptions: { maxRetries: 0 } },
    retrying: clientOptions(wire),
    /** A new principal with these roles at these scopes. */
    addPrincipal: (...grants: readonly Grant[]) => principals.add(`principal-${++people}`, grants),
    oci: (credential: Parameters<typeof createAcrOciClient>[1]) => createAcrOciClient(wire, credential),
  };
}

/** Makes the record in a row unreadable, as an edit by hand does. */
export function breakBody(row: Entity | undefined): void {
  if (row === undefined) throw new Error('expected a row to break');
  (row.properties as Map<string, Value>).set('body0', { type: 'Edm.Binary', value: 'ZWRpdGVk' });
}
