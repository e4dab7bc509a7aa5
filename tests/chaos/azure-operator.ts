// The person who runs commands on the local Azure, with the roles that the commands need.
import { createClients } from '../../azure/function/clients.ts';
import { createAzureClient } from '../../cli/stack/azure-client.ts';
import type { Client } from '../../cli/stack/client.ts';
import type { LocalAzure } from '../../local/azure/cloud.ts';
import type { Grant } from '../../local/azure/grant.ts';
import type { Graph } from '../../local/graph.ts';
import { REGISTRY } from './azure-world.ts';
import { stackOf } from './people.ts';

/** Returns a function that creates the commands' client for a deployed graph. */
export function operatorOf(cloud: LocalAzure, graph: Graph): (deployed: Graph) => Promise<Client> {
  const operator = cloud.principals.add('operator', grantsOf(graph));
  return async (deployed) => {
    const { azure } = await stackOf(deployed);
    if (azure === undefined) throw new Error('the stack is on Azure');
    const sdk = createClients(azure, operator, cloud.clientOptions);
    return createAzureClient(azure, () => cloud.clock.now().toISOString(), sdk);
  };
}

function grantsOf(graph: Graph): readonly Grant[] {
  const idOf = (type: string, nameEnd = '') =>
    graph.resources.find((resource) => resource.type === type && resource.name.endsWith(nameEnd))?.id ?? '';
  const roleOf = (nameEnd: string) => idOf('azure-native:authorization:RoleDefinition', nameEnd);
  return [
    { role: 'Storage Table Data Contributor', scope: idOf('azure-native:storage:Table') },
    { role: roleOf('gatekeeper'), scope: REGISTRY },
    { role: roleOf('mail-sender'), scope: idOf('azure-native:communication:CommunicationService') },
  ];
}
