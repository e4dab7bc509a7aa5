// Tests the diagnostic settings that send the registries' pulls to the workspace.
import { describe, expect, it } from 'vitest';
import { ARGS, counts, deploy, one, registryId, SUBSCRIPTION } from './deployment.ts';

const TYPE = 'azure-native:monitor:DiagnosticSetting';

describe('the logs of pulls', () => {
  it('are off by default', async () => {
    const deployment = await deploy();
    expect(counts(deployment)[TYPE]).toBeUndefined();
    expect(deployment.outputs.settings).not.toHaveProperty('pullLogs');
  });

  it("go from each registry to the stack's workspace, and the function knows it", async () => {
    const registries = [registryId('Contoso'), registryId('fabrikam')];
    const deployment = await deploy({ registries, pullLogs: true });
    expect(counts(deployment)).toMatchObject({ [TYPE]: 2 });
    const workspace = one(deployment, 'azure-native:operationalinsights:Workspace', 'pullgate-workspace');
    expect(one(deployment, TYPE, 'pullgate-pulls-contoso').inputs).toEqual({
      name: expect.stringMatching(/^pullgate-[0-9a-f]{12}$/),
      resourceUri: registryId('Contoso'),
      workspaceId: workspace.id,
      logs: [{ category: 'ContainerRegistryRepositoryEvents', enabled: true }],
    });
    expect(deployment.outputs.settings).toMatchObject({ pullLogs: true });
  });

  it('go to the workspace of the config if it names one', async () => {
    const workspaceId = `/subscriptions/${SUBSCRIPTION}/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/ours`;
    const deployment = await deploy({ ...ARGS, workspaceId, pullLogs: true });
    expect(one(deployment, TYPE, 'pullgate-pulls-contoso').inputs).toMatchObject({ workspaceId });
  });
});
