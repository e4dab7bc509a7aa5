// Refusals and injected faults as the real SDK clients see them.
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { ECRClient, GetRepositoryPolicyCommand, SetRepositoryPolicyCommand } from '@aws-sdk/client-ecr';
import { Inspector2Client, ListFindingsCommand } from '@aws-sdk/client-inspector2';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LocalAws } from '../../local/aws/cloud.ts';
import { QUEUE_URL, TOPIC } from './aws/fixture-graph.ts';
import { ADMIN, type Stage, startStage } from './aws/stage.ts';

let cloud: LocalAws;
let config: Stage['config'];
let only: Stage['only'];

beforeAll(async () => {
  ({ cloud, config, only } = await startStage());
});
afterAll(() => cloud.stop());
beforeEach(() => {
  cloud.faults.clear();
  cloud.calls.reset();
});

describe('a caller', () => {
  it('is rejected with an access key that was never issued', async () => {
    const stranger = { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'x', sessionToken: 'x' };
    await expect(
      new ECRClient(config(stranger)).send(new GetRepositoryPolicyCommand({ repositoryName: 'x' })),
    ).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
    await expect(
      new SNSClient(config(stranger)).send(new PublishCommand({ TopicArn: TOPIC, Message: 'x' })),
    ).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
  });

  it('is refused actions that its policies do not allow, in each service', async () => {
    const unauthorised = config(only('s3:GetObject'));
    const refused = { name: 'AccessDeniedException' };
    await expect(
      new ECRClient(unauthorised).send(new GetRepositoryPolicyCommand({ repositoryName: 'x' })),
    ).rejects.toMatchObject(refused);
    await expect(new Inspector2Client(unauthorised).send(new ListFindingsCommand({}))).rejects.toMatchObject(refused);
    await expect(
      new SQSClient(unauthorised).send(new SendMessageCommand({ QueueUrl: QUEUE_URL, MessageBody: 'x' })),
    ).rejects.toMatchObject(refused);
    await expect(
      new DynamoDBClient(unauthorised).send(new ScanCommand({ TableName: 'fixture' })),
    ).rejects.toMatchObject(refused);
  });
});

describe('misbehaviour', () => {
  const get = (options = {}) => {
    const client = new ECRClient({ ...config(), ...options });
    return client.send(new GetRepositoryPolicyCommand({ repositoryName: 'team/faults' }));
  };
  beforeAll(() => void cloud.ecr.createRepository('team/faults', { policyText: '{}' }));

  it.each([
    ['throttling', { kind: 'throttle' }, 'ThrottlingException'],
    ['a server error', { kind: 'serverError' }, 'InternalServerException'],
    ['an error of choice', { kind: 'error', code: 'ServerException', message: 'x', status: 503 }, 'ServerException'],
  ] as const)('%s affects once the call for which it is set', async (_what, fault, name) => {
    cloud.faults.add({ ...fault, service: 'ecr', operation: 'GetRepositoryPolicy', nth: 2 });
    await expect(get()).resolves.toMatchObject({ policyText: '{}' });
    await expect(get()).rejects.toMatchObject({ name });
    await expect(get()).resolves.toMatchObject({ policyText: '{}' });
  });

  it('the SDK retries a throttled call', async () => {
    cloud.faults.add({ kind: 'throttle', times: 2 });
    await expect(get({ maxAttempts: 3 })).resolves.toMatchObject({ policyText: '{}' });
    expect(cloud.calls.count(ADMIN)).toEqual({ 'ecr:GetRepositoryPolicy': 3 });
  });

  it('a dropped answer comes after the work', async () => {
    const repository = cloud.ecr.createRepository('team/dropped');
    cloud.faults.add({ kind: 'drop', operation: 'SetRepositoryPolicy' });
    const policyText = '{"Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:PutImage"}]}';
    await expect(
      new ECRClient(config()).send(new SetRepositoryPolicyCommand({ repositoryName: 'team/dropped', policyText })),
    ).rejects.toThrow();
    expect(repository.policyText).toBe(policyText);
  });

  it('a reset comes before the work, and a client times out on silence', async () => {
    cloud.faults.add({ kind: 'reset' });
    await expect(get()).rejects.toThrow();
    cloud.faults.add({ kind: 'timeout' });
    await expect(get({ requestHandler: { requestTimeout: 50, throwOnRequestTimeout: true } })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('a hook holds a call before its work', async () => {
    const order: string[] = [];
    const remove = cloud.calls.before(async ({ operation }) => {
      order.push(`before ${operation}`);
    });
    const removeAfter = cloud.calls.after(({ operation }) => void order.push(`after ${operation}`));
    await get();
    remove();
    removeAfter();
    await get();
    expect(order).toEqual(['before GetRepositoryPolicy', 'after GetRepositoryPolicy']);
  });
});
