// The Lambda function that reads the queue, with its role and its log group.
import { join } from 'node:path';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { type Bundle, bundleFunction } from '../../bundle.ts';
import { assumeRolePolicy, rolePolicy } from './policies.ts';
import type { EcrFunctionSettings } from './settings.ts';

const HANDLER = join(import.meta.dirname, '..', 'function', 'handler.ts');
/**
 * The function reads its credentials from the environment, so the bundle does not need the other credential providers.
 */
const ALIAS = { '@aws-sdk/credential-provider-node': join(import.meta.dirname, '..', 'function', 'credentials.ts') };
/** The SDK loads this at the first call that streams events. The function makes no such call. */
const EXTERNAL = ['@smithy/core/event-streams'];
/** The SDK's schemas for every operation of a service. The function needs only a few of them. */
const SDK_SCHEMAS = /[\\/]@aws-sdk[\\/]client-[^\\/]+[\\/]dist-es[\\/]schemas[\\/]schemas_0\.js$/;

/** Bundles the function's code and settings for deployment. */
export function bundleHandler(settings: object): Bundle {
  return bundleFunction({ entry: HANDLER, settings, alias: ALIAS, external: EXTERNAL, dataFiles: SDK_SCHEMAS });
}

/** Long enough to observe a repository with tens of thousands of findings at 100 findings per call. */
const TIMEOUT_SECONDS = 300;
const MEMORY_MEGABYTES = 1024;
/**
 * 400 reconciliations, 8 at a time, finish within the timeout even if each takes 5 seconds. Those that do not finish
 * are retried, and each retry counts as a receive.
 */
const BATCH_SIZE = 400;
const MAXIMUM_CONCURRENCY = 5;

/**
 * The queue's visibility timeout in seconds: six times the function's timeout, plus the batch window.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
export function visibilityTimeoutSeconds(batchWindowSeconds: number): number {
  return 6 * TIMEOUT_SECONDS + batchWindowSeconds;
}

/** Creates the function's role. Its permissions are added once the resources that they name exist. */
export function createRole(name: string, parent: pulumi.Resource): aws.iam.Role {
  return new aws.iam.Role(`${name}-role`, { assumeRolePolicy: JSON.stringify(assumeRolePolicy) }, { parent });
}

export interface FunctionArgs {
  readonly accountId: pulumi.Output<string>;
  readonly partition: pulumi.Output<string>;
  readonly region: pulumi.Output<string>;
  readonly statementId: pulumi.Output<string>;
  readonly settings: pulumi.Output<EcrFunctionSettings>;
  readonly table: aws.dynamodb.Table;
  readonly queue: aws.sqs.Queue;
  readonly deadLetterQueue: aws.sqs.Queue;
  /** The topic for state changes, and its key. */
  readonly topic: aws.sns.Topic;
  readonly key: aws.kms.Key;
  readonly role: aws.iam.Role;
  readonly batchWindowSeconds: number;
  readonly reservedConcurrency: number | undefined;
  readonly logRetentionDays: number;
}

/** Creates the function with its log group, then the permissions of its role, then lets it read the queue. */
export function createFunction(
  name: string,
  args: FunctionArgs,
  parent: pulumi.Resource,
): { readonly lambda: aws.lambda.Function; readonly logGroup: aws.cloudwatch.LogGroup } {
  const { accountId, partition, region, table, queue, deadLetterQueue, topic, key, role } = args;
  // Created before the function. Otherwise Lambda would create a log group that keeps everything forever.
  const logGroup = new aws.cloudwatch.LogGroup(`${name}-log`, { retentionInDays: args.logRetentionDays }, { parent });
  const lambda = new aws.lambda.Function(
    `${name}-function`,
    {
      description: 'pullgate: closes and opens ECR repositories',
      runtime: 'nodejs24.x',
      architectures: ['arm64'],
      handler: 'index.handler',
      code: args.settings.apply((known) => bundleHandler(known).archive),
      role: role.arn,
      timeout: TIMEOUT_SECONDS,
      memorySize: MEMORY_MEGABYTES,
      ...(args.reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: args.reservedConcurrency }),
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
    { parent },
  );
  const scope = pulumi.output({
    partition,
    region,
    accountId,
    functionArn: lambda.arn,
    queueArn: queue.arn,
    deadLetterQueueArn: deadLetterQueue.arn,
    tableArn: table.arn,
    topicArn: topic.arn,
    keyArn: key.arn,
    logGroupArn: logGroup.arn,
  });
  // After the function, which it names, and before the mapping: Lambda checks that the role may read the queue.
  const permissions = new aws.iam.RolePolicy(
    `${name}-permissions`,
    { role: role.name, policy: scope.apply((known) => JSON.stringify(rolePolicy(known))) },
    { parent },
  );
  new aws.lambda.EventSourceMapping(
    `${name}-messages`,
    {
      eventSourceArn: queue.arn,
      functionName: lambda.arn,
      batchSize: BATCH_SIZE,
      maximumBatchingWindowInSeconds: args.batchWindowSeconds,
      functionResponseTypes: ['ReportBatchItemFailures'],
      // Reserved concurrency cannot replace this limit: throttled messages would end up in the dead-letter queue.
      scalingConfig: { maximumConcurrency: MAXIMUM_CONCURRENCY },
    },
    { parent, dependsOn: [permissions] },
  );
  return { lambda, logGroup };
}
