// A small stack for the tests of the local cloud itself: a queue, a rule, a table, a topic, and a small function.
import type { Graph, GraphResource } from '../../../local/graph.ts';

const ACCOUNT = '123456789012';
const REGION = 'eu-west-1';
export const arn = (service: string, rest: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/fixture`;
export const QUEUE = arn('sqs', 'fixture');
export const QUEUE_URL = `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/fixture`;
export const TOPIC = arn('sns', 'fixture');
export const KEY = arn('kms', 'key/11111111-2222-3333-4444-555555555555');
const RULE = arn('events', 'rule/fixture');
const TICK = arn('events', 'rule/fixture-tick');

/** Logs the body of each record, and runs a body of `{"do": ...}`. */
export const ECHO = `
let invocations = 0;
export async function handler(event) {
  invocations += 1;
  const batchItemFailures = [];
  for (const { body, messageId } of event.Records) {
    const message = JSON.parse(body);
    process.stdout.write(JSON.stringify({ kind: 'seen', body: message, invocations, now: new Date().toISOString() }) + '\\n');
    if (message.do === 'fail') batchItemFailures.push({ itemIdentifier: messageId });
    if (message.do === 'throw') throw new Error('told to');
    if (message.do === 'hang') await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (message.do === 'console') console.log(JSON.stringify({ kind: 'prefixed' }));
    if (message.do === 'environment') process.stdout.write(JSON.stringify({ kind: 'environment', names: Object.keys(process.env).sort() }) + '\\n');
    if (message.do === 'call') await fetch(process.env.AWS_ENDPOINT_URL, { method: 'POST', body: JSON.stringify({ QueueUrl: message.url, MessageBody: 'sent' }), headers: {
      'x-amz-target': 'AmazonSQS.SendMessage', authorization: 'AWS4-HMAC-SHA256 Credential=' + process.env.AWS_ACCESS_KEY_ID + '/20260302/eu-west-1/sqs/aws4_request',
    } }).catch(() => undefined);
  }
  return { batchItemFailures };
}
`;

export interface FixtureOptions {
  readonly code?: string;
  /** Statements of the function's role in addition to those for its log and its queue. */
  readonly statements?: readonly object[];
  readonly queueStatements?: readonly object[];
  readonly timeoutSeconds?: number;
  readonly maxReceiveCount?: number;
  readonly visibilityTimeoutSeconds?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly eventPattern?: object;
}

export const toSend = (rule: string) => ({
  Effect: 'Allow',
  Principal: { Service: 'events.amazonaws.com' },
  Action: 'sqs:SendMessage',
  Resource: QUEUE,
  Condition: { ArnEquals: { 'aws:SourceArn': rule } },
});

export function fixtureGraph({
  code = ECHO,
  statements = [],
  queueStatements = [toSend(RULE), toSend(TICK)],
  timeoutSeconds = 5,
  maxReceiveCount = 3,
  visibilityTimeoutSeconds = 30,
  environment = { FIXTURE: 'yes' },
  eventPattern = { source: ['aws.ecr', 'aws.inspector2'] },
}: FixtureOptions = {}): Graph {
  const policy = (Statement: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement });
  const deadLetters = arn('sqs', 'fixture-dead');
  const logGroup = arn('logs', 'log-group:/aws/lambda/fixture');
  const own = [
    { Effect: 'Allow', Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], Resource: QUEUE },
    { Effect: 'Allow', Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: `${logGroup}:*` },
  ];
  const trust = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const keyTrust = {
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
    Action: 'kms:*',
    Resource: '*',
  };
  const resources: readonly GraphResource[] = [
    resource('aws:sqs/queue:Queue', 'dead', { name: 'fixture-dead', arn: deadLetters, url: `${QUEUE_URL}-dead` }),
    resource('aws:sqs/queue:Queue', 'queue', {
      name: 'fixture',
      arn: QUEUE,
      url: QUEUE_URL,
      visibilityTimeoutSeconds,
      redrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters, maxReceiveCount }),
    }),
    resource('aws:sqs/queuePolicy:QueuePolicy', 'queue-policy', {
      queueUrl: QUEUE_URL,
      policy: policy(queueStatements),
    }),
    resource('aws:cloudwatch/eventRule:EventRule', 'rule', {
      name: 'fixture',
      arn: RULE,
      eventPattern: JSON.stringify(eventPattern),
    }),
    resource('aws:cloudwatch/eventTarget:EventTarget', 'target', { rule: 'fixture', arn: QUEUE }),
    resource('aws:cloudwatch/eventRule:EventRule', 'tick', {
      name: 'fixture-tick',
      arn: TICK,
      scheduleExpression: 'rate(5 minutes)',
    }),
    resource('aws:cloudwatch/eventTarget:EventTarget', 'tick-target', {
      rule: 'fixture-tick',
      arn: QUEUE,
      input: '{"tick":true}',
    }),
    resource('aws:iam/role:Role', 'role', { name: 'fixture', arn: ROLE, assumeRolePolicy: policy([trust]) }),
    resource('aws:iam/rolePolicy:RolePolicy', 'role-policy', {
      role: 'fixture',
      policy: policy([...own, ...statements]),
    }),
    resource('aws:cloudwatch/logGroup:LogGroup', 'log', { name: '/aws/lambda/fixture', arn: logGroup }),
    resource('aws:lambda/function:Function', 'function', {
      name: 'fixture',
      arn: arn('lambda', 'function:fixture'),
      handler: 'index.handler',
      timeout: timeoutSeconds,
      memorySize: 256,
      environment: { variables: environment },
      role: ROLE,
    }),
    resource('aws:lambda/eventSourceMapping:EventSourceMapping', 'mapping', {
      eventSourceArn: QUEUE,
      batchSize: 10,
      functionResponseTypes: ['ReportBatchItemFailures'],
    }),
    resource('aws:kms/key:Key', 'key', { arn: KEY, policy: policy([keyTrust]) }),
    resource('aws:sns/topic:Topic', 'topic', { name: 'fixture', arn: TOPIC, kmsMasterKeyId: KEY }),
    resource('aws:dynamodb/table:Table', 'table', {
      name: 'fixture',
      hashKey: 'id',
      attributes: ['id', 'waiting', 'rank', 'pending'].map((name) => ({ name, type: 'S' })),
      globalSecondaryIndexes: [
        { name: 'waiting', hashKey: 'waiting', rangeKey: 'rank', projectionType: 'KEYS_ONLY' },
        { name: 'pending', hashKey: 'pending', rangeKey: 'id', projectionType: 'KEYS_ONLY' },
      ],
    }),
  ];
  return { resources, outputs: {}, archives: { 'urn:function': { 'index.mjs': code } }, warnings: [], loaded: [] };
}

function resource(type: string, name: string, fields: Readonly<Record<string, unknown>>): GraphResource {
  return {
    type,
    name,
    urn: `urn:${name}`,
    parent: undefined,
    inputs: fields,
    outputs: fields,
    id: String(fields['name'] ?? name),
  };
}
