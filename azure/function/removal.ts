// The commands of the Azure CLI that delete and untag images.
import type { RemovalCommands } from '../../shared/report/remedy-text.ts';

/** Source: https://learn.microsoft.com/cli/azure/acr/repository */
export const REMOVAL: RemovalCommands = {
  delete: ({ registry, repository }, _name, digest) =>
    `az acr repository delete --name ${nameOf(registry)} --image ${repository}@${digest}`,
  untag: ({ registry, repository }, _name, tag) =>
    `az acr repository untag --name ${nameOf(registry)} --image ${repository}:${tag}`,
};

/** The last part of a registry's id. */
function nameOf(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}
