// What decides: the function with its role and its log, which reads the queue.
import { join } from 'node:path';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { type Bundle, bundleFunction } from '../../bundle.ts';
import { assumeRolePolicy, rolePolicy } from './policies.ts';
import type { EcrFunctionSettings } from './settings.ts';

const HANDLER = join(import.meta.dirname, '..', 'function', 'handler.ts');
/** The function takes its credentials from the environment, which saves the bundle the other sources. */
const ALIAS = { '@aws-sdk/credential-provider-node': join(import.meta.dirname, '..', 'function', 'credentials.ts') };
/** Loaded by the SDK at the first call that streams events; none of the function's calls does. */
const EXTERNAL = ['@smithy/core/event-streams'];
/** The shapes of every call of a service, of which the function needs a few. */
const SDK_SCHEMAS = /[\\/]@aws-sdk[\\/]client-[^\\/]+[\\/]dist-es[\\/]schemas[\\/]schemas_0\.js$/;

/** The function's code and settings, as they are deployed. */
export function bundleHandler(settings: object): Bundle {
  return bundleFunction({ entry: HANDLER, settings, alias: ALIAS, external: EXTERNAL, dataFiles: SDK_SCHEMAS });
}

/** Long enough to observe a repository with tens of thousands of findings, 100 per call. */
const TIMEOUT_SECONDS = 300;
const MEMORY_MEGABYTES = 1024;
/**
 * 400 reconciliations, 8 at once, end within the timeout even if each takes 5 seconds. Those that do not are retried,
 * which counts as a receive.
 */
const BATCH_SIZE = 400;
const MAXIMUM_CONCURRENCY = 5;

/**
 * How long a message that was taken is hidden from the next taker, in seconds: six times the function's timeout and the
 * batch window.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
export function visibilityTimeoutSeconds(batchWindowSeconds: number): number {
  return 6 * TIMEOUT_SECONDS + batchWindowSeconds;
}

/** The function's own role; what it may do is added once the resources are there. */
export function createRole(name: string, parent: pulumi.Resource): aws.iam.Role {
  return new aws.iam.Role(`${name}-role`, { assumeRolePolicy: JSON.stringify(assumeRolePolicy) }, { parent });
}

export interface FunctionArgs {
  readonly accountId: pulumi.Output<string>;
  readonly partition: pulumi.Output<string>;
  readonly region: pulumi.Output<string>;
  readonly statementId: string;
  readonly settings: pulumi.Output<EcrFunctionSettings>;
  readonly table: aws.dynamodb.Table;
  readonly queue: aws.sqs.Queue;
  readonly deadLetterQueue: aws.sqs.Queue;
  /** The topic of state changes, and its key. */
  readonly topic: aws.sns.Topic;
  readonly key: aws.kms.Key;
  readonly role: aws.iam.Role;
  readonly batchWindowSeconds: number;
  readonly logRetentionDays: number;
}

/** The function, which reads the queue as soon as its role lets it. */
export function createFunction(
  name: string,
  args: FunctionArgs,
  parent: pulumi.Resource,
): { readonly lambda: aws.lambda.Function; readonly logGroup: aws.cloudwatch.LogGroup } {
  const { accountId, partition, region, table, queue, deadLetterQueue, topic, key, role } = args;
  // Made before the function, which would otherwise make one of its own that keeps everything for ever.
  const logGroup = new aws.cloudwatch.LogGroup(`${name}-log`, { retentionInDays: args.logRetentionDays }, { parent });
  const scope = pulumi.output({
    partition,
    region,
    accountId,
    queueArn: queue.arn,
    deadLetterQueueArn: deadLetterQueue.arn,
    tableArn: table.arn,
    topicArn: topic.arn,
    keyArn: key.arn,
    logGroupArn: logGroup.arn,
  });
  const permissions = new aws.iam.RolePolicy(
    `${name}-permissions`,
    { role: role.name, policy: scope.apply((known) => JSON.stringify(rolePolicy(known))) },
    { parent },
  );
  const lambda = new aws.lambda.Function(
    `${name}-function`,
    {
      description: `pullgate, stack ${pulumi.getStack()}: closes and opens ECR repositories`,
      runtime: 'nodejs24.x',
      architectures: ['arm64'],
      handler: 'index.handler',
      code: args.settings.apply((known) => bundleHandler(known).archive),
      role: role.arn,
      timeout: TIMEOUT_SECONDS,
      memorySize: MEMORY_MEGABYTES,
      loggingConfig: { logFormat: 'Text', logGroup: logGroup.name },
      environment: {
        variables: {
          PULLGATE_TABLE: table.name,
          PULLGATE_QUEUE_URL: queue.url,
          PULLGATE_DEAD_LETTER_QUEUE_URL: deadLetterQueue.url,
          PULLGATE_TOPIC_ARN: topic.arn,
          PULLGATE_ACCOUNT_ID: accountId,
          PULLGATE_PARTITION: partition,
          PULLGATE_STATEMENT_ID: args.statementId,
          PULLGATE_ROLE_ARN: role.arn,
        },
      },
    },
    { parent, dependsOn: [permissions] },
  );
  new aws.lambda.EventSourceMapping(
    `${name}-messages`,
    {
      eventSourceArn: queue.arn,
      functionName: lambda.arn,
      batchSize: BATCH_SIZE,
      maximumBatchingWindowInSeconds: args.batchWindowSeconds,
      functionResponseTypes: ['ReportBatchItemFailures'],
      // Here and not as reserved concurrency, which would throttle messages into the dead-letter queue.
      scalingConfig: { maximumConcurrency: MAXIMUM_CONCURRENCY },
    },
    { parent, dependsOn: [permissions] },
  );
  return { lambda, logGroup };
}
