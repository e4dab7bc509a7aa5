// What works on the gates of each cloud of a stack.
import type { Instant } from '../shared/finding.ts';
import type { Hand } from './hand-side.ts';
import type { Stack } from './stack.ts';

/** By the cloud that a stack is in. Its SDK is loaded only there. */
export async function handOf(cloud: 'aws' | 'azure', { aws, azure }: Stack, now: () => Instant): Promise<Hand> {
  if (cloud === 'aws' && aws !== undefined) return (await import('./hand-aws.ts')).awsHand(aws, now);
  if (cloud === 'azure' && azure !== undefined) return (await import('./hand-azure.ts')).azureHand(azure, now);
  throw new Error(`the stack has no side on ${cloud}`);
}
