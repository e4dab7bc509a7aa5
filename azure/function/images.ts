// The images of a registry's repositories: which are there, with which tags, and which are children of a tagged index.
import type { ArtifactManifestProperties, ContainerRegistryClient } from '@azure/container-registry';
import type { Instant } from '../../shared/policy/finding.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { undefinedIf } from './errors.ts';

/** One image that is in the registry. */
export interface Image {
  readonly digest: string;
  readonly tags: readonly string[];
  /** It may lead to others: an index has no architecture and no operating system of its own. */
  readonly mayBeIndex: boolean;
}

const INDEXES_AT_ONCE = 4;

/**
 * An index may be tagged at any time: an image that was found without a tag is looked up again, and a child of a tagged
 * index is known for this time.
 */
const TAGGED_MILLISECONDS = 60_000;
/** The children of at most this many indexes are kept in memory: an index never changes. */
const MAX_INDEXES = 50_000;

/** What is known of one registry's images. */
interface Known {
  readonly client: ContainerRegistryClient;
  /** The children of an index, by its repository and digest. */
  readonly indexes: Map<string, readonly string[]>;
}

/** The images behind one login server. */
export function createImages(client: ContainerRegistryClient, now: () => Instant) {
  const known: Known = { client, indexes: new Map() };
  const tagged = new Map<string, { readonly children: ReadonlySet<string>; readonly at: number }>();
  return {
    /** Undefined if it is not there. */
    async describe(repository: string, digest: string): Promise<Image | undefined> {
      const properties = await unlessAbsent(client.getArtifact(repository, digest).getManifestProperties());
      return properties === undefined ? undefined : imageFrom(properties);
    },

    /** Every image that is there; none if there is no repository. */
    async describeAll(repository: string): Promise<ReadonlyMap<string, Image>> {
      const images = new Map<string, Image>();
      await unlessAbsent(listInto(images, client, repository));
      return images;
    },

    /** Has a tagged index lately been seen to lead to this image? */
    isKnownChild(repository: string, digest: string): boolean {
      const found = tagged.get(repository);
      return found !== undefined && Date.parse(now()) - found.at < TAGGED_MILLISECONDS && found.children.has(digest);
    },

    /** The digests that tagged indexes lead to, also through another index. */
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
  indexes.set(key, children);
  return children;
}

/** Undefined if the registry says that it does not exist. */
export function unlessAbsent<T>(call: Promise<T>): Promise<T | undefined> {
  return undefinedIf([404], call);
}

function imageFrom({ digest, tags, architecture, operatingSystem }: ArtifactManifestProperties): Image {
  return { digest, tags, mayBeIndex: architecture === undefined && operatingSystem === undefined };
}
