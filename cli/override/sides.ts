// What works on the gates of each cloud of a stack.
import type { Instant } from '../../shared/policy/finding.ts';
import type { Stack } from '../stack/stack.ts';
import type { Hand } from './side.ts';

/** By the cloud that a stack is in. Its SDK is loaded only there. */
export async function handOf(cloud: 'aws' | 'azure', { aws, azure }: Stack, now: () => Instant): Promise<Hand> {
  if (cloud === 'aws' && aws !== undefined) return (await import('./aws.ts')).awsHand(aws, now);
  if (cloud === 'azure' && azure !== undefined) return (await import('./azure.ts')).azureHand(azure, now);
  throw new Error(`the stack has no side on ${cloud}`);
}
