// Where the component's resources are: the subscription, checked against the registries', the resource group, the
// workspace, and what names are made of.
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

/** @throws Error that names the id and what was expected */
export function parseArmId(id: string): ArmId {
  const [, subscriptionId, resourceGroup, name] =
    /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/(?:[^/]+\/)+([^/]+)$/i.exec(id) ?? [];
  if (subscriptionId === undefined || resourceGroup === undefined || name === undefined) {
    throw new Error(`an ARM id is needed (/subscriptions/GUID/resourceGroups/RG/providers/...), not ${id}`);
  }
  return { subscriptionId, resourceGroup, name };
}

/**
 * A line for each id of another subscription than the stack's; empty if there is none. An automation gets the events of
 * its own subscription only, and its scope is at most one subscription.
 * Source: https://learn.microsoft.com/azure/defender-for-cloud/workflow-automation
 */
export function strangers(subscriptionId: string, ids: readonly string[]): readonly string[] {
  return ids.flatMap((id) => {
    const other = parseArmId(id).subscriptionId;
    return other.toLowerCase() === subscriptionId.toLowerCase()
      ? []
      : [`${id} is in the subscription ${other}, and this stack in ${subscriptionId}`];
  });
}

/**
 * The subscription that the provider is configured for. Everything else depends on it, so that nothing is created in a
 * wrong one.
 *
 * @param ids what has to be in the same subscription
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
 * Asks the provider before anything is made, so that a wrong subscription is reported once. The component by itself can
 * only let each of its resources fail.
 *
 * @throws RunError that names each id of another subscription
 */
export async function checkSubscription(ids: readonly string[]): Promise<void> {
  const { subscriptionId } = await authorization.getClientConfig();
  refuseStrangers(subscriptionId, ids);
}

/** @throws RunError that names each id of another subscription */
export function refuseStrangers(subscriptionId: string, ids: readonly string[]): void {
  const found = strangers(subscriptionId, ids);
  if (found.length === 0) return;
  const advice =
    "Events come only from the stack's own subscription: use a stack per subscription, each with azure-native:subscriptionId and its own registries.";
  throw new pulumi.RunError([...found, advice].join('\n'));
}

/** The group of everything that the component makes, at the provider's location. */
export function createResourceGroup(
  name: string,
  subscriptionId: pulumi.Output<string>,
  parent: pulumi.Resource,
): resources.ResourceGroup {
  // None of its arguments needs the subscription, and it must not be made in a wrong one either.
  const dependsOn = subscriptionId.apply((): pulumi.Resource[] => []);
  return new resources.ResourceGroup(`${name}-group`, {}, { parent, dependsOn });
}

/** Where the resources of the component are. */
export interface Placement {
  readonly subscriptionId: pulumi.Output<string>;
  readonly resourceGroupName: pulumi.Output<string>;
  readonly location: pulumi.Output<string>;
}

/**
 * Letters and digits that no other stack has: the names of storage accounts are worldwide, and may hold nothing else.
 *
 * @example markOf('acme', 'pullgate', 'prod', '00000000-1111-2222-3333-444444444444') // '57a1c0ffee42'
 */
export function markOf(organization: string, project: string, stack: string, subscriptionId: string): string {
  const seed = `${organization}/${project}/${stack}/${subscriptionId}`;
  return createHash('sha256').update(seed).digest('hex').slice(0, 12);
}

export interface Workspace {
  readonly id: pulumi.Output<string>;
  /** The GUID by which queries name it. */
  readonly customerId: pulumi.Output<string>;
  /** What has to be there before findings are exported to it. */
  readonly ready: readonly pulumi.Resource[];
}

/**
 * The workspace that findings and log lines go to: the given one, which is left as it is, or one of the stack's own,
 * with the solution that creates the findings' tables.
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
