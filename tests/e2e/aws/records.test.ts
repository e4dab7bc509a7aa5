// Records that are lost, or restored from an older copy, while the registry still has our locks.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createTable } from '../../../aws/function/records.ts';
import { allowing } from '../../../local/aws/principals.ts';
import type { GateRecord } from '../../../shared/gate/record.ts';
import { CRITICAL, HOUR, REPOSITORY, type Stage, stage } from './stage.ts';

/** The records of the stack's table. */
function recordsOf({ cloud, graph }: Stage) {
  const administrator = cloud.principals.add('arn:aws:iam::123456789012:role/admin', [allowing('dynamodb:*')]);
  const client = new DynamoDBClient(cloud.clientConfig(administrator));
  onTestFinished(() => client.destroy());
  const { tableName } = graph.outputs['aws'] as { readonly tableName: string };
  const { records } = createTable(client, tableName);
  const gateOf = (repository: string) => ({ registry: '123456789012', repository });
  return {
    async read(repository = REPOSITORY): Promise<GateRecord> {
      const { value } = await records.load(gateOf(repository));
      if (value === undefined) throw new Error(`${repository} has no record`);
      return value;
    },
    async lose(repository = REPOSITORY): Promise<void> {
      const { version } = await records.load(gateOf(repository));
      await records.remove(gateOf(repository), version);
    },
    async restore(older: GateRecord): Promise<void> {
      const { version } = await records.load(older.gate);
      await records.save(older, version);
    },
  };
}

/** A repository that was closed, and whose finding has disappeared without proof. */
async function closedStage() {
  const staged = await stage();
  const pushed = await staged.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
  await staged.runUntilIdle();
  staged.cloud.inspector.forget(pushed.arn);
  const records = recordsOf(staged);
  return { ...staged, ...pushed, records };
}

describe('a lost record', () => {
  test('the gate stays closed and is announced, until a scan of each image proves that it is clean', async () => {
    const { cloud, digest, records, sweep, runUntilIdle, isClosed, lastDecision, notified, pull } = await closedStage();
    await records.lose();
    await sweep();
    expect([isClosed(), lastDecision().to, await pull('v1')]).toEqual([true, 'unexplained', 'refused']);
    await sweep();
    expect(lastDecision()).toMatchObject({ action: 'nothing', to: 'unexplained' });
    cloud.clock.advance(HOUR);
    cloud.inspector.scanned(REPOSITORY, digest);
    cloud.clock.advance(HOUR);
    await sweep();
    await runUntilIdle();
    expect([isClosed(), lastDecision().action, await pull('v1')]).toEqual([false, 'opened', 'pulled']);
    expect(notified()).toEqual(['closed', 'unexplained', 'opened']);
    expect(cloud.notices[1]?.message).toContain('and the record does not say why');
  });

  test('the gate is closed for what the scanner still reports', async () => {
    const staged = await stage();
    const { pushVulnerable, runUntilIdle, sweep, isClosed, lastDecision } = staged;
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    const records = recordsOf(staged);
    await records.lose();
    await sweep();
    expect([isClosed(), lastDecision()]).toMatchObject([true, { action: 'closed', to: 'closed' }]);
    expect((await records.read()).unexplainedSince).toBeDefined();
  });

  test('a clean repository with the lock of another deployment is logged, and the lock stays', async () => {
    const { cloud, sweep, lines, policy } = await stage();
    const text =
      '{"Version":"2012-10-17","Statement":[{"Sid":"Pullgate0123456789ab","Effect":"Deny","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}';
    cloud.ecr.createRepository(REPOSITORY, { policyText: text });
    await sweep();
    expect(lines('otherLocks')).toMatchObject([
      { id: 'Pullgate0123456789ab', repositories: 1, examples: [REPOSITORY] },
    ]);
    expect(policy()).toBe(text);
  });
});

describe('an older record', () => {
  test('from before the closing opens nothing without proof', async () => {
    const { records, sweep, isClosed, lastDecision } = await closedStage();
    const { gate, since } = await records.read();
    await records.restore({ gate, since, state: { kind: 'open' }, blockers: [], omittedBlockers: 0, pending: [] });
    await sweep();
    expect([isClosed(), lastDecision().to]).toEqual([true, 'unexplained']);
  });
});
