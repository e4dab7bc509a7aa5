// The commands of the Azure CLI that delete and untag images.
import type { Gate } from '../../shared/gate/gate.ts';
import type { RemovalCommands } from '../../shared/report/remedy-text.ts';
import { nameOf, registryIn } from './registry-id.ts';

/** Source: https://learn.microsoft.com/cli/azure/acr/repository */
export const REMOVAL: RemovalCommands = {
  delete: (gate, _name, digest) => `az acr repository delete ${placeOf(gate)} --image ${gate.repository}@${digest}`,
  untag: (gate, _name, tag) => `az acr repository untag ${placeOf(gate)} --image ${gate.repository}:${tag}`,
};

/** Without the subscription, the CLI looks for the registry in its current one. */
function placeOf({ registry }: Gate): string {
  return `--subscription ${registryIn(registry)?.subscription} --name ${nameOf(registry)}`;
}
