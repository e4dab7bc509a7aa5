// The images of a registry's repositories: which exist, their tags, and which are children of a tagged index.
import type { ArtifactManifestProperties, ContainerRegistryClient } from '@azure/container-registry';
import type { Instant } from '../../shared/policy/finding.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { undefinedIf } from './errors.ts';

/** An image that exists in the registry. */
export interface Image {
  readonly digest: string;
  readonly tags: readonly string[];
  /** True if the image may be an index: an index has no architecture and no operating system. */
  readonly mayBeIndex: boolean;
  /**
   * An attestation (provenance or SBOM), not an image.
   * Source: https://docs.docker.com/build/metadata/attestations/attestation-storage/
   */
  readonly isAttestation: boolean;
  /**
   * When this manifest was first pushed. Undefined: the registry does not say.
   * Source: https://learn.microsoft.com/rest/api/containerregistry/
   */
  readonly pushedAt: Instant | undefined;
}

const INDEXES_AT_ONCE = 4;

/**
 * How long a child of a tagged index stays known. An index may be tagged at any time, so an untagged image that is not
 * a known child is always looked up again.
 */
const TAGGED_MILLISECONDS = 60_000;
/** The most indexes whose children are kept in memory. An index never changes. */
const MAX_INDEXES = 50_000;

/** What is known about the images of one registry. */
interface Known {
  readonly client: ContainerRegistryClient;
  /** The children of each index, by repository and digest. */
  readonly indexes: Map<string, readonly string[]>;
}

/** The images of the registry at one login server. */
export function createImages(client: ContainerRegistryClient, now: () => Instant) {
  const known: Known = { client, indexes: new Map() };
  const tagged = new Map<string, { readonly children: ReadonlySet<string>; readonly at: number }>();
  return {
    /** Undefined if the image does not exist. */
    async describe(repository: string, digest: string): Promise<Image | undefined> {
      const properties = await unlessAbsent(client.getArtifact(repository, digest).getManifestProperties());
      return properties === undefined ? undefined : imageFrom(properties);
    },

    /** Every image of a repository. Empty if the repository does not exist. */
    async describeAll(repository: string): Promise<ReadonlyMap<string, Image>> {
      const images = new Map<string, Image>();
      await unlessAbsent(listInto(images, client, repository));
      return images;
    },

    /** The digests of the children of an index. Empty if it does not exist. */
    childrenOf: (repository: string, digest: string) => childrenOf(known, repository, digest),

    /** Was this image recently seen as a child of a tagged index? */
    isKnownChild(repository: string, digest: string): boolean {
      const found = tagged.get(repository);
      return found !== undefined && Date.parse(now()) - found.at < TAGGED_MILLISECONDS && found.children.has(digest);
    },

    /** The digests of the children of tagged indexes, including indirect children. */
    async childrenOfTagged(repository: string, all: ReadonlyMap<string, Image>): Promise<ReadonlySet<string>> {
      const children = await findChildren(known, repository, all);
      tagged.set(repository, { children, at: Date.parse(now()) });
      return children;
    },
  };
}

export type Images = ReturnType<typeof createImages>;

async function listInto(
  images: Map<string, Image>,
  client: ContainerRegistryClient,
  repository: string,
): Promise<void> {
  for await (const properties of client.getRepository(repository).listManifestProperties()) {
    images.set(properties.digest, imageFrom(properties));
  }
}

async function findChildren(
  known: Known,
  repository: string,
  all: ReadonlyMap<string, Image>,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  let next = [...all.values()].filter(({ tags, mayBeIndex }) => mayBeIndex && tags.length > 0);
  while (next.length > 0) {
    const children = await mapConcurrently(next, INDEXES_AT_ONCE, ({ digest }) =>
      childrenOf(known, repository, digest),
    );
    const unseen = [...new Set(children.flat())].filter((digest) => !found.has(digest));
    for (const digest of unseen) found.add(digest);
    next = unseen.flatMap((digest) => all.get(digest) ?? []).filter(({ mayBeIndex }) => mayBeIndex);
  }
  return found;
}

async function childrenOf({ client, indexes }: Known, repository: string, digest: string): Promise<readonly string[]> {
  const key = `${repository}@${digest}`;
  const before = indexes.get(key);
  if (before !== undefined) return before;
  const properties = await unlessAbsent(client.getArtifact(repository, digest).getManifestProperties());
  if (properties === undefined) return [];
  const children = properties.relatedArtifacts.map((related) => related.digest);
  if (indexes.size >= MAX_INDEXES) indexes.clear();
  // The registry may not show the children of an index that was just pushed.
  if (children.length > 0) indexes.set(key, children);
  return children;
}

/** Undefined if the registry responds that the resource does not exist. */
export function unlessAbsent<T>(call: Promise<T>): Promise<T | undefined> {
  return undefinedIf([404], call);
}

function imageFrom(properties: ArtifactManifestProperties): Image {
  const { digest, tags, architecture, operatingSystem } = properties;
  // The client does not check that the response has it.
  const createdOn: Date | undefined = properties.createdOn;
  return {
    digest,
    tags,
    mayBeIndex: architecture === undefined && operatingSystem === undefined,
    isAttestation: operatingSystem === 'unknown',
    pushedAt: createdOn?.toISOString(),
  };
}
