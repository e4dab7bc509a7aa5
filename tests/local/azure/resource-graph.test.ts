// Resource Graph on the wire: the documented request and answer, pages, permissions and throttling.
import { RestError } from '@azure/core-rest-pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClients } from '../../../azure/function/clients.ts';
import type { QueryGraph } from '../../../azure/function/resource-graph.ts';
import type { Grant } from '../../../local/azure/grant.ts';
import { type Stage, startStage } from './stage.ts';

const GROUP = '/providers/Microsoft.Management/managementGroups/platform';
const queryOf = (...ids: readonly string[]) =>
  `securityresources\n| where type =~ "microsoft.security/cvedetails"\n| where name in~ (${ids.map((id) => `"${id.toLowerCase()}"`).join(', ')})\n| project id, name, properties`;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
  for (const number of [1, 2, 3]) stage.graph.cves.set({ id: `CVE-2026-100${number}`, severity: 'High', epss: 0.4 });
});
afterAll(() => stage.wire.stop());

/** Queries as a principal with these roles. */
function queryAs(...grants: readonly Grant[]): QueryGraph {
  const resources = { tableUrl: 'https://store.table.core.windows.net', tableName: 'records', mail: undefined };
  return createClients(resources, stage.addPrincipal(...grants), stage.options).queryGraph;
}

describe('a query of details by a Security Reader of the management group', () => {
  const reader = () => queryAs({ role: 'Security Reader', scope: GROUP });

  it('returns the details that are known, in the published form', async () => {
    const rows = await reader()('platform', queryOf('CVE-2026-1001', 'CVE-2026-9999'));
    expect(rows).toMatchObject([
      {
        id: '/providers/microsoft.security/cvedetails/cve-2026-1001',
        name: 'cve-2026-1001',
        properties: { cveId: 'CVE-2026-1001', severity: 'High', exploitabilityDetails: { Epss: { Score: 0.4 } } },
      },
    ]);
  });

  it('follows the skip tokens', async () => {
    stage.graph.cves.rowsPerAnswer = 1;
    const rows = await reader()('platform', queryOf('CVE-2026-1001', 'CVE-2026-1002', 'CVE-2026-1003'));
    stage.graph.cves.rowsPerAnswer = 1000;
    expect(rows.map((row) => (row as { name: string }).name)).toEqual([
      'cve-2026-1001',
      'cve-2026-1002',
      'cve-2026-1003',
    ]);
  });

  it('is retried after a throttled answer', async () => {
    stage.faults.add({ kind: 'throttle', service: 'graph' });
    expect(await reader()('platform', queryOf('CVE-2026-1001'))).toHaveLength(1);
  });

  it('does not reach another group', async () => {
    await expect(reader()('other', queryOf('CVE-2026-1001'))).rejects.toThrow(RestError);
  });
});

it.each([
  ['without a role', []],
  ['with a role on a subscription only', [{ role: 'Security Reader', scope: '/subscriptions/1' }]],
] satisfies [string, Grant[]][])('a principal %s is refused', async (_name, grants) => {
  await expect(queryAs(...grants)('platform', queryOf('CVE-2026-1001'))).rejects.toThrow('AuthorizationFailed');
});

it('a query that the local cloud does not know is refused', async () => {
  const gaps = stage.wire.gaps.length;
  const asked = queryAs({ role: 'Owner', scope: GROUP })('platform', 'resources | take 1');
  await expect(asked).rejects.toThrow('does not know the query');
  expect(stage.wire.gaps.splice(gaps)).toHaveLength(1);
});
