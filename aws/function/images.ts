// Lists the images of an ECR repository, with their tags and with the children of indexes.
import {
  BatchGetImageCommand,
  DescribeImagesCommand,
  type ECRClient,
  type ImageDetail,
  ImageNotFoundException,
  paginateDescribeImages,
  paginateDescribeRepositories,
  RepositoryNotFoundException,
} from '@aws-sdk/client-ecr';
import * as v from 'valibot';
import type { Instant } from '../../shared/policy/finding.ts';
import { chunksOf } from '../../shared/runtime/chunks.ts';

/** An image that can be pulled, or that ECR is making pullable again. */
export interface Image {
  readonly digest: string;
  readonly tags: readonly string[];
  readonly isIndex: boolean;
  /** It is no container image, but a signature, an SBOM or the like. */
  readonly isArtifact: boolean;
  /**
   * ECR refreshes it at least once every 24 hours, so it may be up to a day old. Undefined: no pull is recorded.
   * Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html
   */
  readonly lastPulledAt: Instant | undefined;
  /** Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html */
  readonly pushedAt: Instant | undefined;
}

/** Source: https://github.com/opencontainers/image-spec/blob/main/media-types.md */
const IMAGE_CONFIG_TYPES = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];
const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
/**
 * The maximum number of images in one call of DescribeImages or BatchGetImage.
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/
 */
export const MAX_NAMED = 100;
/**
 * Without this filter, ECR returns active images only. With it, named and listed images have the same states.
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImagesFilter.html
 */
const IN_EVERY_STATE = { imageStatus: 'ANY' } as const;
const index = v.object({
  manifests: v.array(
    v.object({
      digest: v.string(),
      mediaType: v.optional(v.string(), ''),
      // Not checked: one wrong platform must not hide the other children.
      platform: v.optional(v.unknown()),
    }),
  ),
});

interface Child {
  readonly digest: string;
  readonly isIndex: boolean;
  /**
   * An attestation (provenance or SBOM), not an image.
   * Source: https://docs.docker.com/build/metadata/attestations/attestation-storage/
   */
  readonly isAttestation: boolean;
}

/** The private registry of one account. */
interface PrivateRegistry {
  readonly client: ECRClient;
  readonly registryId: string;
  /** The indexes that this process has read. A digest determines its content, so an entry is never outdated. */
  readonly known: IndexCache;
}

type IndexCache = ReturnType<typeof createIndexCache>;

/** About ten megabytes. */
const MAX_CACHED_CHILDREN = 50_000;

/** Keeps the children of indexes by digest. The oldest entries make room for new ones. */
export function createIndexCache(maxChildren = MAX_CACHED_CHILDREN) {
  const entries = new Map<string, readonly Child[]>();
  let size = 0;
  return {
    get: (digest: string): readonly Child[] | undefined => entries.get(digest),
    add(digest: string, children: readonly Child[]): void {
      if (entries.has(digest)) return;
      entries.set(digest, children);
      size += 1 + children.length;
      for (const [oldest, { length }] of entries) {
        if (size <= maxChildren) break;
        entries.delete(oldest);
        size -= 1 + length;
      }
    },
  };
}

/** The images of one account's private registry. */
export function createImages(client: ECRClient, registryId: string): Images {
  const registry: PrivateRegistry = { client, registryId, known: createIndexCache() };
  return {
    repositories: () => repositories(registry),
    describe: (...asked) => describe(registry, ...asked),
    describeAll: (...asked) => describeAll(registry, ...asked),
    descendants: (...asked) => descendants(registry, ...asked),
    runnableIn: (...asked) => runnableIn(registry, ...asked),
  };
}

export interface Images {
  /** The names of all repositories. */
  repositories(): Promise<readonly string[]>;
  /**
   * Those of these images, at most `MAX_NAMED`, that exist and are not archived. The result may also contain others.
   */
  describe(repositoryName: string, digests: readonly string[]): Promise<ReadonlyMap<string, Image>>;
  /** Every image of the repository that is not archived; none if the repository does not exist. */
  describeAll(repositoryName: string): Promise<ReadonlyMap<string, Image>>;
  /** The digests that these indexes reference, directly or through another index. */
  descendants(repositoryName: string, indexes: readonly string[]): Promise<ReadonlySet<string>>;
  /** What each of these indexes lists itself, without attestations. */
  runnableIn(repositoryName: string, indexes: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
}

/** Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html */
async function repositories({ client, registryId }: PrivateRegistry): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of paginateDescribeRepositories({ client, pageSize: 1000 }, { registryId }))
    for (const { repositoryName } of page.repositories ?? [])
      if (repositoryName !== undefined) names.push(repositoryName);
  return names;
}

async function describe(
  registry: PrivateRegistry,
  repositoryName: string,
  digests: readonly string[],
): Promise<ReadonlyMap<string, Image>> {
  if (digests.length === 0) return new Map();
  const { client, registryId } = registry;
  const imageIds = digests.map((imageDigest) => ({ imageDigest }));
  try {
    const request = { registryId, repositoryName, imageIds, filter: IN_EVERY_STATE };
    const { imageDetails } = await client.send(new DescribeImagesCommand(request));
    return byDigest(imageDetails ?? []);
  } catch (error) {
    if (error instanceof RepositoryNotFoundException) return new Map();
    if (!(error instanceof ImageNotFoundException)) throw error;
    // If one image is missing, ECR does not describe the others either.
    return digests.length === 1 ? new Map() : describeAll(registry, repositoryName);
  }
}

async function describeAll(
  { client, registryId }: PrivateRegistry,
  repositoryName: string,
): Promise<ReadonlyMap<string, Image>> {
  const images = new Map<string, Image>();
  const request = { registryId, repositoryName, filter: IN_EVERY_STATE };
  try {
    for await (const page of paginateDescribeImages({ client, pageSize: 1000 }, request)) {
      for (const [digest, image] of byDigest(page.imageDetails ?? [])) images.set(digest, image);
    }
    return images;
  } catch (error) {
    if (error instanceof RepositoryNotFoundException) return new Map();
    throw error;
  }
}

async function descendants(
  registry: PrivateRegistry,
  repositoryName: string,
  indexes: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  let next = [...indexes];
  while (next.length > 0) {
    const children = [...(await childrenOf(registry, repositoryName, next)).values()].flat();
    const unseen = children.filter(({ digest }) => !found.has(digest));
    next = [...new Set(unseen.flatMap(({ digest, isIndex }) => (isIndex ? [digest] : [])))];
    for (const { digest } of unseen) found.add(digest);
  }
  return found;
}

async function runnableIn(
  registry: PrivateRegistry,
  repositoryName: string,
  indexes: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const children = await childrenOf(registry, repositoryName, indexes);
  const runnableOf = (own: readonly Child[]) =>
    own.flatMap(({ digest, isAttestation }) => (isAttestation ? [] : digest));
  return new Map([...children].map(([index, own]) => [index, runnableOf(own)]));
}

/** The children of each of these indexes that exists. */
async function childrenOf(
  { client, registryId, known }: PrivateRegistry,
  repositoryName: string,
  indexes: readonly string[],
): Promise<ReadonlyMap<string, readonly Child[]>> {
  const children = new Map<string, readonly Child[]>();
  const unread: string[] = [];
  for (const digest of indexes) {
    const before = known.get(digest);
    if (before === undefined) unread.push(digest);
    else children.set(digest, before);
  }
  for (const digests of chunksOf(unread, MAX_NAMED)) {
    const imageIds = digests.map((imageDigest) => ({ imageDigest }));
    const request = { registryId, repositoryName, imageIds, acceptedMediaTypes: INDEX_TYPES };
    const { images, failures } = await client.send(new BatchGetImageCommand(request));
    // An index that cannot be read may reference any image. Only a missing index references none.
    const unreadable = failures?.find(({ failureCode }) => failureCode !== 'ImageNotFound');
    if (unreadable !== undefined) {
      const { imageId, failureCode, failureReason } = unreadable;
      throw new Error(
        `${repositoryName}: ECR did not return the index ${imageId?.imageDigest} (${failureCode}: ${failureReason})`,
      );
    }
    for (const { imageId, imageManifest } of images ?? []) {
      const digest = imageId?.imageDigest;
      if (digest === undefined) throw new Error(`${repositoryName}: ECR returned an index without its digest`);
      const own = childrenIn(imageManifest);
      children.set(digest, own);
      known.add(digest, own);
    }
  }
  return children;
}

/**
 * An archived image cannot be pulled. One that is being reactivated can be within minutes, so it counts as present.
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive-image.html
 */
function byDigest(details: readonly ImageDetail[]): ReadonlyMap<string, Image> {
  return new Map(
    details.flatMap(({ imageDigest, imageStatus, ...detail }) => {
      if (imageDigest === undefined || imageStatus === 'ARCHIVED') return [];
      const { imageTags, imageManifestMediaType, artifactMediaType, lastRecordedPullTime, imagePushedAt } = detail;
      const image = {
        digest: imageDigest,
        tags: imageTags ?? [],
        isIndex: INDEX_TYPES.includes(imageManifestMediaType ?? ''),
        isArtifact: artifactMediaType !== undefined && !IMAGE_CONFIG_TYPES.includes(artifactMediaType),
        lastPulledAt: lastRecordedPullTime?.toISOString(),
        pushedAt: imagePushedAt?.toISOString(),
      };
      return [[imageDigest, image]];
    }),
  );
}

/** A manifest that is not a valid index has no children. ECR validates manifests when they are pushed. */
function childrenIn(manifest: string | undefined): readonly Child[] {
  const parsed = v.safeParse(index, JSON.parse(manifest ?? '{}'));
  if (!parsed.success) return [];
  return parsed.output.manifests.map(({ digest, mediaType, platform }) => ({
    digest,
    isIndex: INDEX_TYPES.includes(mediaType),
    isAttestation: osOf(platform) === 'unknown',
  }));
}

function osOf(platform: unknown): unknown {
  return typeof platform === 'object' && platform !== null && 'os' in platform ? platform.os : undefined;
}
