// Proves what EcrPullGate registers: how many resources of each type, with which settings, and which only on request.
import * as pulumi from '@pulumi/pulumi';
import { describe, expect, it } from 'vitest';
import { alarmSpecs } from '../../../aws/component/alarms.ts';
import { EcrPullGate, type EcrPullGateArgs, type EcrPullGateOutputs } from '../../../aws/component/pull-gate.ts';
import { toStatementId } from '../../../aws/component/settings.ts';
import { STATEMENT_ID as FORM } from '../../../aws/function/repository-policy.ts';
import { checkExemptPrincipals } from '../../../config/settings.ts';
import { answerCall, answerRegistration, placeOf } from '../../../local/graph-mocks.ts';

interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

/** The part of Pulumi's resource monitor that is intercepted. */
interface Monitor {
  registerResource(
    request: { getName(): string; getProtect(): boolean; getDependenciesList(): string[] },
    done: unknown,
  ): Promise<void>;
  getRegisteredResources(): ReadonlyMap<string, unknown>;
}

interface Deployment {
  readonly component: EcrPullGate;
  readonly registered: readonly Registered[];
  readonly urns: readonly string[];
  /** The names of the resources that Pulumi refuses to delete. */
  readonly kept: readonly string[];
  /** The names of the resources that each resource, by its name, depends on. */
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
}

const place = placeOf({});
/** The resources of the component that was deployed last. */
let registered: readonly Registered[] = [];
let urns: readonly string[] = [];

const CI_ROLE = 'arn:aws:iam::123456789012:role/ci';
const ARGS: EcrPullGateArgs = {
  severityThreshold: 'high',
  policy: { exploited: 'medium' },
  mode: 'enforce',
  sweepHours: 6,
  maxClosesPerHour: 25,
  maxClosesPerDay: 100,
  brakeExempt: 'never',
  notifyEmails: [],
  repositories: { include: ['**'], exclude: [] },
  exemptPrincipals: [CI_ROLE],
  closeLambdaRepositories: false,
  unscannedHours: 24,
  enableInspector: false,
  batchWindowSeconds: 5,
  logRetentionDays: 90,
};

const deployments = new Map<string, Promise<Deployment>>();

/** Deploys a component, at most once for the same arguments. Returns its outputs. */
async function deploy(args: Partial<EcrPullGateArgs> = {}): Promise<EcrPullGateOutputs> {
  const key = JSON.stringify(args);
  const deployment = deployments.get(key) ?? deployAnew({ ...ARGS, ...args });
  deployments.set(key, deployment);
  const { component, ...seen } = await deployment;
  ({ registered, urns } = seen);
  return component.outputs;
}

async function deployAnew(args: EcrPullGateArgs): Promise<Deployment> {
  const seen: Registered[] = [];
  // answerCall and answerRegistration throw on unknown calls and resource types.
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs, custom }) {
        seen.push({ type, name, inputs });
        return custom === false ? { id: '', state: {} } : answerRegistration(place, 'dev', { type, name, inputs });
      },
      call: ({ token }) => answerCall(place, token),
    },
    'pullgate',
    'dev',
    false,
    'organization',
  );
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  const kept: string[] = [];
  const dependencies = new Map<string, readonly string[]>();
  monitor.registerResource = (request, done) => {
    if (request.getProtect()) kept.push(request.getName());
    const names = request.getDependenciesList().map((urn) => urn.split('::').at(-1) ?? '');
    dependencies.set(request.getName(), names);
    return register(request, done);
  };
  const component = new EcrPullGate('pullgate', args);
  await pulumi.runtime.disconnect();
  return { component, registered: seen, urns: [...monitor.getRegisteredResources().keys()], kept, dependencies };
}

function counts(): Record<string, number> {
  const byType: Record<string, number> = {};
  for (const { type } of registered) byType[type] = (byType[type] ?? 0) + 1;
  return byType;
}

function inputsOf(type: string, name: string): Record<string, unknown> {
  const found = registered.filter((one) => one.type === type && one.name === name);
  expect(found).toHaveLength(1);
  return found[0]?.inputs ?? {};
}

const policyOf = (type: string, name: string): unknown => JSON.parse(String(inputsOf(type, name)['policy']));
/** The id of a component whose state is `dev`. */
const STATEMENT_ID = 'Pullgate1a2aab71012e';
const outputOf = <T>(output: pulumi.Output<T>): Promise<T> => new Promise((answer) => output.apply(answer));

const BASE = {
  'aws:cloudwatch/dashboard:Dashboard': 1,
  'aws:cloudwatch/eventRule:EventRule': 6,
  'aws:cloudwatch/eventTarget:EventTarget': 6,
  'aws:cloudwatch/logGroup:LogGroup': 1,
  'aws:cloudwatch/logMetricFilter:LogMetricFilter': 18,
  'aws:cloudwatch/metricAlarm:MetricAlarm': 14,
  'aws:dynamodb/table:Table': 1,
  'aws:iam/role:Role': 1,
  'aws:iam/rolePolicy:RolePolicy': 1,
  'aws:kms/alias:Alias': 1,
  'aws:kms/key:Key': 1,
  'aws:lambda/eventSourceMapping:EventSourceMapping': 1,
  'aws:lambda/function:Function': 1,
  'aws:sns/topic:Topic': 2,
  'aws:sns/topicPolicy:TopicPolicy': 2,
  'aws:sqs/queue:Queue': 2,
  'aws:sqs/queuePolicy:QueuePolicy': 2,
  'pullgate:index:EcrPullGate': 1,
};

describe('the registered resources', () => {
  it('have these types and counts, without Inspector or registry settings', async () => {
    await deploy();
    expect(counts()).toEqual(BASE);
  });

  it('include two subscriptions for every address', async () => {
    await deploy({ notifyEmails: ['a@example.com', 'b@example.com'] });
    expect(counts()).toEqual({ ...BASE, 'aws:sns/topicSubscription:TopicSubscription': 4 });
    const subscriptions = registered.filter(({ type }) => type === 'aws:sns/topicSubscription:TopicSubscription');
    expect(subscriptions.map(({ inputs }) => [inputs['protocol'], inputs['endpoint']])).toEqual(
      expect.arrayContaining([
        ['email', 'a@example.com'],
        ['email', 'b@example.com'],
      ]),
    );
  });

  it('include Inspector and continuous scanning of every repository if enableInspector is set', async () => {
    await deploy({ enableInspector: true });
    expect(counts()).toEqual({
      ...BASE,
      'aws:inspector2/enabler:Enabler': 1,
      'aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration': 1,
    });
    expect(inputsOf('aws:inspector2/enabler:Enabler', 'pullgate-inspector')).toEqual({
      accountIds: ['123456789012'],
      resourceTypes: ['ECR'],
    });
    expect(
      inputsOf('aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration', 'pullgate-scanning'),
    ).toEqual({
      scanType: 'ENHANCED',
      rules: [{ scanFrequency: 'CONTINUOUS_SCAN', repositoryFilters: [{ filter: '*', filterType: 'WILDCARD' }] }],
    });
  });

  it('are all children of the component, and their names start with its name', async () => {
    await deploy({ notifyEmails: ['a@example.com'], enableInspector: true });
    const children = urns.filter((urn) => !urn.endsWith('::pullgate'));
    expect(children).toHaveLength(registered.length - 1);
    for (const urn of children)
      expect(urn).toMatch(/^urn:pulumi:dev::pullgate::pullgate:index:EcrPullGate[$]aws:.*::pullgate-/);
  });
});

describe('the events', () => {
  const patternOf = (name: string): unknown =>
    JSON.parse(String(inputsOf('aws:cloudwatch/eventRule:EventRule', name)['eventPattern']));

  it('include findings in every state that can matter to a policy', async () => {
    await deploy();
    expect(patternOf('pullgate-findings')).toEqual({
      source: ['aws.inspector2'],
      'detail-type': ['Inspector2 Finding'],
      detail: {
        resources: { type: ['AWS_ECR_CONTAINER_IMAGE'] },
        severity: [{ 'anything-but': ['INFORMATIONAL', 'LOW'] }, { exists: false }],
      },
    });
  });

  it('include successful pushes, deletions, archivals, reactivations and replications', async () => {
    await deploy();
    expect(patternOf('pullgate-images')).toEqual({
      source: ['aws.ecr'],
      'detail-type': ['ECR Image Action', 'ECR Replication Action'],
      detail: { 'action-type': ['PUSH', 'DELETE', 'UPDATE_STORAGE_CLASS', 'REPLICATE'], result: ['SUCCESS'] },
    });
  });

  it('include repositories that leave continuous scanning', async () => {
    await deploy();
    expect(patternOf('pullgate-frequencies')).toEqual({
      source: ['aws.ecr'],
      'detail-type': ['ECR Scan Resource Change'],
      detail: {
        'action-type': ['SCAN_FREQUENCY_CHANGE'],
        repositories: { 'previous-scan-frequency': ['CONTINUOUS_SCAN'] },
      },
    });
  });

  it('include completed initial scans', async () => {
    await deploy();
    expect(patternOf('pullgate-scans')).toEqual({
      source: ['aws.inspector2'],
      'detail-type': ['Inspector2 Scan'],
      detail: { 'scan-status': ['INITIAL_SCAN_COMPLETE'] },
    });
  });

  it('include changes of repository policies by others than the function', async () => {
    const roleArn = await outputOf((await deploy()).roleArn);
    expect(roleArn).toMatch(/^arn:aws:iam::123456789012:role\/pullgate-role/);
    expect(patternOf('pullgate-locks')).toEqual({
      source: ['aws.ecr'],
      'detail-type': ['AWS API Call via CloudTrail'],
      detail: {
        eventSource: ['ecr.amazonaws.com'],
        eventName: ['SetRepositoryPolicy', 'DeleteRepositoryPolicy'],
        errorCode: [{ exists: false }],
        userIdentity: { sessionContext: { sessionIssuer: { arn: [{ 'anything-but': roleArn }, { exists: false }] } } },
      },
    });
  });

  it('include a tick every five minutes', async () => {
    await deploy();
    expect(inputsOf('aws:cloudwatch/eventRule:EventRule', 'pullgate-tick')['scheduleExpression']).toBe(
      'rate(5 minutes)',
    );
    expect(inputsOf('aws:cloudwatch/eventTarget:EventTarget', 'pullgate-tick-to-queue')['input']).toBe(
      '{"pullgate":"tick"}',
    );
  });

  it('go to the queue, are retried for 24 hours, and then go to the dead-letter queue', async () => {
    const outputs = await deploy();
    const [queue, letters] = [await outputOf(outputs.queueUrl), await outputOf(outputs.deadLetterQueueUrl)];
    const targets = registered.filter(({ type }) => type === 'aws:cloudwatch/eventTarget:EventTarget');
    for (const { inputs } of targets) {
      expect(inputs).toMatchObject({
        arn: `arn:aws:sqs:eu-west-1:123456789012:${queue.split('/').at(-1)}`,
        deadLetterConfig: { arn: `arn:aws:sqs:eu-west-1:123456789012:${letters.split('/').at(-1)}` },
        retryPolicy: { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 },
      });
    }
  });
});

describe('the queues', () => {
  it('hide a message for six times the timeout plus the batch window, receive it at most eight times, and are encrypted', async () => {
    await deploy({ batchWindowSeconds: 300 });
    const queue = inputsOf('aws:sqs/queue:Queue', 'pullgate-queue');
    expect(queue).toMatchObject({
      visibilityTimeoutSeconds: 2100,
      messageRetentionSeconds: 345_600,
      sqsManagedSseEnabled: true,
    });
    expect(JSON.parse(String(queue['redrivePolicy']))).toMatchObject({ maxReceiveCount: 8 });
    expect(inputsOf('aws:sqs/queue:Queue', 'pullgate-dead-letters')).toEqual({
      messageRetentionSeconds: 1_209_600,
      sqsManagedSseEnabled: true,
    });
  });

  it.each(['pullgate-queue-policy', 'pullgate-dead-letters-policy'])(
    'let only the six rules send, and only over TLS: %s',
    async (name) => {
      await deploy();
      const rule = expect.stringMatching(
        /^arn:aws:events:eu-west-1:123456789012:rule\/pullgate-(findings|images|frequencies|scans|locks|tick)-/,
      );
      expect(policyOf('aws:sqs/queuePolicy:QueuePolicy', name)).toMatchObject({
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'events.amazonaws.com' },
            Action: 'sqs:SendMessage',
            Condition: { ArnEquals: { 'aws:SourceArn': [rule, rule, rule, rule, rule, rule] } },
          },
          { Effect: 'Deny', Principal: '*', Action: 'sqs:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        ],
      });
    },
  );
});

describe('the function', () => {
  it('has a timeout, a memory size, no reserved concurrency, and the names of its resources', async () => {
    const outputs = await deploy();
    const lambda = inputsOf('aws:lambda/function:Function', 'pullgate-function');
    expect(lambda).toMatchObject({
      runtime: 'nodejs24.x',
      architectures: ['arm64'],
      handler: 'index.handler',
      timeout: 300,
      memorySize: 1024,
      loggingConfig: { logFormat: 'Text', logGroup: await outputOf(outputs.logGroup) },
      environment: {
        variables: {
          PULLGATE_TABLE: await outputOf(outputs.tableName),
          PULLGATE_QUEUE_URL: await outputOf(outputs.queueUrl),
          PULLGATE_DEAD_LETTER_QUEUE_URL: await outputOf(outputs.deadLetterQueueUrl),
          PULLGATE_TOPIC_ARN: await outputOf(outputs.changesTopicArn),
          PULLGATE_ACCOUNT_ID: '123456789012',
          PULLGATE_PARTITION: 'aws',
          PULLGATE_STATEMENT_ID: await outputOf(outputs.statementId),
          PULLGATE_ROLE_ARN: await outputOf(outputs.roleArn),
        },
      },
    });
    expect(lambda).not.toHaveProperty('reservedConcurrentExecutions');
  });

  it('has reserved concurrency on request, at least that of the event source mapping', async () => {
    await deploy({ reservedConcurrency: 5 });
    const lambda = inputsOf('aws:lambda/function:Function', 'pullgate-function');
    expect(lambda).toMatchObject({ reservedConcurrentExecutions: 5 });
    const mapping = inputsOf('aws:lambda/eventSourceMapping:EventSourceMapping', 'pullgate-messages');
    expect(mapping).toMatchObject({ scalingConfig: { maximumConcurrency: 5 } });
    expect(() => new EcrPullGate('pullgate', { ...ARGS, reservedConcurrency: 4 })).toThrow(
      'reservedConcurrency is 4: expected a whole number of concurrent executions, 5 to 1000',
    );
  });

  it('has the settings in its archive, with the names of the config', async () => {
    const outputs = await deploy();
    const archive = inputsOf('aws:lambda/function:Function', 'pullgate-function')['code'] as pulumi.asset.AssetArchive;
    const files = (await archive.assets) as Record<string, pulumi.asset.StringAsset>;
    const settings = JSON.parse((await files['settings.json']?.text) ?? '');
    expect(settings).toEqual(await outputOf(outputs.settings));
    expect(settings).toEqual({
      severityThreshold: 'high',
      policy: { exploited: 'medium' },
      rules: [],
      mode: 'enforce',
      sweepHours: 6,
      maxClosesPerHour: 25,
      maxClosesPerDay: 100,
      brakeExempt: 'never',
      repositories: { include: ['**'], exclude: [] },
      exemptPrincipals: ['arn:aws:iam::123456789012:role/ci'],
      closeLambdaRepositories: false,
      unscannedHours: 24,
    });
  });

  it('reads the queue in batches, at most five at a time, and reports failures per message', async () => {
    await deploy({ batchWindowSeconds: 7 });
    expect(inputsOf('aws:lambda/eventSourceMapping:EventSourceMapping', 'pullgate-messages')).toMatchObject({
      batchSize: 400,
      maximumBatchingWindowInSeconds: 7,
      functionResponseTypes: ['ReportBatchItemFailures'],
      scalingConfig: { maximumConcurrency: 5 },
    });
  });

  it('keeps its log for logRetentionDays', async () => {
    await deploy({ logRetentionDays: 30 });
    expect(inputsOf('aws:cloudwatch/logGroup:LogGroup', 'pullgate-log')).toEqual({ retentionInDays: 30 });
  });

  it('has exactly these permissions', async () => {
    await deploy();
    const { Statement } = policyOf('aws:iam/rolePolicy:RolePolicy', 'pullgate-permissions') as {
      Statement: { Effect: string; Action: string | string[]; Resource: string | string[] }[];
    };
    const allowed = Statement.flatMap(({ Effect, Action, Resource }) =>
      [Action].flat().flatMap((action) => [Resource].flat().map((resource) => [Effect, action, resource])),
    );
    const arn = (service: string, rest: string) =>
      expect.stringMatching(new RegExp(`^arn:aws:${service}:eu-west-1:123456789012:${rest}$`));
    const repository = 'arn:aws:ecr:eu-west-1:123456789012:repository/*';
    expect(allowed).toEqual([
      ['Allow', 'ecr:DescribeRepositories', repository],
      ['Allow', 'ecr:DescribeImages', repository],
      ['Allow', 'ecr:BatchGetImage', repository],
      ['Allow', 'ecr:GetRepositoryPolicy', repository],
      ['Allow', 'ecr:SetRepositoryPolicy', repository],
      ['Allow', 'ecr:DeleteRepositoryPolicy', repository],
      ['Allow', 'inspector2:ListFindings', '*'],
      ['Allow', 'inspector2:ListCoverage', '*'],
      ['Allow', 'inspector2:ListFindingAggregations', '*'],
      ['Allow', 'inspector2:BatchGetAccountStatus', '*'],
      ['Allow', 'dynamodb:GetItem', arn('dynamodb', 'table/pullgate-records-\\w+')],
      ['Allow', 'dynamodb:PutItem', arn('dynamodb', 'table/pullgate-records-\\w+')],
      ['Allow', 'dynamodb:DeleteItem', arn('dynamodb', 'table/pullgate-records-\\w+')],
      ['Allow', 'dynamodb:Scan', arn('dynamodb', 'table/pullgate-records-\\w+')],
      ['Allow', 'dynamodb:Query', arn('dynamodb', 'table/pullgate-records-\\w+/index/waiting')],
      ['Allow', 'dynamodb:Query', arn('dynamodb', 'table/pullgate-records-\\w+/index/pending')],
      ['Allow', 'sns:Publish', arn('sns', 'pullgate-changes-\\w+')],
      ['Allow', 'sqs:ChangeMessageVisibility', arn('sqs', 'pullgate-queue-\\w+')],
      ['Allow', 'sqs:SendMessage', arn('sqs', 'pullgate-queue-\\w+')],
      ['Allow', 'sqs:SendMessage', arn('sqs', 'pullgate-dead-letters-\\w+')],
      ['Allow', 'sqs:ReceiveMessage', arn('sqs', 'pullgate-queue-\\w+')],
      ['Allow', 'sqs:DeleteMessage', arn('sqs', 'pullgate-queue-\\w+')],
      ['Allow', 'sqs:GetQueueAttributes', arn('sqs', 'pullgate-queue-\\w+')],
      ['Allow', 'logs:CreateLogStream', arn('logs', 'log-group:pullgate-log-\\w+:[*]')],
      ['Allow', 'logs:PutLogEvents', arn('logs', 'log-group:pullgate-log-\\w+:[*]')],
      ['Allow', 'kms:GenerateDataKey', arn('kms', 'key/[0-9a-f-]+')],
      ['Allow', 'kms:Decrypt', arn('kms', 'key/[0-9a-f-]+')],
    ]);
  });
});

describe('the order of creation', () => {
  it('is role, function, the permissions that name the function, event source mapping', async () => {
    const { dependencies } = await deployAnew(ARGS);
    const among = ['pullgate-role', 'pullgate-function', 'pullgate-permissions', 'pullgate-messages'];
    const order = among.map((name) => among.filter((other) => dependencies.get(name)?.includes(other)));
    expect(order).toEqual([
      [],
      ['pullgate-role'],
      ['pullgate-role', 'pullgate-function'],
      ['pullgate-function', 'pullgate-permissions'],
    ]);
  });
});

describe('the table', () => {
  it('is billed per request, has point-in-time recovery, and has indexes of the gates that wait and of those with pending notices', async () => {
    await deploy();
    expect(inputsOf('aws:dynamodb/table:Table', 'pullgate-records')).toEqual({
      billingMode: 'PAY_PER_REQUEST',
      deletionProtectionEnabled: true,
      hashKey: 'id',
      attributes: [
        { name: 'id', type: 'S' },
        { name: 'waiting', type: 'S' },
        { name: 'rank', type: 'S' },
        { name: 'pending', type: 'S' },
      ],
      globalSecondaryIndexes: [
        {
          name: 'waiting',
          projectionType: 'KEYS_ONLY',
          keySchemas: [
            { attributeName: 'waiting', keyType: 'HASH' },
            { attributeName: 'rank', keyType: 'RANGE' },
          ],
        },
        {
          name: 'pending',
          projectionType: 'KEYS_ONLY',
          keySchemas: [
            { attributeName: 'pending', keyType: 'HASH' },
            { attributeName: 'id', keyType: 'RANGE' },
          ],
        },
      ],
      pointInTimeRecovery: { enabled: true },
    });
  });
});

describe('the topics', () => {
  it('are encrypted with a customer managed key that rotates and that alarms can use', async () => {
    await deploy();
    expect(inputsOf('aws:kms/key:Key', 'pullgate-key')).toMatchObject({ enableKeyRotation: true });
    expect(policyOf('aws:kms/key:Key', 'pullgate-key')).toMatchObject({
      Statement: [
        { Principal: { AWS: 'arn:aws:iam::123456789012:root' }, Action: 'kms:*' },
        { Principal: { Service: 'cloudwatch.amazonaws.com' }, Action: ['kms:Decrypt', 'kms:GenerateDataKey*'] },
      ],
    });
    for (const name of ['pullgate-changes', 'pullgate-alarms']) {
      expect(inputsOf('aws:sns/topic:Topic', name)).toEqual({ kmsMasterKeyId: expect.stringMatching(/^arn:aws:kms:/) });
    }
  });

  it('require TLS, name no role of the function, and let only the alarms of the stack publish', async () => {
    const outputs = await deploy();
    const alarms = alarmSpecs(6).map(({ name }) =>
      expect.stringMatching(
        new RegExp(`^arn:aws:cloudwatch:eu-west-1:123456789012:alarm:pullgate-${name}-alarm-\\w+$`),
      ),
    );
    const onlyTls = {
      Effect: 'Deny',
      Principal: '*',
      Action: 'sns:Publish',
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    };
    expect(policyOf('aws:sns/topicPolicy:TopicPolicy', 'pullgate-changes-policy')).toEqual({
      Version: '2012-10-17',
      Statement: [{ Sid: 'OnlyTls', ...onlyTls, Resource: await outputOf(outputs.changesTopicArn) }],
    });
    expect(policyOf('aws:sns/topicPolicy:TopicPolicy', 'pullgate-alarms-policy')).toMatchObject({
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Condition: { ArnEquals: { 'aws:SourceArn': alarms } },
        },
        onlyTls,
      ],
    });
  });
});

describe('the alarms', () => {
  it.each<[name: string, wanted: Record<string, unknown>]>([
    [
      'dead-letters',
      {
        namespace: 'AWS/SQS',
        metricName: 'ApproximateNumberOfMessagesVisible',
        threshold: 0,
        treatMissingData: 'notBreaching',
      },
    ],
    ['errors', { namespace: 'AWS/Lambda', metricName: 'Errors', threshold: 0, treatMissingData: 'notBreaching' }],
    [
      'failures',
      { namespace: STATEMENT_ID, metricName: 'Failures', threshold: 0, evaluationPeriods: 3, datapointsToAlarm: 2 },
    ],
    [
      'throttles',
      { namespace: 'AWS/Lambda', metricName: 'Throttles', threshold: 0, evaluationPeriods: 3, datapointsToAlarm: 2 },
    ],
    [
      'event-path',
      { namespace: STATEMENT_ID, metricName: 'FoundBySweep', threshold: 0, period: 3600, evaluationPeriods: 1 },
    ],
    [
      'sweep-overdue',
      { namespace: STATEMENT_ID, metricName: 'SweepAgeHours', threshold: 13, treatMissingData: 'breaching' },
    ],
    [
      'scanner-health',
      { namespace: STATEMENT_ID, metricName: 'ScannerUnhealthy', threshold: 0, treatMissingData: 'ignore' },
    ],
    [
      'scan-reduced',
      { namespace: STATEMENT_ID, metricName: 'ScanReduced', threshold: 0, treatMissingData: 'notBreaching' },
    ],
    ['backlog', { namespace: 'AWS/SQS', metricName: 'ApproximateAgeOfOldestMessage', threshold: 3600 }],
    ['brake', { namespace: STATEMENT_ID, metricName: 'BrakeWaiting', threshold: 0 }],
    [
      'refused',
      { namespace: STATEMENT_ID, metricName: 'Refused', period: 3600, evaluationPeriods: 13, datapointsToAlarm: 1 },
    ],
    [
      'locks-unread',
      { namespace: STATEMENT_ID, metricName: 'OldestLockReadMinutes', threshold: 60, treatMissingData: 'ignore' },
    ],
    ['paused', { namespace: STATEMENT_ID, metricName: 'PausedHours', threshold: 24, treatMissingData: 'notBreaching' }],
  ])('notify when %s starts and when it ends', async (name, wanted) => {
    const outputs = await deploy({ sweepHours: 12 });
    const topic = await outputOf(outputs.alarmsTopicArn);
    expect(inputsOf('aws:cloudwatch/metricAlarm:MetricAlarm', `pullgate-${name}-alarm`)).toMatchObject({
      ...wanted,
      comparisonOperator: 'GreaterThanThreshold',
      alarmActions: [topic],
      okActions: [topic],
      alarmDescription: expect.stringMatching(
        `^pullgate ${STATEMENT_ID}: .{60,}[.] Runbook: docs/operations.md#aws-${name}$`,
      ),
    });
  });

  it('have descriptions of at most 1,024 characters, the limit of CloudWatch', () => {
    for (const { description } of alarmSpecs(24))
      expect(`pullgate ${STATEMENT_ID}: ${description}`.length).toBeLessThanOrEqual(1024);
  });

  it('and the dashboard have a metric filter for each metric in the log', async () => {
    await deploy();
    const metrics = registered
      .filter(({ type }) => type === 'aws:cloudwatch/logMetricFilter:LogMetricFilter')
      .map(({ inputs }) => {
        const { name, namespace, value } = inputs['metricTransformation'] as Record<string, string>;
        return [namespace, name, inputs['pattern'], value];
      });
    expect(metrics).toHaveLength(18);
    expect(metrics).toEqual(
      expect.arrayContaining([
        [STATEMENT_ID, 'SweepAgeHours', '{ $.kind = "tick" }', '$.sweepAgeHours'],
        [STATEMENT_ID, 'BrakeWaiting', '{ $.kind = "tick" }', '$.waiting'],
        [STATEMENT_ID, 'Failures', '{ $.kind = "failed" }', '1'],
        [STATEMENT_ID, 'ScannerUnhealthy', '{ $.kind = "scanner" && $.healthy IS FALSE }', '1'],
        [STATEMENT_ID, 'ScannerUnhealthy', '{ $.kind = "scanner" && $.healthy IS TRUE }', '0'],
        [STATEMENT_ID, 'Closes', '{ $.kind = "decision" && $.action = "closed" }', '1'],
        [STATEMENT_ID, 'Opens', '{ $.kind = "decision" && $.action = "opened" }', '1'],
        [
          STATEMENT_ID,
          'SecondsToClose',
          '{ $.secondsSinceFinding >= 0 && ($.triggers[0] = "finding" || $.triggers[0] = "scan") }',
          '$.secondsSinceFinding',
        ],
        [
          STATEMENT_ID,
          'FoundBySweep',
          '{ $.action = "closed" && $.triggers[0] = "sweep" && $.secondsSinceFinding > 1800 && $.secondsSinceFinding < 21600 }',
          '1',
        ],
        [STATEMENT_ID, 'ClosedGates', '{ $.kind = "sweep" }', '$.closed'],
        [STATEMENT_ID, 'ClosedThisHour', '{ $.kind = "tick" }', '$.closedThisHour'],
        [STATEMENT_ID, 'OldestLockReadMinutes', '{ $.oldestLockReadMinutes >= 0 }', '$.oldestLockReadMinutes'],
        [STATEMENT_ID, 'Refused', '{ $.action = "refused" && $.to = "waiting: refused" }', '1'],
        [STATEMENT_ID, 'Calls', '{ $.kind = "usage" }', '$.allCalls'],
      ]),
    );
  });
});

describe("the component's id", () => {
  it('is a Sid of letters and digits, and differs by the table, its account and its region', () => {
    const arn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/pullgate-records-1a2b3c4';
    const others = [arn.replace('1a2b3c4', '1a2b3c5'), arn.replace('west', 'east'), arn.replace('9012', '9013')];
    expect(toStatementId(arn)).toBe('Pullgatedae9b9344116');
    expect(toStatementId(arn)).toMatch(FORM);
    expect(new Set([arn, ...others].map(toStatementId)).size).toBe(4);
  });

  it('comes from the table, and is the name of the dashboard and the namespace of the metrics', async () => {
    const outputs = await deploy();
    const arn = `arn:aws:dynamodb:eu-west-1:123456789012:table/${await outputOf(outputs.tableName)}`;
    expect([await outputOf(outputs.statementId), toStatementId(arn)]).toEqual([STATEMENT_ID, STATEMENT_ID]);
    expect(inputsOf('aws:cloudwatch/dashboard:Dashboard', 'pullgate-dashboard')['dashboardName']).toBe(STATEMENT_ID);
  });
});

describe('the protection of the records', () => {
  it.each<[name: string, args: Partial<EcrPullGateArgs>, isProtected: boolean]>([
    ['is on in the mode enforce', {}, true],
    ['is off in the mode audit', { mode: 'audit' }, false],
    ['can be switched off', { deletionProtection: false }, false],
    ['can be switched on in the mode audit', { mode: 'audit', deletionProtection: true }, true],
  ])('%s: Pulumi and DynamoDB refuse to delete the table', async (_name, args, isProtected) => {
    const { kept, registered: seen } = await deployAnew({ ...ARGS, ...args });
    expect(kept).toEqual(isProtected ? ['pullgate-records'] : []);
    const table = seen.find(({ type }) => type === 'aws:dynamodb/table:Table');
    expect(table?.inputs).toMatchObject({ deletionProtectionEnabled: isProtected });
  });
});

describe('the defaults', () => {
  it('complete a component that sets only the threshold', async () => {
    const asked = deployments.size;
    const { component, registered: seen } = await deployAnew({ severityThreshold: 'high' });
    await deploy({ policy: {}, mode: 'audit', exemptPrincipals: [] });
    expect(deployments.size).toBe(asked + 1);
    expect(await outputOf(component.outputs.settings)).toEqual({
      severityThreshold: 'high',
      policy: {},
      rules: [],
      mode: 'audit',
      sweepHours: 6,
      maxClosesPerHour: 25,
      maxClosesPerDay: 100,
      brakeExempt: 'never',
      repositories: { include: ['**'], exclude: [] },
      exemptPrincipals: [],
      closeLambdaRepositories: false,
      unscannedHours: 24,
    });
    const withoutCode = (resources: readonly Registered[]) =>
      resources.map(({ name, inputs: { code: _code, ...inputs } }) => JSON.stringify([name, inputs])).sort();
    expect(withoutCode(seen)).toEqual(withoutCode(registered));
  });
});

describe('an exempt principal that is the output of another resource', () => {
  it('is written to the settings once it is known', async () => {
    const { component } = await deployAnew({ ...ARGS, exemptPrincipals: [pulumi.output(CI_ROLE)] });
    expect(await outputOf(component.outputs.settings)).toMatchObject({ exemptPrincipals: [CI_ROLE] });
  });
});

describe('invalid arguments', () => {
  it('are rejected with every problem, including those of the policy', () => {
    const wrong = {
      ...ARGS,
      sweepHours: 25,
      policy: { unfixable: 'no', images: 'none' },
    } as unknown as EcrPullGateArgs;
    expect(() => new EcrPullGate('pullgate', wrong)).toThrow(
      'The arguments of the component pullgate are wrong:\nsweepHours is 25: expected a whole number of hours, 1 to 24\npolicy.unfixable is "no": expected one of informational, low, medium, high, critical, never\npolicy.images is "none": expected one of tagged, all',
    );
  });

  it('are rejected if an exempt principal is neither a role nor a user', () => {
    expect(checkExemptPrincipals(['arn:aws:iam::123456789012:group/ci'])).toMatchObject({
      ok: false,
      problems: [{ key: 'exemptPrincipals[0]', given: 'arn:aws:iam::123456789012:group/ci' }],
    });
  });
});
