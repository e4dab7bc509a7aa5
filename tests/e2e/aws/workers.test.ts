// Two workers on one repository at the same time, over the real protocols.
// tests/shared/reconcile/reconcile-workers.test.ts tries every interleaving over the core's ports.
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { createAdapters } from '../../../aws/function/adapters.ts';
import type { Settings } from '../../../aws/function/settings.ts';
import type { Call } from '../../../local/aws/calls.ts';
import type { LocalAws } from '../../../local/aws/cloud.ts';
import { allowing } from '../../../local/aws/principals.ts';
import { reconcile } from '../../../shared/reconcile/reconcile.ts';
import { createRules } from '../../../shared/reconcile/rules.ts';
import { everyInterleaving, type Step, type Turn } from '../../interleavings.ts';
import { clientsOf, settingsOf } from '../../worker.ts';
import { CRITICAL, REPOSITORY, stage } from './stage.ts';

const STEPS: Readonly<Record<string, Step>> = {
  GetItem: { thing: 'record', writes: false },
  PutItem: { thing: 'record', writes: true },
  GetRepositoryPolicy: { thing: 'policy', writes: false },
  SetRepositoryPolicy: { thing: 'policy', writes: true },
  DeleteRepositoryPolicy: { thing: 'policy', writes: true },
};

/** A worker with separate credentials, whose calls wait for its turn. */
function workerOn(cloud: LocalAws, settings: Settings, name: string, digest: string) {
  const credentials = cloud.principals.add(`arn:aws:iam::123456789012:role/${name}`, [allowing('*')]);
  const clients = clientsOf(cloud, credentials);
  const now = () => cloud.clock.now().toISOString();
  const { portsFrom } = createAdapters({ settings, clients, now, log: () => {} });
  const rules = createRules(settings);
  const gate = { registry: settings.accountId, repository: REPOSITORY };
  return async (turn: Turn) => {
    const release = cloud.calls.before(async ({ accessKeyId, operation }: Call) => {
      const step = STEPS[operation];
      if (accessKeyId === credentials.accessKeyId && step !== undefined) await turn(step);
    });
    try {
      const request = { gate, scope: [digest], triggers: ['finding'] as const, namedReports: [] };
      await reconcile(request, rules, portsFrom(now()));
    } finally {
      release();
    }
  };
}

describe('two workers on one repository', () => {
  test('one closing and one opening end closed, in 40 interleavings of their calls', {
    timeout: 120_000,
  }, async () => {
    const { cloud, graph, pushVulnerable, runUntilIdle, isClosed } = await stage();
    const settings = settingsOf(graph);
    const table = new DynamoDBClient(
      cloud.clientConfig(cloud.principals.add('arn:aws:iam::123456789012:role/judge', [allowing('dynamodb:*')])),
    );
    const key = { id: { S: `gate#123456789012/${REPOSITORY}` } };
    const row = async () =>
      (await table.send(new GetItemCommand({ TableName: settings.tableName, Key: key, ConsistentRead: true }))).Item;

    const deleted = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    const closedRow = await row();
    const closedPolicy = cloud.ecr.repository(REPOSITORY).policyText;
    // One worker observes that the blocker is gone, the other observes a new blocker.
    cloud.faults.addToBus({ kind: 'lose' });
    await cloud.ecr.deleteImage(REPOSITORY, deleted.digest);
    const found = await pushVulnerable(REPOSITORY, 'v2', CRITICAL);
    const opening = workerOn(cloud, settings, 'opening', deleted.digest);
    const closing = workerOn(cloud, settings, 'closing', found.digest);

    const ends = new Set<string>();
    const interleavings = await everyInterleaving(async () => {
      cloud.ecr.repository(REPOSITORY).policyText = closedPolicy;
      await table.send(new PutItemCommand({ TableName: settings.tableName, Item: closedRow }));
      return {
        workers: [opening, closing],
        async check() {
          ends.add(`${(await row())?.['state']?.S}, ${isClosed() ? 'closed' : 'open'}`);
        },
      };
    }, 40);
    expect([...ends]).toEqual(['closed, closed']);
    expect(interleavings).toBe(40);
  });
});
