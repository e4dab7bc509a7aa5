// Connects to the clouds of a stack.
import type { Instant } from '../../shared/policy/finding.ts';
import type { Client } from './client.ts';
import type { Stack } from './stack.ts';

/** One client for each cloud of the stack. A cloud's SDK is loaded only if the stack is in that cloud. */
export async function connect(
  { aws, azure }: Pick<Stack, 'aws' | 'azure'>,
  now: () => Instant,
): Promise<readonly Client[]> {
  return [
    ...(aws === undefined ? [] : [(await import('./aws-client.ts')).createAwsClient(aws, now)]),
    ...(azure === undefined ? [] : [(await import('./azure-client.ts')).createAzureClient(azure, now)]),
  ];
}
