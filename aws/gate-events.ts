// What wakes the function: the rules on the default event bus, and the schedule.
import { type EventPattern, inspectorFindingPattern } from '../shared/compile.ts';
import type { Policy } from '../shared/policy.ts';

/** One rule, whose events go to the queue. */
export interface RuleSpec {
  /** The end of the resource's name. */
  readonly name: string;
  readonly description: string;
  /** Which events; or how often, with what message. */
  readonly when: { readonly pattern: EventPattern } | { readonly schedule: string; readonly message: string };
}

/**
 * How long EventBridge tries to reach the queue before the event goes to the dead-letter queue: its most, a day and 185 attempts.
 * Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
export const DELIVERY_RETRY = { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 } as const;

/** The rules of a stack with this policy. */
export function ruleSpecs(policy: Policy): readonly RuleSpec[] {
  return [
    {
      name: 'findings',
      description: 'Inspector findings of ECR images that the policy may count, in every state',
      when: { pattern: inspectorFindingPattern(policy) },
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
      description: 'Wakes the function, which knows whether a sweep is due and which gates wait for the brake',
      when: { schedule: 'rate(5 minutes)', message: JSON.stringify({ pullgate: 'tick' }) },
    },
  ];
}
