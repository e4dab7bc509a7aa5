// The Query API, as the SDK's own client calls it.
import { LogsQueryClient } from '@azure/monitor-query';
import { describe, expect, it } from 'vitest';
import type { LocalAzure } from '../../../local/azure/cloud.ts';
import { REGISTRY } from './fixture-graph.ts';
import { start } from './start.ts';

const QUERY =
  'SecurityRecommendation | project TimeGenerated, Name = RecommendationName, IsSnapshot, RecommendationAdditionalData, Length = array_length(RecommendationAdditionalData.CvesDetails)';

async function cloudWithRows(count = 1): Promise<LocalAzure> {
  const cloud = await start();
  cloud.workspace.ingestionDelayMilliseconds = 0;
  for (let n = 0; n < count; n++) await assess(cloud, `package-${n}`);
  return cloud;
}

function assess(cloud: LocalAzure, name: string) {
  return cloud.defender.assess({
    registry: REGISTRY,
    repository: 'team/app',
    digest: `sha256:${'a'.repeat(64)}`,
    package: name,
    cves: [{ id: 'CVE-2026-0001', severity: 'High' }],
    details: 'rich',
  });
}

function clientOf(cloud: LocalAzure, options: { readonly role?: string; readonly retries?: number } = {}) {
  const { role = 'Log Analytics Reader', retries = 0 } = options;
  const [, , subscription] = REGISTRY.split('/');
  const credential = cloud.principals.add(`reader ${role}`, [{ role, scope: `/subscriptions/${subscription}` }]);
  const client = new LogsQueryClient(credential, { ...cloud.clientOptions, retryOptions: { maxRetries: retries } });
  return (query = QUERY, timespan = { duration: 'P1D' }, workspace = cloud.customerId) =>
    client.queryWorkspace(workspace, query, timespan, { serverTimeoutInSeconds: 60 });
}

describe('a query', () => {
  it('returns columns and rows in the format that the client expects', async () => {
    const cloud = await cloudWithRows();
    const result = await clientOf(cloud)();
    if (result.status !== 'Success') throw new Error(result.status);
    expect(result.tables[0]?.columnDescriptors).toEqual([
      { name: 'TimeGenerated', type: 'datetime' },
      { name: 'Name', type: 'string' },
      { name: 'IsSnapshot', type: 'bool' },
      { name: 'RecommendationAdditionalData', type: 'dynamic' },
      { name: 'Length', type: 'long' },
    ]);
    expect(result.tables[0]?.rows).toEqual([
      [
        cloud.clock.now(),
        expect.stringMatching(/^[0-9a-f-]{36}$/),
        false,
        expect.objectContaining({
          SoftwareName: 'package-0',
          CvesDetails: [expect.objectContaining({ CveId: 'CVE-2026-0001' })],
        }),
        1,
      ],
    ]);
    expect(cloud.calls.count()).toMatchObject({ 'logs:Query': 1 });
  });

  it('finds all rows of an assessment that changed twice while the clock stood still', async () => {
    const cloud = await cloudWithRows(0);
    const ids = await assess(cloud, 'package');
    await cloud.defender.setStatus(ids, 'NotApplicable');
    await cloud.defender.setStatus(ids, 'Unhealthy');
    const result = await clientOf(cloud)('SecurityRecommendation | project RecommendationState');
    if (result.status !== 'Success') throw new Error(result.status);
    expect(result.tables[0]?.rows.flat()).toEqual(['Unhealthy', 'NotApplicable', 'Unhealthy']);
  });

  it.each([
    ['PT1H', 1],
    ['PT59M', 0],
    ['P1DT2H', 1],
  ])('reads the rows of %s', async (duration, rows) => {
    const cloud = await cloudWithRows();
    cloud.clock.advance(3_600_000);
    const result = await clientOf(cloud)(QUERY, { duration });
    expect(result.status === 'Success' ? result.tables[0]?.rows.length : result.status).toBe(rows);
  });

  it('returns half of the rows and an error as a partial failure, on request', async () => {
    const cloud = await cloudWithRows(4);
    cloud.workspace.failPartially();
    const result = await clientOf(cloud)();
    expect(result).toMatchObject({ status: 'PartialFailure', partialError: { code: 'PartialError' } });
    expect(result.status === 'PartialFailure' ? result.partialTables[0]?.rows.length : 0).toBe(2);
    expect((await clientOf(cloud)()).status).toBe('Success');
  });

  it('is a partial failure if the answer is too large', async () => {
    const cloud = await cloudWithRows(3);
    cloud.workspace.maxAnswerBytes = 1_000;
    expect(await clientOf(cloud)()).toMatchObject({
      status: 'PartialFailure',
      partialError: { code: 'PartialError', details: [{ code: 'EngineError' }] },
    });
    cloud.workspace.maxAnswerBytes = 64_000_000;
    cloud.workspace.maxAnswerRows = 2;
    expect((await clientOf(cloud)()).status).toBe('PartialFailure');
  });

  it('is rejected without the role, for another workspace, and if it is invalid', async () => {
    const cloud = await cloudWithRows();
    await expect(clientOf(cloud, { role: 'AcrPull' })()).rejects.toMatchObject({
      statusCode: 403,
      code: 'InsufficientAccessError',
    });
    await expect(clientOf(cloud)(QUERY, undefined, '11111111-2222-3333-4444-555555555555')).rejects.toMatchObject({
      statusCode: 404,
    });
    await expect(clientOf(cloud)('SecurityRecommendation | project RegistryName')).rejects.toMatchObject({
      statusCode: 400,
      code: 'BadArgumentError',
    });
    await expect(clientOf(cloud)(QUERY, { duration: 'PT1.5H' })).rejects.toMatchObject({ statusCode: 400 });
  });

  it('throws or is retried if it is throttled or times out', async () => {
    const cloud = await cloudWithRows();
    cloud.faults.add({ kind: 'throttle', service: 'logs' });
    await expect(clientOf(cloud)()).rejects.toMatchObject({ statusCode: 429 });
    cloud.faults.add({ kind: 'error', status: 504, code: 'GatewayTimeout', message: 'too slow', service: 'logs' });
    await expect(clientOf(cloud)()).rejects.toMatchObject({ statusCode: 504, code: 'GatewayTimeout' });
    cloud.faults.add({ kind: 'throttle', service: 'logs' });
    expect((await clientOf(cloud, { retries: 1 })()).status).toBe('Success');
  });
});
