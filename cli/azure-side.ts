// The Azure side of a stack, with the credentials of whoever runs the command.
import { DefaultAzureCredential } from '@azure/identity';
import { createClients } from '../azure/function/clients.ts';
import { registryIn } from '../azure/function/events.ts';
import { partsOf } from '../azure/function/work.ts';
import type { Instant } from '../shared/finding.ts';
import { reconcile } from '../shared/reconcile.ts';
import { rulesOf } from '../shared/rules.ts';
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
      return reconcile(releaseHint(gate), rules, portsFrom(now(), registry, ignore));
    },
  };
}
