// Runs the self-test of `check --live` in this process, in worlds of its own.
import { testAzure } from '../../../cli/check/azure-self-test.ts';
import type { TestLine } from '../../../cli/check/self-test.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import type { Grant } from '../../../local/azure/grant.ts';
import { type Config, REGISTRY, type Stage, stage } from '../../e2e/azure/stage.ts';
import { outputsOf } from '../command.ts';
import { leastToTestOnAzure } from '../command-observing.ts';

export const SUBSCRIPTION = '/subscriptions/00000000-1111-2222-3333-444444444444';
export const ENABLED = { azure: { enableDefender: true } };
export const ABAC = { azure: { enableDefender: true, registryRoles: 'abac' } };
export const IN_ABAC = { registries: { [REGISTRY]: { roleMode: 'AbacRepositoryPermissions' } } } as const;
/** A finding whose image only the registry can place. */
export const UNPLACED = { naming: 'dashed', additionalAs: 'missing' } as const;

/** Runs the self-test as a person with these roles. */
export async function selfTest(
  s: Stage,
  grants: readonly Grant[] = leastToTestOnAzure(s.graph),
): Promise<readonly TestLine[]> {
  const { azure } = await findStack({ outputs: outputsOf(s.graph) });
  if (azure === undefined) throw new Error('the stack is on Azure');
  const operator = s.cloud.principals.add('operator of the self-test', grants);
  return testAzure(azure, () => s.cloud.clock.now().toISOString(), operator, s.cloud.clientOptions);
}

/** A stack whose registry has an image with a finding. */
export async function withFinding(config: Config = ENABLED, options: Parameters<typeof stage>[1] = {}): Promise<Stage> {
  const s = await stage(config, options);
  await s.report(s.push('v1'));
  return s;
}

export function line(lines: readonly TestLine[], what: string): TestLine | undefined {
  return lines.find((one) => one.what === what);
}

/** The lines that are not ok. */
export function notOk(lines: readonly TestLine[]): readonly string[] {
  return lines.filter(({ state }) => state !== 'ok').map(({ state, what, found }) => `${state}: ${what}: ${found}`);
}
