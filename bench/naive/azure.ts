// The naive design on Azure, for comparison: one invocation and one lock per finding event, without records, grouping
// or notices.
import { ContainerRegistryClient } from '@azure/container-registry';
import { app } from '@azure/functions';
import { ManagedIdentityCredential } from '@azure/identity';

/** The fields of the Logic App's message that are read. */
interface Identifiers {
  readonly assessment?: string;
  /** JSON text. */
  readonly resourceAdditionalData?: string;
}

interface Named {
  readonly RepositoryDetails?: { readonly RepositoryName?: string };
  readonly Digest?: string;
}

const credential = new ManagedIdentityCredential({ clientId: process.env['PULLGATE_CLIENT_ID'] ?? '' });
const clients = new Map<string, ContainerRegistryClient>();

app.storageQueue('message', {
  queueName: '%PULLGATE_QUEUE%',
  connection: 'AzureWebJobsStorage',
  async handler(message) {
    const { assessment = '', resourceAdditionalData = '{}' } = message as Identifiers;
    const { RepositoryDetails: { RepositoryName: repository } = {}, Digest: digest }: Named =
      JSON.parse(resourceAdditionalData);
    const [, registry] = /\/registries\/([^/]+)/i.exec(assessment) ?? [];
    if (registry === undefined || repository === undefined || digest === undefined) return;
    await clientOf(registry).getArtifact(repository, digest).updateManifestProperties({ canRead: false });
  },
});

function clientOf(registry: string): ContainerRegistryClient {
  const known = clients.get(registry) ?? new ContainerRegistryClient(`https://${registry}.azurecr.io`, credential);
  clients.set(registry, known);
  return known;
}
