// The policy documents of the role, the queues, the topics and the key. Pure: ARNs in, documents out.
import { PENDING_INDEX, TICK_INDEX } from './table.ts';

/** One statement of a policy document, with the fields that pullgate writes. */
export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: '*' | { readonly AWS: string } | { readonly Service: string };
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

/** The resources that the function's role can access. */
export interface RoleScope {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
  readonly functionArn: string;
  readonly queueArn: string;
  readonly deadLetterQueueArn: string;
  readonly tableArn: string;
  readonly topicArn: string;
  readonly keyArn: string;
  readonly logGroupArn: string;
}

/** Lets the Lambda service assume the role. */
export const assumeRolePolicy: PolicyDocument = document([
  { Sid: 'Lambda', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
]);

/**
 * Allows exactly the calls that the function and Lambda make, each on the narrowest resource that the service supports.
 * The calls of the function's own code are allowed to this function only, not to another one that is given the role.
 * https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
 */
export function rolePolicy(scope: RoleScope): PolicyDocument {
  const Condition = { ArnEquals: { 'lambda:SourceFunctionArn': scope.functionArn } };
  return document([
    ...codeStatements(scope).map((statement) => ({ ...statement, Condition })),
    ...lambdaStatements(scope),
  ]);
}

/** The calls of the function's own code. */
function codeStatements(scope: RoleScope): readonly Statement[] {
  const { partition, region, accountId, queueArn, deadLetterQueueArn, tableArn, topicArn } = scope;
  return [
    allow(
      'Repositories',
      [
        'ecr:DescribeRepositories',
        'ecr:DescribeImages',
        'ecr:BatchGetImage',
        'ecr:GetRepositoryPolicy',
        'ecr:SetRepositoryPolicy',
        'ecr:DeleteRepositoryPolicy',
      ],
      // Every repository of this registry, because new ones can be created at any time and the config selects
      // repositories by globs, not by ARNs.
      `arn:${partition}:ecr:${region}:${accountId}:repository/*`,
    ),
    allow(
      'Scanner',
      [
        'inspector2:ListFindings',
        'inspector2:ListCoverage',
        'inspector2:ListFindingAggregations',
        'inspector2:BatchGetAccountStatus',
      ],
      // These four actions support no narrower resource. All of them are read-only.
      // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoninspector2.html
      '*',
    ),
    allow('Records', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:Scan'], tableArn),
    allow(
      'Indexes',
      'dynamodb:Query',
      [TICK_INDEX, PENDING_INDEX].map((index) => `${tableArn}/index/${index}`),
    ),
    allow('Notify', 'sns:Publish', topicArn),
    allow('Requests', ['sqs:ChangeMessageVisibility', 'sqs:SendMessage'], queueArn),
    allow('DeadLetters', 'sqs:SendMessage', deadLetterQueueArn),
  ];
}

/** The calls that services make with the role. No condition: Lambda's polling carries no `lambda:SourceFunctionArn`. */
function lambdaStatements({ queueArn, keyArn, logGroupArn }: RoleScope): readonly Statement[] {
  return [
    allow('Queue', ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], queueArn),
    // Lambda names the log streams itself, one per instance of the function.
    allow('Log', ['logs:CreateLogStream', 'logs:PutLogEvents'], `${logGroupArn}:*`),
    // SNS uses the key on behalf of the publisher. No source says that the condition's key reaches KMS.
    allow('NotifyEncrypted', ['kms:GenerateDataKey', 'kms:Decrypt'], keyArn),
  ];
}

/** Lets only these rules send to the queue, and only over TLS. The function's role sends under its own policy. */
export function queuePolicy(queueArn: string, ruleArns: readonly string[]): PolicyDocument {
  return document([
    {
      Sid: 'Rules',
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: queueArn,
      Condition: { ArnEquals: { 'aws:SourceArn': ruleArns } },
    },
    onlyTls('sqs:*', queueArn),
  ]);
}

/**
 * Requires TLS. The function publishes under its role's own policy, because SNS may reject a statement that names a
 * role created a moment ago.
 */
export function changesTopicPolicy(topicArn: string): PolicyDocument {
  return document([onlyTls('sns:Publish', topicArn)]);
}

/**
 * Lets only these alarms publish to the topic.
 * Source: https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger
 */
export function alarmsTopicPolicy(topicArn: string, alarmArns: readonly string[]): PolicyDocument {
  return document([
    {
      Sid: 'Alarms',
      Effect: 'Allow',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: 'sns:Publish',
      Resource: topicArn,
      Condition: { ArnEquals: { 'aws:SourceArn': alarmArns } },
    },
    onlyTls('sns:Publish', topicArn),
  ]);
}

/**
 * The policy of the topics' key. It is a customer managed key because alarms cannot publish to a topic that uses the
 * AWS managed key.
 * Source: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
 */
export function keyPolicy(partition: string, accountId: string): PolicyDocument {
  return document([
    {
      // Lets IAM policies in the account, such as that of the function's role, grant access to the key. Without this
      // statement the key has no administrator once its creator is deleted.
      Sid: 'Account',
      Effect: 'Allow',
      Principal: { AWS: `arn:${partition}:iam::${accountId}:root` },
      Action: 'kms:*',
      // In a key policy, `*` is the key itself.
      Resource: '*',
    },
    {
      Sid: 'Alarms',
      Effect: 'Allow',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      // The key itself, as above.
      Resource: '*',
      Condition: { StringEquals: { 'aws:SourceAccount': accountId } },
    },
  ]);
}

function document(statements: readonly Statement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

function allow(sid: string, actions: string | readonly string[], resource: string | readonly string[]): Statement {
  return { Sid: sid, Effect: 'Allow', Action: actions, Resource: resource };
}

function onlyTls(action: string, resource: string): Statement {
  return {
    Sid: 'OnlyTls',
    Effect: 'Deny',
    Principal: '*',
    Action: action,
    Resource: resource,
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
}
