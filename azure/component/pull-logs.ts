// The diagnostic settings that send the registries' pulls to the workspace.
import * as monitor from '@pulumi/azure-native/monitor/index.js';
import * as pulumi from '@pulumi/pulumi';
import type { Workspace } from './placement.ts';
import { registryMark } from './roles.ts';

/** Source: https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-containerregistry-registries-logs */
const CATEGORY = 'ContainerRegistryRepositoryEvents';

export interface PullLogsSpec {
  /** The component's id. It makes the setting's name unique on a registry that several stacks use. */
  readonly id: pulumi.Output<string>;
  readonly registries: readonly string[];
  readonly workspace: Pick<Workspace, 'id'>;
}

/**
 * Creates one setting for each registry. A resource has at most five settings, and no two of them may send the same
 * category to the same workspace: Azure refuses the second one with a conflict.
 * Source: https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings
 */
export function createPullLogs(
  name: string,
  { id, registries, workspace }: PullLogsSpec,
  parent: pulumi.Resource,
): void {
  for (const registry of registries)
    new monitor.DiagnosticSetting(
      `${name}-pulls-${registryMark(registry)}`,
      {
        name: pulumi.interpolate`pullgate-${id}`,
        resourceUri: registry,
        workspaceId: workspace.id,
        logs: [{ category: CATEGORY, enabled: true }],
      },
      { parent },
    );
}
