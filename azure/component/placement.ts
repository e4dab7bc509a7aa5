// Where the component's resources are created: the subscription, which must be the one of the registries, the resource
// group and the workspace. Also the component's id, which makes names unique.
import { createHash } from 'node:crypto';
import * as authorization from '@pulumi/azure-native/authorization/index.js';
import * as operationalinsights from '@pulumi/azure-native/operationalinsights/index.js';
import * as operationsmanagement from '@pulumi/azure-native/operationsmanagement/index.js';
import * as resources from '@pulumi/azure-native/resources/index.js';
import * as pulumi from '@pulumi/pulumi';

/** The parts of an ARM id that begins with a subscription and a resource group. */
export interface ArmId {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** The last segment. */
  readonly name: string;
}

/** @throws Error that contains the id and the expected form */
export function parseArmId(id: string): ArmId {
  const [, subscriptionId, resourceGroup, name] =
    /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/(?:[^/]+\/)+([^/]+)$/i.exec(id) ?? [];
  if (subscriptionId === undefined || resourceGroup === undefined || name === undefined) {
    throw new Error(`expected an ARM id (/subscriptions/GUID/resourceGroups/RG/providers/...), got "${id}"`);
  }
  return { subscriptionId, resourceGroup, name };
}

/**
 * One line for each id that is not in the stack's subscription; empty if all are. An automation receives only the
 * events of its own subscription, and its scope is at most one subscription.
 * Source: https://learn.microsoft.com/azure/defender-for-cloud/workflow-automation
 */
export function strangers(subscriptionId: string, ids: readonly string[]): readonly string[] {
  return ids.flatMap((id) => {
    const other = parseArmId(id).subscriptionId;
    return other.toLowerCase() === subscriptionId.toLowerCase()
      ? []
      : [`${id} is in subscription ${other}, but this stack is in ${subscriptionId}`];
  });
}

/**
 * The subscription that the provider is configured for. Every other resource depends on the check, so that nothing is
 * created in the wrong subscription.
 *
 * @param ids the resources that must be in the same subscription
 */
export function findSubscription(
  ids: pulumi.Input<pulumi.Input<string>[]>,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const { subscriptionId } = authorization.getClientConfigOutput({ parent });
  return pulumi.all([subscriptionId, ids]).apply(([own, known]) => {
    refuseStrangers(own, known);
    return own;
  });
}

/**
 * Checks the subscription before any resource is created, so that a wrong one is reported once. If only the component
 * checked it, each of its resources would fail with the same error.
 *
 * @throws RunError that lists each id in another subscription
 */
export async function checkSubscription(ids: readonly string[]): Promise<void> {
  const { subscriptionId } = await authorization.getClientConfig();
  refuseStrangers(subscriptionId, ids);
}

/** @throws RunError that lists each id in another subscription */
export function refuseStrangers(subscriptionId: string, ids: readonly string[]): void {
  const found = strangers(subscriptionId, ids);
  if (found.length === 0) return;
  const advice =
    'Defender sends events only within one subscription. Use one stack per subscription, each with its own azure-native:subscriptionId and registries.';
  throw new pulumi.RunError([...found, advice].join('\n'));
}

/** The resource group of the component, in the provider's location. */
export function createResourceGroup(
  name: string,
  subscriptionId: pulumi.Output<string>,
  parent: pulumi.Resource,
): resources.ResourceGroup {
  // No argument of the resource group needs the subscription, but it must not be created in the wrong one either.
  const dependsOn = subscriptionId.apply((): pulumi.Resource[] => []);
  return new resources.ResourceGroup(`${name}-group`, {}, { parent, dependsOn });
}

/** Where the component's resources are created. */
export interface Placement {
  readonly subscriptionId: pulumi.Output<string>;
  readonly resourceGroupName: pulumi.Output<string>;
  readonly location: pulumi.Output<string>;
}

/**
 * The component's id: letters and digits for names that must be unique in the world or in the tenant. It is a hash of
 * the resource group's ARM id, without regard to case. Pulumi made up the group's name once and keeps it in its state,
 * so the id survives a renamed or moved stack.
 *
 * @example toId('/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/group1a2b3c4d') // '3d6ad2dfcced'
 */
export function toId(resourceGroupId: string): string {
  return createHash('sha256').update(resourceGroupId.toLowerCase()).digest('hex').slice(0, 12);
}

export interface Workspace {
  readonly id: pulumi.Output<string>;
  /** The GUID that queries use for the workspace. */
  readonly customerId: pulumi.Output<string>;
  /** The resources that must exist before findings are exported to the workspace. */
  readonly ready: readonly pulumi.Resource[];
}

/**
 * The workspace for findings and log lines: either the given one, which is not changed, or a new one with the solution
 * that creates the tables of the findings.
 * Source: https://learn.microsoft.com/azure/defender-for-cloud/continuous-export
 */
export function createWorkspace(
  name: string,
  placement: Placement,
  given: { readonly workspaceId?: pulumi.Output<string> | undefined; readonly logRetentionDays: number },
  parent: pulumi.Resource,
): Workspace {
  const { resourceGroupName, location } = placement;
  if (given.workspaceId !== undefined) {
    const id = given.workspaceId.apply(parseArmId);
    const found = operationalinsights.getWorkspaceOutput(
      { resourceGroupName: id.resourceGroup, workspaceName: id.name },
      { parent },
    );
    return { id: given.workspaceId, customerId: found.customerId, ready: [] };
  }
  const workspace = new operationalinsights.Workspace(
    `${name}-workspace`,
    { resourceGroupName, location, sku: { name: 'PerGB2018' }, retentionInDays: given.logRetentionDays },
    { parent },
  );
  const solutionName = pulumi.interpolate`SecurityCenterFree(${workspace.name})`;
  const solution = new operationsmanagement.Solution(
    `${name}-security-solution`,
    {
      resourceGroupName,
      location,
      solutionName,
      plan: { name: solutionName, publisher: 'Microsoft', product: 'OMSGallery/SecurityCenterFree', promotionCode: '' },
      properties: { workspaceResourceId: workspace.id },
    },
    { parent },
  );
  return { id: workspace.id, customerId: workspace.customerId, ready: [solution] };
}
