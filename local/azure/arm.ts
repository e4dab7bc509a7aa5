// The part of Azure Resource Manager that the code calls: reads a registry's properties, the plans of Defender, and who
// has which role.
// Source: https://learn.microsoft.com/rest/api/containerregistry/registries/get
import type { AcrWorld, RegistryWorld } from './acr.ts';
import { readAuthorization } from './arm-authorization.ts';
import type { RunningPlans } from './defender-plans.ts';
import { failure } from './failure.ts';
import type { Principals } from './principals.ts';
import { GRAPH_PATH, type ResourceGraph } from './resource-graph.ts';
import type { Roles } from './roles.ts';
import type { Service, Step } from './service.ts';
import { json, type WireRequest } from './wire.ts';

export const ARM_HOST = 'management.azure.com';
const AUDIENCES = ['https://management.azure.com', 'https://management.core.windows.net'];
const REGISTRY =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.ContainerRegistry\/registries\/[^/]+$/i;

/** What Resource Manager knows. */
export interface ArmWorld {
  readonly acr: AcrWorld;
  readonly principals: Principals;
  readonly roles: Roles;
  readonly location: string;
  readonly graph: ResourceGraph;
  readonly plans: RunningPlans;
}

export function createArm(world: ArmWorld): Service {
  const { principals, graph } = world;
  return {
    name: 'arm',
    read(request) {
      const id = decodeURIComponent(request.url.pathname);
      return id === GRAPH_PATH ? graph.read(request) : readResource(world, request, id);
    },
    authenticate: (request) => principals.authenticate(request, AUDIENCES),
    refuse: ({ status, code, message, headers }) => json(status, { error: { code, message } }, headers),
  };
}

function readResource(world: ArmWorld, request: WireRequest, id: string): Step {
  const { method, url } = request;
  const step =
    method === 'GET'
      ? (readRegistry(world, id) ?? world.plans.read(id) ?? readAuthorization(world.roles, request, id))
      : undefined;
  if (step === undefined) throw new Error(`the local Resource Manager has no ${method} ${id}`);
  if (url.searchParams.get('api-version') === null)
    throw failure(400, 'MissingApiVersionParameter', 'The api-version query parameter (?api-version=) is required.');
  return step;
}

function readRegistry({ acr, location }: ArmWorld, id: string): Step | undefined {
  if (!REGISTRY.test(id)) return undefined;
  return {
    operation: 'GetRegistry',
    input: { id },
    needs: [{ action: 'Microsoft.ContainerRegistry/registries/read', data: false, scope: id }],
    run() {
      const registry = acr.byId(id);
      if (registry === undefined) throw failure(404, 'ResourceNotFound', `The Resource '${id}' was not found.`);
      return json(200, registryIn(registry, location));
    },
  };
}

/** Only a registry of the Premium tier can be closed to the Internet. */
function registryIn({ id, name, loginServer, roleMode, onlyFrom, hasFirewall }: RegistryWorld, location: string) {
  const isPublic = onlyFrom === undefined;
  const tier = isPublic ? 'Standard' : 'Premium';
  return {
    id,
    name,
    type: 'Microsoft.ContainerRegistry/registries',
    location,
    sku: { name: tier, tier },
    properties: {
      loginServer,
      provisioningState: 'Succeeded',
      adminUserEnabled: false,
      roleAssignmentMode: roleMode,
      publicNetworkAccess: isPublic || hasFirewall ? 'Enabled' : 'Disabled',
      networkRuleSet: { defaultAction: hasFirewall ? 'Deny' : 'Allow', ipRules: [] },
    },
  };
}
