// What triggers the function: the rules on the default event bus, the schedule, and the queues that they send to.
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Policy } from '../../shared/policy/policy.ts';
import { type EventPattern, findingPattern } from './finding-pattern.ts';
import { lockPattern } from './lock-pattern.ts';
import { queuePolicy } from './policies.ts';

/** A rule that sends its events to the queue. */
export interface RuleSpec {
  /** The suffix of the resource's name. */
  readonly name: string;
  readonly description: string;
  /** The events to match, or the schedule and the message to send. */
  readonly when:
    | { readonly pattern: pulumi.Input<EventPattern> }
    | { readonly schedule: string; readonly message: string };
}

/**
 * How long EventBridge retries delivery to the queue before it sends the event to the dead-letter queue: the maximum,
 * 24 hours and 185 attempts.
 * Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
const DELIVERY_RETRY = { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 } as const;

/** What the rules depend on. */
export interface RulesArgs {
  /** Every policy that applies to some repository. */
  readonly policies: readonly Policy[];
  /** The ARN of the function's role. */
  readonly roleArn: pulumi.Output<string>;
}

function ruleSpecs({ policies, roleArn }: RulesArgs): readonly RuleSpec[] {
  return [
    {
      name: 'findings',
      description: 'Inspector findings of ECR images, in every state, that can matter to a policy',
      when: { pattern: findingPattern(...policies) },
    },
    {
      name: 'images',
      description: 'Images pushed to ECR or deleted from it, archived, reactivated or replicated',
      // https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
      when: {
        pattern: {
          source: ['aws.ecr'],
          'detail-type': ['ECR Image Action', 'ECR Replication Action'],
          detail: { 'action-type': ['PUSH', 'DELETE', 'UPDATE_STORAGE_CLASS', 'REPLICATE'], result: ['SUCCESS'] },
        },
      },
    },
    {
      name: 'frequencies',
      description: 'Repositories that Inspector no longer scans continuously',
      // https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
      when: {
        pattern: {
          source: ['aws.ecr'],
          'detail-type': ['ECR Scan Resource Change'],
          detail: {
            'action-type': ['SCAN_FREQUENCY_CHANGE'],
            repositories: { 'previous-scan-frequency': ['CONTINUOUS_SCAN'] },
          },
        },
      },
    },
    {
      name: 'scans',
      description: 'Initial scans completed by Inspector',
      // https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
      when: {
        pattern: {
          source: ['aws.inspector2'],
          'detail-type': ['Inspector2 Scan'],
          detail: { 'scan-status': ['INITIAL_SCAN_COMPLETE'] },
        },
      },
    },
    {
      name: 'locks',
      description: 'Repository policies that someone else changed, if the account has a CloudTrail trail',
      when: { pattern: roleArn.apply(lockPattern) },
    },
    {
      name: 'tick',
      description:
        'Triggers the function, which checks whether a sweep is due and which gates are waiting for the brake',
      when: { schedule: 'rate(5 minutes)', message: JSON.stringify({ pullgate: 'tick' }) },
    },
  ];
}

const MAX_RECEIVE_COUNT = 8;
const DAY_SECONDS = 86_400;
/** Shorter than the retention of the dead-letter queue: a message that moves there keeps its original send time. */
const MESSAGE_RETENTION_SECONDS = 4 * DAY_SECONDS;
const DEAD_LETTER_RETENTION_SECONDS = 14 * DAY_SECONDS;

export interface Queues {
  readonly queue: aws.sqs.Queue;
  readonly deadLetterQueue: aws.sqs.Queue;
}

/** Creates the queue that the function reads, and its dead-letter queue. */
export function createQueues(name: string, visibilityTimeoutSeconds: number, parent: pulumi.Resource): Queues {
  const deadLetterQueue = new aws.sqs.Queue(
    `${name}-dead-letters`,
    { messageRetentionSeconds: DEAD_LETTER_RETENTION_SECONDS, sqsManagedSseEnabled: true },
    { parent },
  );
  const queue = new aws.sqs.Queue(
    `${name}-queue`,
    {
      messageRetentionSeconds: MESSAGE_RETENTION_SECONDS,
      sqsManagedSseEnabled: true,
      visibilityTimeoutSeconds,
      redrivePolicy: pulumi.jsonStringify({
        deadLetterTargetArn: deadLetterQueue.arn,
        maxReceiveCount: MAX_RECEIVE_COUNT,
      }),
    },
    { parent },
  );
  return { queue, deadLetterQueue };
}

/**
 * Creates the rules, each with the queue as its target, and the policies that let only these rules send to the queues.
 */
export function createEventRules(
  name: string,
  args: RulesArgs,
  { queue, deadLetterQueue }: Queues,
  parent: pulumi.Resource,
): void {
  const rules = ruleSpecs(args).map((spec) => {
    const rule = new aws.cloudwatch.EventRule(
      `${name}-${spec.name}`,
      'pattern' in spec.when
        ? { description: spec.description, eventPattern: pulumi.jsonStringify(spec.when.pattern) }
        : { description: spec.description, scheduleExpression: spec.when.schedule },
      { parent },
    );
    new aws.cloudwatch.EventTarget(
      `${name}-${spec.name}-to-queue`,
      {
        rule: rule.name,
        arn: queue.arn,
        ...('message' in spec.when ? { input: spec.when.message } : {}),
        deadLetterConfig: { arn: deadLetterQueue.arn },
        retryPolicy: DELIVERY_RETRY,
      },
      { parent },
    );
    return rule;
  });
  const ruleArns = pulumi.all(rules.map((rule) => rule.arn));
  for (const [ending, target] of [
    ['queue-policy', queue],
    ['dead-letters-policy', deadLetterQueue],
  ] as const) {
    const policyText = pulumi
      .all([target.arn, ruleArns])
      .apply(([arn, arns]) => JSON.stringify(queuePolicy(arn, arns)));
    new aws.sqs.QueuePolicy(`${name}-${ending}`, { queueUrl: target.url, policy: policyText }, { parent });
  }
}
