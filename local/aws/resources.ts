// What a resource graph says of AWS, resource type by resource type, as far as the local cloud runs it.
import type { Graph } from '../graph.ts';
import { nameOf, type Place } from './place.ts';
import type { PolicyDocument } from './principals.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface QueueResource {
  readonly arn: string;
  readonly url: string;
  readonly visibilityTimeoutSeconds: number;
  readonly redrive: { readonly deadLetterArn: string; readonly maxReceiveCount: number } | undefined;
  readonly policyText: string | undefined;
}

export interface RuleResource {
  readonly arn: string;
  readonly pattern: unknown;
  /** Of `rate(5 minutes)`. */
  readonly everyMilliseconds: number | undefined;
  readonly enabled: boolean;
  readonly targets: readonly {
    readonly queueArn: string;
    readonly input: string | undefined;
    readonly deadLetterArn: string | undefined;
  }[];
}

export interface FunctionResource {
  readonly name: string;
  readonly arn: string;
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly roleArn: string;
  readonly logGroupArn: string;
  /** The archive: file name to text. */
  readonly files: Readonly<Record<string, string>>;
}

export interface MappingResource {
  readonly queueArn: string;
  readonly batchSize: number;
  readonly reportsItemFailures: boolean;
  readonly enabled: boolean;
}

export interface RoleResource {
  readonly arn: string;
  readonly trustPolicy: string;
  readonly policies: readonly PolicyDocument[];
}

export interface TopicResource {
  readonly arn: string;
  readonly policyText: string | undefined;
  readonly key: { readonly arn: string; readonly policyText: string } | undefined;
}

export interface Resources {
  readonly place: Place;
  readonly queues: readonly QueueResource[];
  readonly rules: readonly RuleResource[];
  readonly lambda: FunctionResource;
  readonly mapping: MappingResource;
  readonly roles: readonly RoleResource[];
  readonly topics: readonly TopicResource[];
  /** As DynamoDB's CreateTable takes them. */
  readonly tables: readonly Fields[];
}

/**
 * Reads a graph.
 *
 * @throws Error where the graph has what the local cloud cannot run, or lacks what it needs: it never guesses
 */
export function readResources(graph: Graph): Resources {
  const all = (type: string): Fields[] =>
    graph.resources
      .filter((resource) => resource.type === type)
      .map(({ inputs, outputs, id }) => ({ ...inputs, ...outputs, id }));
  const only = (type: string): Fields => {
    const [resource, ...others] = all(type);
    if (resource === undefined || others.length > 0) {
      throw new Error(
        `the local cloud runs one ${type} of a stack; the graph has ${others.length + (resource === undefined ? 0 : 1)}`,
      );
    }
    return resource;
  };
  const named = (type: string, name: unknown): Fields | undefined =>
    all(type).find(({ id, name: own, arn }) => [id, own, arn].includes(name));

  const queuePolicies = all('aws:sqs/queuePolicy:QueuePolicy');
  const queues = all('aws:sqs/queue:Queue').map((queue): QueueResource => {
    if (queue['kmsMasterKeyId'] !== undefined)
      throw new Error('the local cloud knows no queue with a key of KMS: use sqsManagedSseEnabled');
    const policy =
      queuePolicies.find(({ queueUrl }) => queueUrl === queue['url'] || queueUrl === queue['id'])?.['policy'] ??
      queue['policy'];
    const redrive = json(queue['redrivePolicy']);
    return {
      arn: text(queue, 'arn'),
      url: text(queue, 'url'),
      visibilityTimeoutSeconds: Number(queue['visibilityTimeoutSeconds'] ?? 30),
      redrive:
        redrive === undefined
          ? undefined
          : {
              deadLetterArn: text(redrive, 'deadLetterTargetArn'),
              maxReceiveCount: Number(redrive['maxReceiveCount']),
            },
      policyText: policyText(policy),
    };
  });

  const targets = all('aws:cloudwatch/eventTarget:EventTarget');
  const rules = all('aws:cloudwatch/eventRule:EventRule').map((rule): RuleResource => {
    const pattern = json(rule['eventPattern']);
    const schedule = rule['scheduleExpression'];
    return {
      arn: text(rule, 'arn'),
      pattern,
      everyMilliseconds: schedule === undefined ? undefined : rateOf(String(schedule)),
      enabled: (rule['state'] ?? 'ENABLED') !== 'DISABLED',
      targets: targets
        .filter(({ rule: of }) => of === rule['name'] || of === rule['id'] || of === rule['arn'])
        .map((target) => {
          for (const unknown of ['inputPath', 'inputTransformer', 'roleArn']) {
            if (target[unknown] !== undefined) throw new Error(`the local cloud knows no event target with ${unknown}`);
          }
          const deadLetter = json(target['deadLetterConfig']);
          return {
            queueArn: text(target, 'arn'),
            input: target['input'] === undefined ? undefined : String(target['input']),
            deadLetterArn: deadLetter === undefined ? undefined : text(deadLetter, 'arn'),
          };
        }),
    };
  });

  const roles = all('aws:iam/role:Role').map((role): RoleResource => {
    if (role['inlinePolicies'] !== undefined || role['managedPolicyArns'] !== undefined) {
      throw new Error(
        'a role has its policies as resources of their own: aws.iam.RolePolicy, aws.iam.RolePolicyAttachment',
      );
    }
    const isOf = ({ role: of }: Fields) => of === role['name'] || of === role['id'] || of === role['arn'];
    const inline = all('aws:iam/rolePolicy:RolePolicy').filter(isOf);
    const attached = all('aws:iam/rolePolicyAttachment:RolePolicyAttachment')
      .filter(isOf)
      .map((attachment) => {
        const policy = named('aws:iam/policy:Policy', attachment['policyArn']);
        if (policy === undefined) {
          throw new Error(
            `the local cloud does not know what ${attachment['policyArn']} allows: write the statements into a RolePolicy`,
          );
        }
        return policy;
      });
    const policies = [...inline, ...attached].map(({ policy }) => json(policy) as unknown as PolicyDocument);
    return { arn: text(role, 'arn'), trustPolicy: policyText(role['assumeRolePolicy']) ?? '', policies };
  });

  const topicPolicies = all('aws:sns/topicPolicy:TopicPolicy');
  const topics = all('aws:sns/topic:Topic').map((topic): TopicResource => {
    const keyId = topic['kmsMasterKeyId'];
    const alias = named('aws:kms/alias:Alias', keyId);
    const key = keyId === undefined ? undefined : named('aws:kms/key:Key', alias?.['targetKeyId'] ?? keyId);
    const arn = text(topic, 'arn');
    if (keyId !== undefined && key === undefined && keyId !== 'alias/aws/sns') {
      throw new Error(`the topic ${arn} is encrypted with ${keyId}, and the graph has no such key`);
    }
    return {
      arn,
      policyText: policyText(topicPolicies.find(({ arn: of }) => of === arn)?.['policy'] ?? topic['policy']),
      key:
        key === undefined
          ? undefined
          : { arn: text(key, 'arn'), policyText: policyText(key['policy']) ?? accountPolicy(arn) },
    };
  });

  const lambda = readFunction(graph, only('aws:lambda/function:Function'), all('aws:cloudwatch/logGroup:LogGroup'));
  const mapping = only('aws:lambda/eventSourceMapping:EventSourceMapping');
  const responseTypes = mapping['functionResponseTypes'] ?? [];
  if (Number(mapping['batchSize'] ?? 10) > 10 && !(Number(mapping['maximumBatchingWindowInSeconds'] ?? 0) >= 1)) {
    throw new Error(
      `a batch of more than 10 needs a window of a second at least; the mapping has ${mapping['batchSize']} and none`,
    );
  }
  const [, partition, , region, account] = lambda.arn.split(':');
  return {
    place: { partition: String(partition), region: String(region), account: String(account) },
    queues,
    rules,
    lambda,
    mapping: {
      queueArn: text(mapping, 'eventSourceArn'),
      batchSize: Number(mapping['batchSize'] ?? 10),
      reportsItemFailures: Array.isArray(responseTypes) && responseTypes.includes('ReportBatchItemFailures'),
      enabled: mapping['enabled'] !== false,
    },
    roles,
    topics,
    tables: all('aws:dynamodb/table:Table').map(tableOf),
  };
}

function readFunction(graph: Graph, lambda: Fields, logGroups: readonly Fields[]): FunctionResource {
  const urn = graph.resources.find(({ type }) => type === 'aws:lambda/function:Function')?.urn ?? '';
  const files = graph.archives[urn];
  if (files === undefined) throw new Error(`the graph has no archive for the function ${urn}`);
  const name = String(lambda['name'] ?? nameOf(text(lambda, 'arn')));
  const wanted = String(json(lambda['loggingConfig'])?.['logGroup'] ?? `/aws/lambda/${name}`);
  const group = logGroups.find(({ name: own, id }) => own === wanted || id === wanted);
  const arn = text(lambda, 'arn');
  const environment = json(json(lambda['environment'])?.['variables']) ?? {};
  return {
    name,
    arn,
    handler: text(lambda, 'handler'),
    timeoutSeconds: Number(lambda['timeout'] ?? 3),
    memoryMegabytes: Number(lambda['memorySize'] ?? 128),
    environment: Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)])),
    roleArn: text(lambda, 'role'),
    logGroupArn: String(
      group?.['arn'] ?? arn.replace(/^(arn:[^:]+):lambda:(.*):function:.*$/, `$1:logs:$2:log-group:${wanted}`),
    ).replace(/:\*$/, ''),
    files,
  };
}

function tableOf(table: Fields): Fields {
  const attributes = list(table['attributes']).map(({ name, type }) => ({ AttributeName: name, AttributeType: type }));
  const indexes = list(table['globalSecondaryIndexes']).map((index) => ({
    IndexName: index['name'],
    KeySchema: keySchema(index),
    Projection: { ProjectionType: index['projectionType'], ...nonKey(index['nonKeyAttributes']) },
  }));
  return {
    TableName: table['name'] ?? table['id'],
    AttributeDefinitions: attributes,
    KeySchema: keySchema(table),
    BillingMode: 'PAY_PER_REQUEST',
    ...(indexes.length === 0 ? {} : { GlobalSecondaryIndexes: indexes }),
  };
}

/** Hash and range key, as they were written in `hashKey`/`rangeKey` or, of an index, in `keySchemas`. */
function keySchema(of: Fields): readonly Fields[] {
  const schemas = list(of['keySchemas']);
  if (schemas.length > 0)
    return schemas.map(({ attributeName, keyType }) => ({ AttributeName: attributeName, KeyType: keyType }));
  const hash = { AttributeName: of['hashKey'], KeyType: 'HASH' };
  return of['rangeKey'] === undefined ? [hash] : [hash, { AttributeName: of['rangeKey'], KeyType: 'RANGE' }];
}

const nonKey = (attributes: unknown) =>
  Array.isArray(attributes) && attributes.length > 0 ? { NonKeyAttributes: attributes } : {};

const UNITS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

function rateOf(expression: string): number {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const milliseconds = Number(count) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (!(milliseconds > 0)) throw new Error(`the local cloud knows schedules like rate(5 minutes); given ${expression}`);
  return milliseconds;
}

/** The policy that KMS gives a key that names none: the account's own policies decide. */
function accountPolicy(arn: string): string {
  const [, partition, , , account] = arn.split(':');
  const Principal = { AWS: `arn:${partition}:iam::${account}:root` };
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal, Action: 'kms:*', Resource: '*' }],
  });
}

function text(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string')
    throw new Error(`the local cloud needs ${key} of a resource as text; given ${JSON.stringify(fields)}`);
  return value;
}

function policyText(policy: unknown): string | undefined {
  if (policy === undefined || policy === null) return undefined;
  return typeof policy === 'string' ? policy : JSON.stringify(policy);
}

/** An input that Pulumi takes as an object or as its JSON text. */
function json(value: unknown): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? JSON.parse(value) : (value as Fields);
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value : [];
}
