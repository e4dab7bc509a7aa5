// Tests the host of the scratch repository's registry in each partition of AWS.
import { expect, it } from 'vitest';
import { createAwsScratch } from '../../../cli/prove/aws.ts';
import type { Client } from '../../../cli/stack/client.ts';
import type { AwsStack } from '../../../cli/stack/stack.ts';

it.each([
  ['aws', 'eu-west-1', '123456789012.dkr.ecr.eu-west-1.amazonaws.com'],
  ['aws-cn', 'cn-north-1', '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn'],
])('in %s', (partition, region, host) => {
  const topicArn = `arn:${partition}:sns:${region}:123456789012:changes`;
  const stack = { accountId: '123456789012', region, partition, topicArn } as AwsStack;
  const sdk = {} as Parameters<typeof createAwsScratch>[3];
  expect(createAwsScratch(stack, {} as Client, 'pullgate-prove/one', sdk).host).toBe(host);
});
