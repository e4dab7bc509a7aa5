// The log of pulls: which pulls have a row, and what Azure Monitor refuses.
import { describe, expect, it } from 'vitest';
import { createPullLog, diagnosticSettingsOf, type Pull } from '../../../local/azure/pull-log.ts';
import type { Row } from '../../../local/azure/tables.ts';
import type { Graph } from '../../../local/graph.ts';

const REGISTRY = '/subscriptions/1/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/Contoso';
const PULL: Pull = {
  ...{ registry: REGISTRY, loginServer: 'contoso.azurecr.io', repository: 'team/app', tag: 'v1' },
  ...{ digest: 'sha256:1', mediaType: 'application/vnd.oci.image.manifest.v1+json' },
};

function graphWith(inputs: Readonly<Record<string, unknown>>): Graph {
  const type = 'azure-native:monitor:DiagnosticSetting';
  const resource = { type, name: 'one', id: 'id', urn: 'urn', inputs, outputs: {}, dependencies: [] };
  return { resources: [resource], outputs: {} } as unknown as Graph;
}
const LOGS = [{ category: 'ContainerRegistryRepositoryEvents', enabled: true }];

describe('a diagnostic setting', () => {
  it('names a registry and a workspace', () => {
    const graph = graphWith({ resourceUri: REGISTRY, workspaceId: '/Workspaces/One', logs: LOGS });
    expect(diagnosticSettingsOf(graph)).toEqual([{ registry: REGISTRY.toLowerCase(), workspaceId: '/workspaces/one' }]);
  });

  it.each([
    ['of another resource', { resourceUri: '/subscriptions/1/providers/Microsoft.Web/sites/app', logs: LOGS }],
    [
      'of another category',
      { resourceUri: REGISTRY, logs: [{ category: 'ContainerRegistryLoginEvents', enabled: true }] },
    ],
    ['that is disabled', { resourceUri: REGISTRY, logs: [{ ...LOGS[0], enabled: false }] }],
    ['without a category', { resourceUri: REGISTRY }],
    ['of metrics', { resourceUri: REGISTRY, logs: LOGS, metrics: [] }],
  ])('%s is refused', (_what, inputs) => {
    expect(() => diagnosticSettingsOf(graphWith({ workspaceId: '/w', ...inputs }))).toThrow('the local cloud ');
  });
});

describe('the log of pulls', () => {
  const setting = (workspaceId: string, registry = REGISTRY.toLowerCase()) => ({ registry, workspaceId });
  const create = () => {
    const rows: [string, Row][] = [];
    return {
      rows,
      log: createPullLog(
        () => new Date(5),
        (id, row) => void rows.push([id, row]),
      ),
    };
  };

  it('has a row in each workspace of a setting of the registry', () => {
    const { rows, log } = create();
    log.deploy('main', [setting('/one'), setting('/two', 'another')]);
    log.deploy('second', [setting('/three')]);
    log.record(PULL);
    expect(rows.map(([id]) => id)).toEqual(['/one', '/three']);
    expect(rows[0]?.[1]).toMatchObject({
      TimeGenerated: 5,
      OperationName: 'Pull',
      _ResourceId: REGISTRY.toLowerCase(),
    });
    log.deploy('main', []);
    log.record(PULL);
    expect(rows.map(([id]) => id)).toEqual(['/one', '/three', '/three']);
  });

  it('refuses a second setting with the same workspace, and a sixth one', () => {
    const { log } = create();
    log.deploy('main', [setting('/one')]);
    expect(() => log.deploy('second', [setting('/one')])).toThrow("Conflict: Data sink '/one' is already used");
    const six = ['/1', '/2', '/3', '/4', '/5', '/6'].map((id) => setting(id));
    expect(() => create().log.deploy('main', six)).toThrow('a resource has at most 5 diagnostic settings');
  });
});
