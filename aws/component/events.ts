// What triggers the function: the rules on the default event bus, the schedule, and the queues that they lead to.
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Policy } from '../../shared/policy/policy.ts';
import { type EventPattern, findingPattern } from './finding-pattern.ts';
import { queuePolicy } from './policies.ts';

/** One rule, whose events go to the queue. */
export interface RuleSpec {
  /** The end of the resource's name. */
  readonly name: string;
  readonly description: string;
  /** Which events; or how often, with what message. */
  readonly when: { readonly pattern: EventPattern } | { readonly schedule: string; readonly message: string };
}

/**
 * How long EventBridge tries to reach the queue before the event goes to the dead-letter queue: its most, a day and 185
 * attempts.
 * Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
const DELIVERY_RETRY = { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 } as const;

/** The rules of a stack with this policy. */
export function ruleSpecs(policy: Policy): readonly RuleSpec[] {
  return [
    {
      name: 'findings',
      description: 'Inspector findings of ECR images that the policy may count, in every state',
      when: { pattern: findingPattern(policy) },
    },
    {
      name: 'images',
      description: 'Images pushed to ECR or deleted from it',
      // https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
      when: {
        pattern: {
          source: ['aws.ecr'],
          'detail-type': ['ECR Image Action'],
          detail: { 'action-type': ['PUSH', 'DELETE'], result: ['SUCCESS'] },
        },
      },
    },
    {
      name: 'scans',
      description: 'Initial scans that Inspector completed',
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
      name: 'tick',
      description: 'Triggers the function, which knows whether a sweep is due and which gates wait for the brake',
      when: { schedule: 'rate(5 minutes)', message: JSON.stringify({ pullgate: 'tick' }) },
    },
  ];
}

const MAX_RECEIVE_COUNT = 8;
const DAY_SECONDS = 86_400;
/** Shorter than the dead letters': a message keeps the time of its first sending when it moves there. */
const MESSAGE_RETENTION_SECONDS = 4 * DAY_SECONDS;
const DEAD_LETTER_RETENTION_SECONDS = 14 * DAY_SECONDS;

export interface Queues {
  readonly queue: aws.sqs.Queue;
  readonly deadLetterQueue: aws.sqs.Queue;
}

/** The queue that the function reads, and the one for messages that could not be handled. */
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

/** The rules, each with the queue as its target; only they may send to the queues. */
export function createEventRules(
  name: string,
  policy: Policy,
  { queue, deadLetterQueue }: Queues,
  parent: pulumi.Resource,
): void {
  const rules = ruleSpecs(policy).map((spec) => {
    const rule = new aws.cloudwatch.EventRule(
      `${name}-${spec.name}`,
      'pattern' in spec.when
        ? { description: spec.description, eventPattern: JSON.stringify(spec.when.pattern) }
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
