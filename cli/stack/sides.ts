// The sides that a stack has.
import type { Instant } from '../../shared/policy/finding.ts';
import type { Side } from './side.ts';
import type { Stack } from './stack.ts';

/** A cloud's SDK is loaded only where the stack is in that cloud. */
export async function sidesOf({ aws, azure }: Stack, now: () => Instant): Promise<readonly Side[]> {
  return [
    ...(aws === undefined ? [] : [(await import('./aws-side.ts')).awsSide(aws, now)]),
    ...(azure === undefined ? [] : [(await import('./azure-side.ts')).azureSide(azure, now)]),
  ];
}
