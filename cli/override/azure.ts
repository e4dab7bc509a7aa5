// Orders by hand on Azure, with the credentials of whoever runs the command.
import { DefaultAzureCredential } from '@azure/identity';
import { createClients } from '../../azure/function/clients.ts';
import { partsOf } from '../../azure/function/invocation.ts';
import { registryIn } from '../../azure/function/parse.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { AzureStack } from '../stack/stack.ts';
import { LOCKS_ROLE, roleMissing, sentenceOf, UsageError } from '../terminal/ending.ts';
import { type Hand, handOver } from './side.ts';

export function azureHand(
  settings: AzureStack,
  now: () => Instant,
  clients = createClients(settings, new DefaultAzureCredential()),
): Hand {
  const { table, portsFrom, registryOfStack } = partsOf({ settings, clients, now });
  const hand = handOver(settings, table.records, async ({ registry: id }) => {
    const named = registryIn(id);
    const registry = named === undefined ? undefined : await registryOfStack(named);
    if (registry === undefined) {
      throw new UsageError(
        `the registry ${id} is not one of the stack's any more: add it to pullgate:azure.registries, run \`pulumi up\`, and then this command again`,
      );
    }
    const ports = portsFrom(now(), registry, () => {});
    const notify: typeof ports.notify = (to, notice) =>
      ports.notify(to, notice).catch((cause: unknown) => {
        throw new Error(sentenceOf(cause), { cause });
      });
    return { ...ports, notify };
  });
  return {
    ...hand,
    async look(...asked) {
      const decision = await hand.look(...asked);
      return { ...decision, problem: problemHere(decision.problem) };
    },
  };
}

/** The adapter's words are meant for the function's log. Here it is not the function that lacks a role. */
function problemHere(problem: string | undefined): string | undefined {
  const [, status] = /\((401|403): /.exec(problem ?? '') ?? [];
  return status === undefined ? problem : roleMissing('the registry', Number(status), LOCKS_ROLE);
}
