// Checks each registry of a stack: whether the function can reach it, and its role mode.
import type { Registry } from '@azure/arm-containerregistry';
import { type AzureTest, type NamedRegistry, runCheck } from './azure-check.ts';
import type { TestLine, TestResult } from './self-test.ts';

export const REGISTRY_ROLE = 'Reader on the registry';
const MODES: Readonly<Record<string, string>> = {
  LegacyRegistryPermissions: 'rbac',
  AbacRepositoryPermissions: 'abac',
};

/** `rbac` or `abac`, or the registry's own word for another mode. A registry without one is of the older kind. */
export function roleModeOf({ roleAssignmentMode = 'LegacyRegistryPermissions' }: Registry): string {
  return MODES[roleAssignmentMode] ?? roleAssignmentMode;
}

/** Two lines: the network and the role mode. */
export function checkRegistry(
  { stack: { subnetId, registryRoles } }: AzureTest,
  { name, describe }: NamedRegistry,
): Promise<readonly TestLine[]> {
  return Promise.all([
    runCheck({ check: 'network', what: `${name}: network` }, REGISTRY_ROLE, async () =>
      judgeNetwork(await describe(), subnetId),
    ),
    runCheck({ check: 'roleMode', what: `${name}: role mode` }, REGISTRY_ROLE, async () =>
      judgeMode(roleModeOf(await describe()), registryRoles),
    ),
  ]);
}

/** Azure Functions is not among the services that a registry's firewall trusts. */
function judgeNetwork(
  { publicNetworkAccess = 'Enabled', networkRuleSet }: Registry,
  subnetId: string | undefined,
): TestResult {
  const obstacle =
    publicNetworkAccess !== 'Enabled'
      ? 'public network access is disabled'
      : networkRuleSet?.defaultAction === 'Deny'
        ? 'its firewall denies addresses that no rule allows'
        : undefined;
  if (obstacle === undefined) return { state: 'ok', found: 'open to the Internet, so the function reaches it' };
  if (subnetId === undefined) {
    const toDo = `Give the registry a private endpoint, set pullgate:azure.subnetId to a subnet that reaches it, and run pulumi up.`;
    return { state: 'failed', found: `${obstacle}, and the function is in no subnet`, toDo };
  }
  const toDo = `This check cannot test it: see that the subnet ${subnetId} has a route to the registry and resolves its name.`;
  return { state: 'warning', found: `${obstacle}: the function must reach it from its subnet`, toDo };
}

function judgeMode(mode: string, configured: string): TestResult {
  if (mode === configured) return { state: 'ok', found: `${mode}, as configured` };
  const toDo = Object.values(MODES).includes(mode)
    ? `Set pullgate:azure.registryRoles to ${mode} and run pulumi up. Registries with different role modes need separate stacks.`
    : 'pullgate does not support this mode. Remove the registry from pullgate:azure.registries, or change its mode.';
  return { state: 'failed', found: `${mode}, but the stack is configured for ${configured}`, toDo };
}
