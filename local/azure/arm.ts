// The part of Azure Resource Manager that the code calls: reads a registry's properties.
// Source: https://learn.microsoft.com/rest/api/containerregistry/registries/get
import type { AcrWorld } from './acr.ts';
import { failure } from './failure.ts';
import type { Principals } from './principals.ts';
import { GRAPH_PATH, type ResourceGraph } from './resource-graph.ts';
import type { Service } from './service.ts';
import { json } from './wire.ts';

export const ARM_HOST = 'management.azure.com';
const AUDIENCES = ['https://management.azure.com', 'https://management.core.windows.net'];
const REGISTRY =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.ContainerRegistry\/registries\/[^/]+$/i;

export function createArm(world: AcrWorld, principals: Principals, location: string, graph: ResourceGraph): Service {
  return {
    name: 'arm',
    read(request) {
      const { method, url } = request;
      const id = decodeURIComponent(url.pathname);
      if (id === GRAPH_PATH) return graph.read(request);
      if (method !== 'GET' || !REGISTRY.test(id)) throw new Error(`the local Resource Manager has no ${method} ${id}`);
      if (url.searchParams.get('api-version') === null)
        throw failure(
          400,
          'MissingApiVersionParameter',
          'The api-version query parameter (?api-version=) is required.',
        );
      return {
        operation: 'GetRegistry',
        input: { id },
        needs: [{ action: 'Microsoft.ContainerRegistry/registries/read', data: false, scope: id }],
        run() {
          const registry = world.byId(id);
          if (registry === undefined) throw failure(404, 'ResourceNotFound', `The Resource '${id}' was not found.`);
          const { name, loginServer, roleMode } = registry;
          return json(200, {
            id: registry.id,
            name,
            type: 'Microsoft.ContainerRegistry/registries',
            location,
            sku: { name: 'Standard', tier: 'Standard' },
            properties: {
              loginServer,
              provisioningState: 'Succeeded',
              adminUserEnabled: false,
              roleAssignmentMode: roleMode,
            },
          });
        },
      };
    },
    authenticate: (request) => principals.authenticate(request, AUDIENCES),
    refuse: ({ status, code, message, headers }) => json(status, { error: { code, message } }, headers),
  };
}
