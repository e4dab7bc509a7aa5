// Finds an image in the stack's registries on Azure, and what refuses its pulls there.
import type { ContainerRegistryClient } from '@azure/container-registry';
import { attributeGateOf } from '../../azure/function/attribute-lock.ts';
import type { Clients } from '../../azure/function/clients.ts';
import { unlessAbsent } from '../../azure/function/images.ts';
import type { Parts } from '../../azure/function/invocation.ts';
import type { Gate } from '../../shared/gate/record.ts';
import type { ImageName } from './image-name.ts';
import type { Found, FoundImage, Obstacle, Side } from './side.ts';
import type { AzureStack } from './stack.ts';

export function azureFinder(
  { granularity }: Pick<AzureStack, 'granularity'>,
  clients: Pick<Clients, 'registry'>,
  { registries, table }: Pick<Parts, 'registries' | 'table'>,
): Pick<Side, 'find' | 'obstacles'> {
  return { find, obstacles };

  async function find({ registry: { host }, repository, tag, digest }: ImageName): Promise<Found> {
    const places = await registries.all();
    const place = places.find(({ loginServer }) => loginServer.toLowerCase() === host);
    if (place === undefined) {
      const names = places.map(({ loginServer, name }) =>
        loginServer === ''
          ? `${name} (which Resource Manager does not show to whoever runs this command)`
          : loginServer,
      );
      return { kind: 'elsewhere', registries: names };
    }
    const client = clients.registry(place.loginServer);
    const reference =
      digest ?? (await unlessAbsent(client.getArtifact(repository, tag ?? '').getTagProperties(tag ?? '')))?.digest;
    const image =
      reference === undefined
        ? undefined
        : await unlessAbsent(client.getArtifact(repository, reference).getManifestProperties());
    if (image === undefined) {
      const isThere = (await unlessAbsent(client.getRepository(repository).getProperties())) !== undefined;
      return { kind: 'absent', what: isThere ? 'image' : 'repository' };
    }
    const children = image.relatedArtifacts.map((child) => ({
      digest: child.digest,
      platform: [child.operatingSystem, child.architecture].filter((part) => part !== undefined).join('/'),
    }));
    const whole: Gate = { registry: place.id, repository };
    const digests = [image.digest, ...children.map((child) => child.digest)];
    return {
      kind: 'found',
      ...whole,
      digest: image.digest,
      tags: image.tags,
      tag,
      children,
      gates: granularity === 'image' ? digests.map((one) => ({ ...whole, digest: one })) : [whole],
      problem: place.problem,
    };
  }

  /** Whatever the granularity is now: a lock of another one may be left. */
  async function obstacles({ registry, repository, digest, tag, children }: FoundImage): Promise<readonly Obstacle[]> {
    const place = (await registries.all()).find(({ id }) => id === registry);
    if (place === undefined) return [];
    const client = clients.registry(place.loginServer);
    const whole: Gate = { registry, repository };
    const ofGates = await Promise.all([
      lock(client, whole, 'readEnabled of the repository is false'),
      lock(client, { ...whole, digest }, 'readEnabled of the image is false'),
      ...children.map((child) =>
        lock(
          client,
          { ...whole, digest: child.digest },
          `readEnabled of its image for ${child.platform || child.digest} is false`,
        ),
      ),
    ]);
    return [...ofGates.flat(), ...(tag === undefined ? [] : await lockOfTag(client, repository, tag))];
  }

  /** A lock carries no mark: it is ours where the record says that we set it. */
  async function lock(client: ContainerRegistryClient, gate: Gate, what: string): Promise<readonly Obstacle[]> {
    const reading = await attributeGateOf(client).read(gate);
    if (reading === undefined || reading.ours === 'absent') return [];
    const { value: record } = await table.records.load(gate);
    if (record?.claimed !== true) return [{ by: 'others', for: 'everyone', what }];
    return [{ by: 'pullgate', for: 'everyone', what, since: record.closedSince ?? record.since }];
  }

  /** pullgate locks no tags. */
  async function lockOfTag(client: ContainerRegistryClient, repository: string, tag: string) {
    const found = await unlessAbsent(client.getArtifact(repository, tag).getTagProperties(tag));
    const obstacle: Obstacle = { by: 'others', for: 'everyone', what: `readEnabled of the tag ${tag} is false` };
    return found?.canRead === false ? [obstacle] : [];
  }
}
