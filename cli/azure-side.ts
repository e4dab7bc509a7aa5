// The Azure side of a stack, with the credentials of whoever runs the command.
import { DefaultAzureCredential } from '@azure/identity';
import { createClients } from '../azure/function/clients.ts';
import { registryIn } from '../azure/function/events.ts';
import { partsOf } from '../azure/function/work.ts';
import type { Instant } from '../shared/finding.ts';
import { reconcile } from '../shared/reconcile.ts';
import { rulesOf } from '../shared/rules.ts';
import { LOCKS_ROLE, roleMissing, sentenceOf } from './ending.ts';
import { releaseHint, type Side } from './side.ts';
import type { AzureStack } from './stack.ts';

export function azureSide(settings: AzureStack, now: () => Instant): Side {
  const clients = createClients(settings, new DefaultAzureCredential());
  const { table, pause, portsFrom, registryOfStack } = partsOf({ settings, clients, now });
  const rules = rulesOf(settings, 'pause');
  return {
    cloud: 'azure',
    pause,
    records: table.records,
    gates: () => table.gates(),
    async open(gate) {
      const id = registryIn(gate.registry);
      const registry = id === undefined ? undefined : await registryOfStack(id);
      if (registry === undefined) {
        throw new Error(
          `the registry ${gate.registry} is not one of the stack's any more: add it to pullgate:azure.registries, run \`pulumi up\`, and then this command again`,
        );
      }
      const ignore = () => {};
      const ports = portsFrom(now(), registry, ignore);
      const notify: typeof ports.notify = async (to, notice) => {
        try {
          await ports.notify(to, notice);
        } catch (cause) {
          throw new Error(sentenceOf(cause), { cause });
        }
      };
      const decision = await reconcile(releaseHint(gate), rules, { ...ports, notify });
      return { ...decision, problem: decision.problem === undefined ? undefined : problemHere(decision.problem) };
    },
  };
}

/** Its words are meant for the function's log. Here it is not the function that lacks a role. */
function problemHere(problem: string): string {
  const [, status] = /\((401|403): /.exec(problem) ?? [];
  return status === undefined ? problem : roleMissing('the registry', Number(status), LOCKS_ROLE);
}
