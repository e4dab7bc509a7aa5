// EcrPullGate: everything that closes and opens ECR repositories in one account and region, as one Pulumi component.
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { parsePolicy } from '../../shared/policy/policy.ts';
import type { Severity } from '../../shared/policy/severity.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';
import { createAlarms } from './alarms.ts';
import { createDashboard } from './dashboard.ts';
import { createQueues, createRules } from './events.ts';
import { createFunction, createRole, visibilityTimeoutSeconds } from './function.ts';
import { type FunctionSettings, functionSettings, statementId } from './settings.ts';
import { createTopics, letAlarmsPublish } from './topics.ts';

/** What a gate is told, in the words of the stack's config, which has the defaults. */
export interface EcrPullGateArgs {
  /** A finding at or above it closes the gate. */
  readonly severityThreshold: Severity;
  /** The refinements of the policy, as they stand in the config: `{ unfixable: 'never' }`. */
  readonly policy: Readonly<Record<string, unknown>>;
  /** `audit` decides, logs and notifies, and closes nothing. */
  readonly mode: 'enforce' | 'audit';
  /** How often everything is observed, in hours. */
  readonly sweepHours: number;
  /** How many gates may close within an hour. */
  readonly maxClosesPerHour: number;
  /** Who hears of state changes and alarms. Each address confirms its two subscriptions by a link in a mail. */
  readonly notifyEmails: readonly string[];
  /** Globs over repository names: which repositories have a gate. */
  readonly repositories: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  /** Full ARNs of the roles that may pull from a closed repository. */
  readonly exemptPrincipals: readonly string[];
  /** Also close repositories that serve Lambda functions. */
  readonly closeLambdaRepositories: boolean;
  /** Switch on Inspector for ECR, and continuous scanning of the whole registry, in place of the registry's own scanning rules. */
  readonly enableInspector: boolean;
  /** How long events are collected before the function is called, in seconds. */
  readonly batchWindowSeconds: number;
  /** How long the function's log is kept, in days. */
  readonly logRetentionDays: number;
}

/** Closes ECR repositories that hold a vulnerable image, and opens them once the danger is gone. One per stack. */
export class EcrPullGate extends pulumi.ComponentResource {
  readonly accountId: pulumi.Output<string>;
  readonly partition: pulumi.Output<string>;
  readonly region: pulumi.Output<string>;
  /** The Sid that marks the stack's statements in repository policies. */
  readonly statementId: string;
  readonly tableName: pulumi.Output<string>;
  readonly queueUrl: pulumi.Output<string>;
  readonly deadLetterQueueUrl: pulumi.Output<string>;
  /** The topic of state changes. */
  readonly changesTopicArn: pulumi.Output<string>;
  readonly alarmsTopicArn: pulumi.Output<string>;
  readonly logGroupName: pulumi.Output<string>;
  readonly functionName: pulumi.Output<string>;
  readonly roleArn: pulumi.Output<string>;
  /** Where the dashboard is observed. */
  readonly dashboardUrl: pulumi.Output<string>;
  /** The content of the function's settings.json. */
  readonly settings: FunctionSettings;

  constructor(name: string, args: EcrPullGateArgs, opts?: pulumi.ComponentResourceOptions) {
    super('pullgate:aws:EcrPullGate', name, {}, opts);
    const policy = parsePolicy(args.severityThreshold, args.policy);
    if (!policy.ok)
      throw new Error(`${name} needs a policy that is right:\n${policy.problems.map(describeProblem).join('\n')}`);
    const child = { parent: this };
    const stack = pulumi.getStack();

    this.accountId = aws.getCallerIdentityOutput({}, child).accountId;
    this.partition = aws.getPartitionOutput({}, child).partition;
    this.region = aws.getRegionOutput({}, child).region;
    this.statementId = statementId(pulumi.getOrganization(), pulumi.getProject(), stack);
    this.settings = functionSettings(stack, args);

    const table = createTable(name, this);
    const queues = createQueues(name, visibilityTimeoutSeconds(args.batchWindowSeconds), this);
    createRules(name, policy.value, queues, this);
    const role = createRole(name, this);
    const { accountId, partition, region } = this;
    const topicsArgs = { partition, accountId, notifyEmails: args.notifyEmails };
    const topics = createTopics(name, topicsArgs, this);
    const { lambda, logGroup } = createFunction(
      name,
      {
        accountId,
        partition,
        region,
        statementId: this.statementId,
        settings: this.settings,
        table,
        ...queues,
        topic: topics.changes,
        key: topics.key,
        role,
        batchWindowSeconds: args.batchWindowSeconds,
        logRetentionDays: args.logRetentionDays,
      },
      this,
    );
    const alarms = createAlarms(
      name,
      stack,
      args.sweepHours,
      { logGroup, lambda, ...queues, topic: topics.alarms },
      this,
    );
    letAlarmsPublish(name, topics.alarms, alarms, this);
    const shown = { logGroup, lambda, ...queues, table, topic: topics.changes, alarms, region, partition };
    const { sweepHours, maxClosesPerHour } = args;
    const settings = { stack, dashboardName: this.statementId, sweepHours, maxClosesPerHour };
    this.dashboardUrl = createDashboard(name, settings, shown, this);
    if (args.enableInspector) enableInspector(name, accountId, this);

    this.tableName = table.name;
    this.queueUrl = queues.queue.url;
    this.deadLetterQueueUrl = queues.deadLetterQueue.url;
    this.changesTopicArn = topics.changes.arn;
    this.alarmsTopicArn = topics.alarms.arn;
    this.logGroupName = logGroup.name;
    this.functionName = lambda.name;
    this.roleArn = role.arn;
    this.registerOutputs({
      accountId: this.accountId,
      partition: this.partition,
      region: this.region,
      statementId: this.statementId,
      tableName: this.tableName,
      queueUrl: this.queueUrl,
      deadLetterQueueUrl: this.deadLetterQueueUrl,
      changesTopicArn: this.changesTopicArn,
      alarmsTopicArn: this.alarmsTopicArn,
      logGroupName: this.logGroupName,
      functionName: this.functionName,
      roleArn: this.roleArn,
      dashboardUrl: this.dashboardUrl,
      settings: this.settings,
    });
  }
}

/**
 * The records and the brake. A destroyed stack takes its table along: `pause` comes first, and the Sid still marks our statements.
 */
function createTable(name: string, parent: pulumi.Resource): aws.dynamodb.Table {
  return new aws.dynamodb.Table(
    `${name}-records`,
    {
      billingMode: 'PAY_PER_REQUEST',
      hashKey: 'id',
      attributes: [
        { name: 'id', type: 'S' },
        { name: 'waiting', type: 'S' },
        { name: 'rank', type: 'S' },
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
      ],
      pointInTimeRecovery: { enabled: true },
    },
    { parent },
  );
}

/**
 * Inspector for ECR, and continuous scanning of every repository. Both belong to the whole account and region, not to this stack: they stay when
 * the stack goes or the option is taken back, because nobody expects pullgate to switch a scanner off.
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
