// CloudTrail's records on the local bus: whose calls they are about, and which calls they leave out.
import {
  BatchGetImageCommand,
  DeleteRepositoryPolicyCommand,
  ECRClient,
  GetRepositoryPolicyCommand,
  SetRepositoryPolicyCommand,
} from '@aws-sdk/client-ecr';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LocalAws } from '../../../local/aws/cloud.ts';
import { allowing } from '../../../local/aws/principals.ts';
import { start } from './start.ts';

const ACCOUNT = '123456789012';
const IAM = `arn:aws:iam::${ACCOUNT}`;
const policyText = JSON.stringify({
  Statement: [{ Effect: 'Allow', Principal: '*', Action: 'ecr:ListImages' }],
});
const SET = new SetRepositoryPolicyCommand({ repositoryName: 'team/app', policyText });
const DELETE = new DeleteRepositoryPolicyCommand({ repositoryName: 'team/app' });

interface RecordedCall {
  readonly eventName: string;
  readonly errorCode?: string;
  readonly userIdentity: object;
}

async function withTrail(): Promise<LocalAws> {
  const cloud = await start();
  cloud.ecr.createRepository('team/app');
  cloud.trail.start();
  return cloud;
}

function clientOf(cloud: LocalAws, arn: string, ...actions: readonly string[]): ECRClient {
  const client = new ECRClient({ ...cloud.clientConfig(cloud.principals.add(arn, [allowing(...actions)])) });
  onTestFinished(() => client.destroy());
  return client;
}

const eventsOf = (cloud: LocalAws) =>
  cloud.queue.messages().map(({ body }) => JSON.parse(body) as { readonly detail: RecordedCall });
const callsOf = (cloud: LocalAws) =>
  eventsOf(cloud).map(({ detail: { eventName, errorCode } }) => [eventName, errorCode]);

describe('the trail', () => {
  it('records a call with its parameters, its time and its caller', async () => {
    const cloud = await withTrail();
    await clientOf(cloud, `arn:aws:sts::${ACCOUNT}:assumed-role/terraform/run-17`, 'ecr:*').send(SET);
    expect(eventsOf(cloud)).toMatchObject([
      {
        source: 'aws.ecr',
        'detail-type': 'AWS API Call via CloudTrail',
        account: ACCOUNT,
        detail: {
          eventSource: 'ecr.amazonaws.com',
          eventName: 'SetRepositoryPolicy',
          eventTime: '2026-03-02T09:00:00Z',
          requestParameters: { repositoryName: 'team/app', policyText },
          userIdentity: {
            type: 'AssumedRole',
            arn: `arn:aws:sts::${ACCOUNT}:assumed-role/terraform/run-17`,
            accountId: ACCOUNT,
            sessionContext: { sessionIssuer: { type: 'Role', arn: `${IAM}:role/terraform`, userName: 'terraform' } },
          },
        },
      },
    ]);
    expect(eventsOf(cloud)[0]?.detail).not.toHaveProperty('errorCode');
  });

  it.each<[string, string, object]>([
    [
      'a role, as one of its sessions',
      `${IAM}:role/ci/terraform`,
      {
        type: 'AssumedRole',
        arn: `arn:aws:sts::${ACCOUNT}:assumed-role/terraform/session`,
        sessionContext: { sessionIssuer: { arn: `${IAM}:role/ci/terraform` } },
      },
    ],
    ['a user', `${IAM}:user/ops/alice`, { type: 'IAMUser', arn: `${IAM}:user/ops/alice`, userName: 'alice' }],
    ['the root user', `${IAM}:root`, { type: 'Root', arn: `${IAM}:root`, principalId: ACCOUNT }],
  ])('names %s', async (_name, arn, userIdentity) => {
    const cloud = await withTrail();
    await clientOf(cloud, arn, 'ecr:*').send(SET);
    expect(eventsOf(cloud)).toMatchObject([{ detail: { userIdentity } }]);
  });

  it('records why a call was refused: by IAM, or by ECR', async () => {
    const cloud = await withTrail();
    await expect(clientOf(cloud, `${IAM}:user/visitor`, 'ecr:ListImages').send(SET)).rejects.toThrow('not authorized');
    await expect(clientOf(cloud, `${IAM}:user/owner`, 'ecr:*').send(DELETE)).rejects.toThrow('does not exist');
    expect(callsOf(cloud)).toEqual([
      ['SetRepositoryPolicy', 'AccessDeniedException'],
      ['DeleteRepositoryPolicy', 'RepositoryPolicyNotFoundException'],
    ]);
  });

  it('leaves out calls that only read by their name, and those of other services', async () => {
    const cloud = await withTrail();
    const client = clientOf(cloud, `${IAM}:user/owner`, 'ecr:*');
    await client.send(SET);
    await client.send(new GetRepositoryPolicyCommand({ repositoryName: 'team/app' }));
    await client.send(new BatchGetImageCommand({ repositoryName: 'team/app', imageIds: [{ imageTag: 'v1' }] }));
    expect(callsOf(cloud)).toEqual([
      ['SetRepositoryPolicy', undefined],
      ['BatchGetImage', undefined],
    ]);
  });

  it('refuses a caller of another kind, which it could only guess', async () => {
    const cloud = await withTrail();
    const federated = clientOf(cloud, `arn:aws:sts::${ACCOUNT}:federated-user/alice`, 'ecr:*');
    await expect(federated.send(SET)).rejects.toThrow('the local CloudTrail knows sessions of roles, users and');
  });

  it('is off unless it is started', async () => {
    const cloud = await start();
    cloud.ecr.createRepository('team/app');
    await clientOf(cloud, `${IAM}:user/owner`, 'ecr:*').send(SET);
    expect(cloud.queue.messages()).toEqual([]);
  });
});
