// The role assignments. Each has the narrowest scope that works.
import * as authorization from '@pulumi/azure-native/authorization/index.js';
import * as pulumi from '@pulumi/pulumi';
import type { CveDetailsArgs, RegistryRoles } from '../../config/args.ts';
import { parseArmId } from './placement.ts';

/**
 * The built-in roles that pullgate assigns.
 * Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
 */
export const ROLES = {
  logAnalyticsReader: '73c42c96-874c-492b-b04d-ab87d138a893',
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
  queueMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a',
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
  metricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb',
  securityReader: '39bc4728-0917-49c7-9d2c-d95423bc2eb4',
} as const;

/** One assignment of a role to the function's identity. */
export interface RoleSpec {
  /** The suffix of the resource's name. */
  readonly name: string;
  /** The GUID of a built-in role, or the ARM id of a custom role. */
  readonly role: string | pulumi.Output<string>;
  readonly scope: pulumi.Input<string>;
}

/** The permission of a custom role: actions on the registry itself, and data actions on its content. */
interface RegistryPermission {
  readonly actions: readonly string[];
  readonly dataActions: readonly string[];
}

const REGISTRIES = 'Microsoft.ContainerRegistry/registries';

/**
 * The permissions that the function needs in a registry, by the registry's role mode. It reads the registry's login
 * server and role mode (`registries/read`), and reads and changes the attributes of manifests and repositories. No
 * built-in role has exactly these permissions: Reader reads everything, AcrPush may push but not change attributes, and
 * Container Registry Repository Contributor may push and delete.
 *
 * Sources:
 * - the actions:
 * https://learn.microsoft.com/azure/role-based-access-control/permissions/containers#microsoftcontainerregistry
 * - custom roles: https://learn.microsoft.com/azure/container-registry/container-registry-rbac-custom-roles
 * - in abac mode custom roles apply, and reading metadata does not require permission to pull:
 *   https://github.com/Azure/acr/blob/main/docs/preview/abac-repo-permissions/README.md
 * - Catalog Lister, which reads no content, can log in:
 *   https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-directory-reference
 */
export const GATEKEEPER: Readonly<Record<RegistryRoles, RegistryPermission>> = {
  rbac: {
    actions: [
      `${REGISTRIES}/read`,
      // In this mode only principals that may pull can log in.
      `${REGISTRIES}/pull/read`,
      // The documentation says that permission to pull includes reading metadata. The reference lists this action for
      // it, and it allows nothing else.
      `${REGISTRIES}/metadata/read`,
      `${REGISTRIES}/metadata/write`,
    ],
    dataActions: [],
  },
  abac: {
    actions: [`${REGISTRIES}/read`],
    // content/read is not needed: the function pulls nothing, and a principal that may only list the catalog can log
    // in.
    dataActions: [`${REGISTRIES}/repositories/metadata/read`, `${REGISTRIES}/repositories/metadata/write`],
  },
};

export interface RegistryRoleArgs {
  readonly registries: readonly string[];
  readonly registryRoles: RegistryRoles;
  /** The component's id, which makes the role's name unique in the tenant. */
  readonly id: pulumi.Output<string>;
  readonly subscriptionId: pulumi.Output<string>;
}

/** Creates the custom role of the function's identity on each registry. */
export function createRegistryRole(
  name: string,
  { registries, registryRoles, id, subscriptionId }: RegistryRoleArgs,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const { actions, dataActions } = GATEKEEPER[registryRoles];
  const groups = groupsOf(registries);
  const definition = new authorization.RoleDefinition(
    `${name}-gatekeeper`,
    {
      roleName: pulumi.interpolate`pullgate gatekeeper (${id})`,
      description: 'pullgate: closes and opens images of container registries, cannot push',
      // The scope names no registry. Otherwise a change of the registries would replace the definition, and its name
      // would still be taken.
      scope: pulumi.interpolate`/subscriptions/${subscriptionId}`,
      assignableScopes: [...groups],
      permissions: [{ actions: [...actions], notActions: [], dataActions: [...dataActions], notDataActions: [] }],
    },
    { parent },
  );
  return definition.id;
}

/** The resource groups of these registries, each once, compared without regard to case. */
function groupsOf(registries: readonly string[]): readonly string[] {
  const groups = registries
    .map(parseArmId)
    .map(({ subscriptionId, resourceGroup }) => `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`);
  return [...new Map(groups.map((group) => [group.toLowerCase(), group])).values()];
}

/** The resources that the function's roles apply to. */
export interface RoleScopes {
  readonly registries: readonly string[];
  /** The ARM id of the role that reads and changes attributes. */
  readonly registryRole: pulumi.Output<string>;
  readonly workspaceId: pulumi.Output<string>;
  readonly accountId: pulumi.Output<string>;
  readonly queueId: pulumi.Output<string>;
  readonly poisonQueueId: pulumi.Output<string>;
  readonly tableId: pulumi.Output<string>;
  readonly componentId: pulumi.Output<string>;
}

/** The roles that the function and its host need, and no others. */
export function functionRoles(scopes: RoleScopes): readonly RoleSpec[] {
  return [
    ...scopes.registries.map(
      (id): RoleSpec => ({ name: `registry-${registryMark(id)}`, role: scopes.registryRole, scope: id }),
    ),
    { name: 'findings', role: ROLES.logAnalyticsReader, scope: scopes.workspaceId },
    // For the host's leases and the container of the code. No narrower role is documented for the host.
    // https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
    { name: 'host', role: ROLES.blobDataOwner, scope: scopes.accountId },
    { name: 'queue', role: ROLES.queueDataContributor, scope: scopes.queueId },
    { name: 'poison', role: ROLES.queueDataContributor, scope: scopes.poisonQueueId },
    { name: 'records', role: ROLES.tableDataContributor, scope: scopes.tableId },
    { name: 'log', role: ROLES.metricsPublisher, scope: scopes.componentId },
  ];
}

/**
 * The role that reads details of CVEs, at a management group. It includes permission to query the group.
 * Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security#security-reader
 */
export function detailsRole({ managementGroupId, assignRole: isOurs }: Required<CveDetailsArgs>): readonly RoleSpec[] {
  const scope = `/providers/Microsoft.Management/managementGroups/${managementGroupId}`;
  // The id of a built-in role that names no subscription: the scope is outside of every subscription.
  const role = pulumi.output(`/providers/Microsoft.Authorization/roleDefinitions/${ROLES.securityReader}`);
  return isOurs ? [{ name: 'details', role, scope }] : [];
}

/** A registry's name in lower case. It is globally unique and has only characters that a resource name may have. */
export function registryMark(id: string): string {
  return parseArmId(id).name.toLowerCase();
}

/** The ARM id of a built-in role, which a role assignment requires. */
export function roleId(subscriptionId: pulumi.Output<string>, role: string): pulumi.Output<string> {
  return pulumi.interpolate`/subscriptions/${subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${role}`;
}

/** Assigns one role to a managed identity. */
export function assignRole(
  name: string,
  spec: RoleSpec,
  { subscriptionId, principalId }: Readonly<Record<'subscriptionId' | 'principalId', pulumi.Output<string>>>,
  parent: pulumi.Resource,
): authorization.RoleAssignment {
  return new authorization.RoleAssignment(
    `${name}-${spec.name}-role`,
    {
      principalId,
      // Without a principal type, Azure rejects an assignment to an identity that was just created.
      // https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---assigning-a-role-to-a-new-principal-sometimes-fails
      principalType: 'ServicePrincipal',
      roleDefinitionId: typeof spec.role === 'string' ? roleId(subscriptionId, spec.role) : spec.role,
      scope: spec.scope,
    },
    { parent },
  );
}
