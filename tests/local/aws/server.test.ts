// The real SDK clients against the local cloud: protocols, errors and permissions.
import { DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import {
  BatchGetImageCommand,
  DescribeImagesCommand,
  ECRClient,
  GetRepositoryPolicyCommand,
  SetRepositoryPolicyCommand,
  UpdateImageStorageClassCommand,
} from '@aws-sdk/client-ecr';
import {
  BatchGetAccountStatusCommand,
  Inspector2Client,
  ListCoverageCommand,
  ListFindingAggregationsCommand,
  ListFindingsCommand,
} from '@aws-sdk/client-inspector2';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import {
  ChangeMessageVisibilityCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LocalAws } from '../../../local/aws/cloud.ts';
import { KEY, QUEUE_URL, TOPIC } from './fixture-graph.ts';
import { type Stage, startStage } from './stage.ts';

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

describe('ECR', () => {
  it('returns a policy exactly as it was set, and ECR’s own error if something is missing', async () => {
    cloud.ecr.createRepository('team/policy');
    const ecr = new ECRClient(config());
    const repositoryName = 'team/policy';
    const none = ecr.send(new GetRepositoryPolicyCommand({ repositoryName }));
    await expect(none).rejects.toMatchObject({ name: 'RepositoryPolicyNotFoundException' });
    const policyText =
      '{ "Version" :"2012-10-17",\n "Statement":[{"Sid":"x y","Effect":"Deny","Principal":"*","Action":"ecr:PutImage"}]}';
    await ecr.send(new SetRepositoryPolicyCommand({ repositoryName, policyText }));
    expect(await ecr.send(new GetRepositoryPolicyCommand({ repositoryName }))).toMatchObject({
      registryId: '123456789012',
      repositoryName,
      policyText,
    });
    const absent = ecr.send(new GetRepositoryPolicyCommand({ repositoryName: 'team/absent' }));
    await expect(absent).rejects.toMatchObject({ name: 'RepositoryNotFoundException' });
    expect(cloud.calls.count()).toEqual({ 'ecr:GetRepositoryPolicy': 3, 'ecr:SetRepositoryPolicy': 1 });
  });

  it.each([
    ['text longer than 10,240 characters', 'x'.repeat(10_241), /10240/],
    ['text that is not JSON', 'not json', /Invalid repository policy/],
    [
      'text that names a deleted role',
      '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/gone"},"Action":"ecr:PutImage"}]}',
      /Principal not found/,
    ],
    [
      'text that names a deleted role by its unique id, as an exception',
      '{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"AROADELETEDDELETEDDEL"},"Action":"ecr:PutImage"}}',
      /Principal not found: AROADELETEDDELETEDDEL/,
    ],
  ])('refuses %s', async (_what, policyText, message) => {
    cloud.principals.remove('arn:aws:iam::123456789012:role/gone');
    const repository = cloud.ecr.createRepository(`team/refused-${policyText.length}`);
    const set = new ECRClient(config()).send(
      new SetRepositoryPolicyCommand({ repositoryName: repository.name, policyText }),
    );
    await expect(set).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: expect.stringMatching(message),
    });
    expect(repository.policyText).toBeUndefined();
  });

  it('describes images page by page, and rejects a list that names a missing image', async () => {
    cloud.ecr.createRepository('team/pages');
    const digests: string[] = [];
    for (let image = 0; image < 250; image++)
      digests.push(await cloud.ecr.pushImage('team/pages', { tag: `v${image}` }));
    const ecr = new ECRClient(config());
    const repositoryName = 'team/pages';
    const first = await ecr.send(new DescribeImagesCommand({ repositoryName }));
    expect(first.imageDetails).toHaveLength(100);
    expect(first.imageDetails?.[0]).toMatchObject({
      imageDigest: digests[0],
      imageTags: ['v0'],
      imagePushedAt: cloud.clock.now(),
      imageStatus: 'ACTIVE',
    });
    const rest = await ecr.send(
      new DescribeImagesCommand({ repositoryName, maxResults: 1000, nextToken: first.nextToken }),
    );
    expect(rest.imageDetails).toHaveLength(150);
    expect(rest.nextToken).toBeUndefined();
    const missing = ecr.send(
      new DescribeImagesCommand({
        repositoryName,
        imageIds: [{ imageDigest: digests[0] }, { imageDigest: `sha256:${'0'.repeat(64)}` }],
      }),
    );
    await expect(missing).rejects.toMatchObject({ name: 'ImageNotFoundException' });
  });

  it('archives and reactivates an image, and lists images that are not active only on request', async () => {
    const repositoryName = 'team/storage';
    cloud.ecr.createRepository(repositoryName);
    const imageDigest = await cloud.ecr.pushImage(repositoryName);
    const ecr = new ECRClient(config());
    const move = async (targetStorageClass: 'ARCHIVE' | 'STANDARD') =>
      (
        await ecr.send(
          new UpdateImageStorageClassCommand({ repositoryName, imageId: { imageDigest }, targetStorageClass }),
        )
      ).imageStatus;
    const listed = async (imageStatus?: 'ANY' | 'ARCHIVED' | 'ACTIVATING') => {
      const filter = imageStatus === undefined ? {} : { filter: { imageStatus } };
      const { imageDetails } = await ecr.send(new DescribeImagesCommand({ repositoryName, ...filter }));
      return imageDetails?.map((image) => image.imageStatus);
    };
    expect(await move('ARCHIVE')).toBe('ARCHIVED');
    expect([await listed(), await listed('ANY'), await listed('ARCHIVED')]).toEqual([[], ['ARCHIVED'], ['ARCHIVED']]);
    const named = { repositoryName, imageIds: [{ imageDigest }] };
    await expect(ecr.send(new DescribeImagesCommand(named))).rejects.toMatchObject({ name: 'ImageNotFoundException' });
    expect(await move('STANDARD')).toBe('ACTIVATING');
    expect([await listed(), await listed('ANY'), await listed('ACTIVATING')]).toEqual([
      [],
      ['ACTIVATING'],
      ['ACTIVATING'],
    ]);
    await cloud.advance(20 * 60_000);
    const { imageDetails: [image] = [] } = await ecr.send(new DescribeImagesCommand(named));
    expect(image).toMatchObject({ imageStatus: 'ACTIVE', lastActivatedAt: cloud.clock.now() });
  });

  it('reads an index with its children, and lists missing images as failures', async () => {
    cloud.ecr.createRepository('team/index');
    const child = await cloud.ecr.pushImage('team/index');
    const index = await cloud.ecr.pushIndex('team/index', { tag: 'latest', children: [child] });
    const answer = await new ECRClient(config()).send(
      new BatchGetImageCommand({
        repositoryName: 'team/index',
        imageIds: [{ imageTag: 'latest' }, { imageTag: 'absent' }],
      }),
    );
    expect(answer.images?.[0]).toMatchObject({
      imageId: { imageTag: 'latest', imageDigest: index },
      imageManifestMediaType: 'application/vnd.oci.image.index.v1+json',
    });
    expect(JSON.parse(answer.images?.[0]?.imageManifest ?? '')).toMatchObject({ manifests: [{ digest: child }] });
    expect(answer.failures).toEqual([
      { imageId: { imageTag: 'absent' }, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' },
    ]);
  });
});

describe('Inspector', () => {
  it('combines a field’s alternatives with OR, and exclusions and fields with AND', async () => {
    const image = { repository: 'team/filter', digest: `sha256:${'1'.repeat(64)}` };
    for (const severity of ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'])
      await cloud.inspector.report(image, { vulnerability: `CVE-1-${severity}`, severity }, { event: false });
    await cloud.inspector.report(
      { ...image, account: '999999999999' },
      { vulnerability: 'CVE-of-a-member', severity: 'CRITICAL' },
      { event: false },
    );
    const inspector = new Inspector2Client(config());
    const is = (value: string) => ({ comparison: 'EQUALS' as const, value });
    const isNot = (value: string) => ({ comparison: 'NOT_EQUALS' as const, value });
    const filterCriteria = {
      ecrImageRepositoryName: [is('team/filter')],
      awsAccountId: [is('123456789012')],
      severity: [isNot('MEDIUM'), isNot('LOW')],
      findingStatus: [is('ACTIVE'), is('SUPPRESSED')],
    };
    const { findings } = await inspector.send(new ListFindingsCommand({ filterCriteria }));
    expect(findings?.map(({ severity }) => severity)).toEqual(['CRITICAL', 'HIGH']);
    expect(findings?.[0]).toMatchObject({
      updatedAt: cloud.clock.now(),
      resources: [{ details: { awsEcrContainerImage: { imageHash: image.digest } } }],
    });
    const many = { ecrImageHash: Array.from({ length: 11 }, (_, index) => is(`sha256:${index}`)) };
    await expect(inspector.send(new ListFindingsCommand({ filterCriteria: many }))).rejects.toMatchObject({
      name: 'ValidationException',
    });
    const unknown = { networkProtocol: [is('TCP')] };
    await expect(inspector.send(new ListFindingsCommand({ filterCriteria: unknown }))).rejects.toThrow(
      'does not know the filter networkProtocol',
    );
  });

  it('returns pages of 100 findings, and the same page again for the same token', async () => {
    const digest = `sha256:${'2'.repeat(64)}`;
    for (let index = 0; index < 201; index++) {
      await cloud.inspector.report(
        { repository: 'team/many', digest },
        { vulnerability: `CVE-2-${index}`, severity: 'HIGH' },
        { event: false },
      );
    }
    const inspector = new Inspector2Client(config());
    const filterCriteria = { ecrImageHash: [{ comparison: 'EQUALS' as const, value: digest }] };
    const ask = async (nextToken?: string) => {
      const answer = await inspector.send(new ListFindingsCommand({ filterCriteria, maxResults: 100, nextToken }));
      return {
        first: answer.findings?.[0]?.packageVulnerabilityDetails?.vulnerabilityId,
        count: answer.findings?.length,
        next: answer.nextToken,
      };
    };
    const first = await ask();
    const second = await ask(first.next);
    expect([first.first, first.count, second.first, second.count]).toEqual(['CVE-2-0', 100, 'CVE-2-100', 100]);
    expect(await ask(first.next)).toEqual(second);
    expect(await ask(second.next)).toEqual({ first: 'CVE-2-200', count: 1, next: undefined });
  });

  it('counts active findings by repository, and returns coverage and the account’s status', async () => {
    const digest = `sha256:${'3'.repeat(64)}`;
    const image = { repository: 'team/counted', digest };
    await cloud.inspector.report(image, { vulnerability: 'CVE-3-1', severity: 'CRITICAL' }, { event: false });
    await cloud.inspector.report(image, { vulnerability: 'CVE-3-2', severity: 'LOW' }, { event: false });
    await cloud.inspector.report(
      image,
      { vulnerability: 'CVE-3-3', severity: 'HIGH' },
      { event: false, status: 'CLOSED' },
    );
    cloud.inspector.scanned('team/counted', digest);
    const inspector = new Inspector2Client(config());
    const repositories = [{ comparison: 'EQUALS' as const, value: 'team/counted' }];
    const { responses } = await inspector.send(
      new ListFindingAggregationsCommand({
        aggregationType: 'REPOSITORY',
        aggregationRequest: { repositoryAggregation: { repositories } },
      }),
    );
    expect(responses).toHaveLength(1);
    expect(responses?.[0]?.repositoryAggregation).toMatchObject({
      repository: 'team/counted',
      affectedImages: 1,
      severityCounts: { all: 2, critical: 1, high: 0, medium: 0 },
    });
    const { coveredResources } = await inspector.send(
      new ListCoverageCommand({ filterCriteria: { ecrRepositoryName: repositories } }),
    );
    expect(coveredResources).toHaveLength(1);
    expect(coveredResources?.[0]).toMatchObject({
      resourceId: `arn:aws:ecr:eu-west-1:123456789012:repository/team/counted/${digest}`,
      scanStatus: { statusCode: 'ACTIVE', reason: 'SUCCESSFUL' },
      lastScannedAt: cloud.clock.now(),
    });
    cloud.inspector.setAccountStatus('DISABLED');
    const { accounts } = await inspector.send(new BatchGetAccountStatusCommand({ accountIds: ['123456789012'] }));
    expect(accounts?.[0]?.resourceState?.ecr?.status).toBe('DISABLED');
  });
});

describe('SQS, SNS and DynamoDB', () => {
  it('accepts messages singly and in batches, and rejects one larger than a mebibyte', async () => {
    cloud.queue.purge();
    const sqs = new SQSClient(config());
    await sqs.send(new SendMessageCommand({ QueueUrl: QUEUE_URL, MessageBody: '{"n":1}' }));
    const Entries = [1, 2].map((n) => ({ Id: `m${n}`, MessageBody: `{"n":${n}}`, DelaySeconds: 60 }));
    const answer = await sqs.send(new SendMessageBatchCommand({ QueueUrl: QUEUE_URL, Entries }));
    expect(answer.Successful?.map(({ Id }) => Id)).toEqual(['m1', 'm2']);
    const large = sqs.send(new SendMessageCommand({ QueueUrl: QUEUE_URL, MessageBody: 'x'.repeat(1_048_577) }));
    await expect(large).rejects.toMatchObject({ name: 'InvalidParameterValue' });
    const [message, ...others] = cloud.queue.receive(10);
    expect(others).toEqual([]);
    await sqs.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: QUEUE_URL,
        ReceiptHandle: message?.receiptHandle,
        VisibilityTimeout: 0,
      }),
    );
    expect(cloud.queue.receive(10)).toHaveLength(1);
    cloud.queue.purge();
  });

  it('keeps published messages, and rejects an invalid subject', async () => {
    const sns = new SNSClient(config());
    const MessageAttributes = { kind: { DataType: 'String', StringValue: 'closed' } };
    await sns.send(
      new PublishCommand({ TopicArn: TOPIC, Subject: 'a & b', Message: 'line\n<two>', MessageAttributes }),
    );
    expect(cloud.notices).toEqual([
      {
        topicArn: TOPIC,
        subject: 'a & b',
        message: 'line\n<two>',
        attributes: { kind: 'closed' },
        at: cloud.clock.now(),
      },
    ]);
    const wrong = sns.send(new PublishCommand({ TopicArn: TOPIC, Subject: 'two\nlines', Message: 'x' }));
    await expect(wrong).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });

  it('keeps an attribute that is an array, and knows no other type', async () => {
    const sns = new SNSClient(config());
    const publish = (DataType: string, StringValue: string) =>
      sns.send(
        new PublishCommand({ TopicArn: TOPIC, Message: 'x', MessageAttributes: { names: { DataType, StringValue } } }),
      );
    await publish('String.Array', '["a","b"]');
    expect(cloud.notices.at(-1)?.attributes).toEqual({ names: '["a","b"]' });
    await expect(publish('String.Array', '"a"')).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
    await expect(publish('String', '')).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
    await expect(publish('Number', '1')).rejects.toThrow();
    await expect(publish('String', 'x'.repeat(262_144))).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });

  it('publishes to an encrypted topic only if the key permits it', async () => {
    const sns = new SNSClient(config(only('sns:Publish')));
    const refused = sns.send(new PublishCommand({ TopicArn: TOPIC, Message: 'x' }));
    await expect(refused).rejects.toMatchObject({
      name: 'AuthorizationErrorException',
      message: expect.stringContaining(`kms:GenerateDataKey on resource: ${KEY}`),
    });
    const allowed = new SNSClient(config(only('sns:Publish', 'kms:GenerateDataKey', 'kms:Decrypt')));
    await expect(allowed.send(new PublishCommand({ TopicArn: TOPIC, Message: 'x' }))).resolves.toMatchObject({
      MessageId: expect.any(String),
    });
  });

  it('stores rows, rejects a stale write, queries an index, and may answer a read that is not consistent from a second ago', async () => {
    const client = new DynamoDBClient(config());
    const Item = { id: { S: 'gate#1' }, version: { N: '1' }, waiting: { S: 'brake' }, rank: { S: '2026' } };
    const put = () =>
      client.send(new PutItemCommand({ TableName: 'fixture', Item, ConditionExpression: 'attribute_not_exists(id)' }));
    await put();
    await expect(put()).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
    const read = async (ConsistentRead: boolean) => {
      const get = new GetItemCommand({ TableName: 'fixture', Key: { id: { S: 'gate#1' } }, ConsistentRead });
      const scan = new ScanCommand({ TableName: 'fixture', ConsistentRead });
      return [(await client.send(get)).Item, (await client.send(scan)).Count];
    };
    expect(await read(true)).toEqual([Item, 1]);
    expect(await read(false)).toEqual([undefined, 0]);
    cloud.clock.advance(1_000);
    expect(await read(false)).toEqual([Item, 1]);
    const query = new QueryCommand({
      TableName: 'fixture',
      IndexName: 'waiting',
      KeyConditionExpression: 'waiting = :w',
      ExpressionAttributeValues: { ':w': { S: 'brake' } },
    });
    expect((await client.send(query)).Items).toEqual([
      { id: { S: 'gate#1' }, waiting: { S: 'brake' }, rank: { S: '2026' } },
    ]);
    const reader = new DynamoDBClient(config(only('dynamodb:GetItem')));
    await expect(reader.send(query)).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('table/fixture/index/waiting'),
    });
  });
});
