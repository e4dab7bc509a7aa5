// EcrPullGate: the Pulumi component with everything that closes and opens ECR repositories in one account and region.
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { accept } from '../../config/accept.ts';
import type { PullGateArgs, RepositoriesArgs } from '../../config/args.ts';
import { brakeLimits, checkEcrArgs } from '../../config/settings.ts';
import { policiesOf } from '../../shared/policy/rule.ts';
import { createAlarms } from './alarms.ts';
import { createDashboard } from './dashboard.ts';
import { createEventRules, createQueues } from './events.ts';
import { createFunction, createRole, visibilityTimeoutSeconds } from './function.ts';
import { type EcrFunctionSettings, functionSettings, toStatementId } from './settings.ts';
import { createTable } from './table.ts';
import { createTopics, letAlarmsPublish } from './topics.ts';

/** The arguments of an `EcrPullGate`. Only `severityThreshold` is required. */
export interface EcrPullGateArgs extends PullGateArgs {
  /** Which repositories have a gate. Default: all. Example: `{ include: ['team/**'] }`. */
  repositories?: RepositoriesArgs;
  /**
   * The full ARNs, including paths, of the IAM roles that can still pull from a closed repository. Exempt the roles
   * that push fixes, never the roles that deploy. Default: none. Example:
   * `["arn:aws:iam::123456789012:role/ci/publisher"]`.
   */
  exemptPrincipals?: pulumi.Input<pulumi.Input<string>[]>;
  /** Also close repositories that Lambda functions run from. Those functions then fail. Default: false. */
  closeLambdaRepositories?: boolean;
  /**
   * For how long an image may be without a scan that judges it before a daily summary names it, in hours, 1 to 720.
   * Default: 24.
   */
  unscannedHours?: number;
  /**
   * Enable Inspector for ECR, and continuous scanning of the whole registry, which replaces the registry's own scanning
   * rules. Both stay enabled when the component is deleted. Default: false.
   */
  enableInspector?: boolean;
  /** How long events are collected before the function is invoked, in seconds, 1 to 300. Default: 5. */
  batchWindowSeconds?: number;
  /**
   * How many concurrent executions of the account are kept for the function, 5 to 1000, so that other functions cannot
   * starve it. Default: none, so it shares the account's concurrency.
   */
  reservedConcurrency?: number | undefined;
  /**
   * How long the function's log is kept, in days. One of the values that CloudWatch supports: 1, 3, 5, 7, 14, 30, 60,
   * 90, ... Default: 90.
   */
  logRetentionDays?: number;
}

/** The outputs of an `EcrPullGate`, for people and for the command-line tool. */
export interface EcrPullGateOutputs {
  /** Identifies the object as pullgate's among the outputs of any stack. Always `aws`. */
  pullgate: string;
  region: pulumi.Output<string>;
  accountId: pulumi.Output<string>;
  partition: pulumi.Output<string>;
  /** The component's id, which is the Sid of its statements in repository policies. */
  statementId: pulumi.Output<string>;
  functionName: pulumi.Output<string>;
  /** The name of the function's log group. */
  logGroup: pulumi.Output<string>;
  tableName: pulumi.Output<string>;
  queueUrl: pulumi.Output<string>;
  deadLetterQueueUrl: pulumi.Output<string>;
  /** The topic for state changes. */
  changesTopicArn: pulumi.Output<string>;
  alarmsTopicArn: pulumi.Output<string>;
  /** The function's role. */
  roleArn: pulumi.Output<string>;
  /** The dashboard in the AWS console. */
  dashboardUrl: pulumi.Output<string>;
  /** The content of the function's `settings.json`. */
  settings: pulumi.Output<EcrFunctionSettings>;
}

/**
 * Blocks pulls of vulnerable images from the ECR repositories of one account and region, and allows them again once
 * there is proof that the vulnerability is gone. A stack can have at most one.
 * Example: `new EcrPullGate('pullgate', { severityThreshold: 'high' })`.
 */
export class EcrPullGate extends pulumi.ComponentResource {
  readonly outputs: EcrPullGateOutputs;

  /** @throws RunError that lists every problem with the arguments */
  constructor(name: string, args: EcrPullGateArgs, opts?: pulumi.ComponentResourceOptions) {
    super('pullgate:index:EcrPullGate', name, {}, opts);
    const { exemptPrincipals, ...plain } = args;
    const checked = accept(name, checkEcrArgs(plain, new Date().toISOString()));
    const settings = functionSettings(name, checked, exemptPrincipals);
    const child = { parent: this };
    const { accountId } = aws.getCallerIdentityOutput({}, child);
    const { partition } = aws.getPartitionOutput({}, child);
    const { region } = aws.getRegionOutput({}, child);

    const table = createTable(name, checked.deletionProtection, this);
    const statementId = table.arn.apply(toStatementId);
    const queues = createQueues(name, visibilityTimeoutSeconds(checked.batchWindowSeconds), this);
    const role = createRole(name, this);
    createEventRules(name, { policies: policiesOf(checked), roleArn: role.arn }, queues, this);
    const topics = createTopics(name, { partition, accountId, notifyEmails: checked.notifyEmails }, this);
    const { lambda, logGroup } = createFunction(
      name,
      {
        accountId,
        partition,
        region,
        statementId,
        settings,
        table,
        ...queues,
        topic: topics.changes,
        key: topics.key,
        role,
        batchWindowSeconds: checked.batchWindowSeconds,
        reservedConcurrency: checked.reservedConcurrency,
        logRetentionDays: checked.logRetentionDays,
      },
      this,
    );
    const { sweepHours } = checked;
    const { maxClosesPerHour } = brakeLimits(checked, 'repository');
    const watched = { statementId, sweepHours, logGroup, lambda, ...queues, topic: topics.alarms };
    const alarms = createAlarms(name, watched, this);
    letAlarmsPublish(name, topics.alarms, alarms, this);
    const shown = { statementId, logGroup, lambda, ...queues, table, topic: topics.changes, alarms, region, partition };
    const dashboardUrl = createDashboard(name, { sweepHours, maxClosesPerHour }, shown, this);
    if (checked.enableInspector) enableInspector(name, accountId, this);

    this.outputs = {
      pullgate: 'aws',
      region,
      accountId,
      partition,
      statementId,
      functionName: lambda.name,
      logGroup: logGroup.name,
      tableName: table.name,
      queueUrl: queues.queue.url,
      deadLetterQueueUrl: queues.deadLetterQueue.url,
      changesTopicArn: topics.changes.arn,
      alarmsTopicArn: topics.alarms.arn,
      roleArn: role.arn,
      dashboardUrl,
      settings,
    };
    this.registerOutputs({ outputs: this.outputs });
  }
}

/**
 * Enables Inspector for ECR, and continuous scanning of every repository. Both belong to the whole account and region,
 * not to this stack. They stay enabled when the stack is destroyed or the option is removed, because pullgate must not
 * disable a scanner.
 */
function enableInspector(name: string, accountId: pulumi.Output<string>, parent: pulumi.Resource): void {
  const enabler = new aws.inspector2.Enabler(
    `${name}-inspector`,
    { accountIds: [accountId], resourceTypes: ['ECR'] },
    { parent, retainOnDelete: true },
  );
  new aws.ecr.RegistryScanningConfiguration(
    `${name}-scanning`,
    {
      scanType: 'ENHANCED',
      rules: [{ scanFrequency: 'CONTINUOUS_SCAN', repositoryFilters: [{ filter: '*', filterType: 'WILDCARD' }] }],
    },
    { parent, retainOnDelete: true, dependsOn: [enabler] },
  );
}
