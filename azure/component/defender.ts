// The plans of Defender for Cloud that find vulnerable images. They belong to the whole subscription, not to the stack.
import * as resources from '@pulumi/azure-native/resources/index.js';
import type * as pulumi from '@pulumi/pulumi';
import type { Placement } from './placement.ts';

/** The plan that scans registries. Only the extension for registries is named. */
const CONTAINERS = {
  type: 'Microsoft.Security/pricings',
  apiVersion: '2024-01-01',
  name: 'Containers',
  properties: {
    pricingTier: 'Standard',
    extensions: [{ name: 'ContainerRegistriesVulnerabilityAssessments', isEnabled: 'True' }],
  },
} as const;

/**
 * The free plan with the recommendations. Its "on" is `Standard`. Subscriptions created since 27 October 2026 have it
 * off. Defender refuses two changes of plans at the same time, so it waits for the other plan.
 * Sources: https://learn.microsoft.com/azure/defender-for-cloud/foundational-cspm-opt-in,
 * https://github.com/Azure/azure-powershell/issues/10842
 */
const FOUNDATIONAL_CSPM = {
  type: 'Microsoft.Security/pricings',
  apiVersion: '2024-01-01',
  name: 'FoundationalCspm',
  dependsOn: ["[subscriptionResourceId('Microsoft.Security/pricings', 'Containers')]"],
  properties: { pricingTier: 'Standard' },
} as const;

/** Sets both plans, whatever state they are in. */
export const PLANS = {
  $schema: 'https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#',
  contentVersion: '1.0.0.0',
  resources: [CONTAINERS, FOUNDATIONAL_CSPM],
} as const;

/**
 * Enables the plans by a deployment at subscription scope. A subscription has every plan from the start, and the
 * provider refuses to create what exists, while a template sets it. The plans stay enabled when the deployment is
 * deleted, because that only removes it from the history: pullgate must never disable a scanner. Pulumi makes up the
 * deployment's name, because Azure binds a name to the location of its first deployment.
 * Sources: https://learn.microsoft.com/azure/templates/microsoft.security/pricings,
 * https://learn.microsoft.com/azure/azure-resource-manager/templates/deploy-to-subscription,
 * https://learn.microsoft.com/powershell/module/az.resources/remove-azsubdeployment
 */
export function enableDefender(name: string, { location }: Placement, parent: pulumi.Resource): void {
  new resources.DeploymentAtSubscriptionScope(
    `${name}-defender`,
    { location, properties: { mode: 'Incremental', template: PLANS } },
    { parent },
  );
}
