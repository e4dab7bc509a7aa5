// The first day's self-test of a stack on Azure. It only reads.
import type { PipelineOptions } from '@azure/core-rest-pipeline';
import { DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import { createAdapters } from '../../azure/function/adapters.ts';
import { type Clients, createClients } from '../../azure/function/clients.ts';
import { keyOf, registryIn } from '../../azure/function/registry-id.ts';
import { createReadArm } from '../stack/azure-arm.ts';
import type { AzureStack } from '../stack/stack.ts';
import type { AzureTest, NamedRegistry } from './azure-check.ts';
import { checkPlans } from './azure-plans.ts';
import { checkRegistry } from './azure-registries.ts';
import { checkRows } from './azure-rows.ts';
import { checkUnlock } from './azure-unlock.ts';
import type { TestLine } from './self-test.ts';

/**
 * Checks a stack: the plans, what arrives in Log Analytics, and each registry.
 *
 * @param credential the identity that reads. Default: the credentials of this machine
 * @param options pipeline options for reaching Azure, such as a proxy
 */
export async function testAzure(
  stack: AzureStack,
  now: () => string,
  credential: TokenCredential = new DefaultAzureCredential(),
  options: PipelineOptions = {},
): Promise<readonly TestLine[]> {
  const clients = createClients(stack, credential, options);
  const describeRegistry = readOnce(clients.describeRegistry);
  const adapters = createAdapters({ settings: stack, clients: { ...clients, describeRegistry }, now });
  const readArm = createReadArm(credential, options);
  const test: AzureTest = { stack, adapters, logs: clients.logs, readArm, now };
  const registries = stack.registries.flatMap((id) => namedRegistry(id, describeRegistry));
  const lines = await Promise.all([
    checkPlans(test),
    checkRows(test),
    ...registries.map(async (registry) => [
      ...(await checkRegistry(test, registry)),
      await checkUnlock(test, registry),
    ]),
  ]);
  return lines.flat();
}

function namedRegistry(id: string, describeRegistry: Clients['describeRegistry']): readonly NamedRegistry[] {
  const named = registryIn(id);
  return named === undefined ? [] : [{ id, name: named.name, describe: () => describeRegistry(named) }];
}

/** Reads each registry once for all checks. */
function readOnce(describeRegistry: Clients['describeRegistry']): Clients['describeRegistry'] {
  const known = new Map<string | undefined, ReturnType<typeof describeRegistry>>();
  return (id) => {
    const described = known.get(keyOf(id)) ?? describeRegistry(id);
    known.set(keyOf(id), described);
    return described;
  };
}
