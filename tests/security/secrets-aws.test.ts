// No secret that the local AWS issues is in the graph, the outputs, the log, the queues, the records, the notices, or
// the bundle.
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { allowing } from '../../local/aws/principals.ts';
import { CRITICAL, stage } from '../e2e/aws/stage.ts';
import { leaksOf, placesIn } from './leaks.ts';

test('no secret of AWS is readable after runs with every kind of result', async () => {
  const s = await stage({ maxClosesPerHour: 2 });
  const { cloud } = s;
  // A closed and an opened gate, one that waits for the brake, one that AWS refuses, and invalid messages.
  const { digest } = await s.pushVulnerable('team/app', 'v1', CRITICAL);
  await s.runUntilIdle();
  await cloud.ecr.deleteImage('team/app', digest);
  await s.runUntilIdle();
  for (const [service, operation] of [
    ['ecr', 'GetRepositoryPolicy'],
    ['inspector2', 'ListFindings'],
    ['sns', 'Publish'],
    ['dynamodb', 'GetItem'],
  ] as const)
    cloud.faults.add({ kind: 'error', status: 400, code: 'AccessDeniedException', message: 'no', service, operation });
  for (const name of ['team/two', 'team/three', 'team/four', 'team/five']) await s.pushVulnerable(name, 'v1', CRITICAL);
  cloud.queue.send('{"pullgate":"open"}');
  cloud.queue.send('no JSON');
  await s.runUntilIdle();
  await s.sweep();
  const endings = cloud.logs.map(({ json }) => json?.['action'] ?? json?.['kind']);
  expect(endings).toEqual(expect.arrayContaining(['closed', 'opened', 'waiting', 'failed', 'refused', 'scanner']));

  const judge = cloud.clientConfig(
    cloud.principals.add('arn:aws:iam::123456789012:role/judge', [allowing('dynamodb:*')]),
  );
  const outputs = s.graph.outputs['aws'] as { readonly tableName: string };
  const { Items: records } = await new DynamoDBClient(judge).send(
    new ScanCommand({ TableName: outputs.tableName, ConsistentRead: true }),
  );
  const places = {
    ...placesIn(s.graph),
    'the log': cloud.logs.map(({ text }) => text).join('\n'),
    'the notices': JSON.stringify(cloud.notices),
    'the queues': JSON.stringify([cloud.queue.messages(), cloud.deadLetters.messages()]),
    'the records': JSON.stringify(records),
  };
  expect(records?.length).toBeGreaterThan(2);
  expect(cloud.secrets.length).toBeGreaterThan(4);
  expect(leaksOf(cloud.secrets, places)).toEqual([]);
});
