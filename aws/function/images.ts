// The images of an ECR repository: which are there, with which tags, and which are children of a tagged index.
import {
  BatchGetImageCommand,
  DescribeImagesCommand,
  type ECRClient,
  type ImageDetail,
  ImageNotFoundException,
  paginateDescribeImages,
  RepositoryNotFoundException,
} from '@aws-sdk/client-ecr';
import * as v from 'valibot';

/** One image that is in the registry. */
export interface Image {
  readonly digest: string;
  readonly tags: readonly string[];
  readonly isIndex: boolean;
}

const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
/** DescribeImages and BatchGetImage take so many images at most by name. Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/ */
export const MAX_NAMED = 100;
const index = v.object({ manifests: v.array(v.object({ digest: v.string(), mediaType: v.optional(v.string(), '') })) });

interface Child {
  readonly digest: string;
  readonly isIndex: boolean;
}

/** The images of one account's private registry. */
export function createImages(client: ECRClient, registryId: string) {
  /**
   * The images of these digests, at most `MAX_NAMED`, that are there. ECR answers nothing at all where one of them is missing: then all images are listed.
   */
  async function describe(repositoryName: string, digests: readonly string[]): Promise<ReadonlyMap<string, Image>> {
    if (digests.length === 0) return new Map();
    const imageIds = digests.map((imageDigest) => ({ imageDigest }));
    try {
      const { imageDetails } = await client.send(new DescribeImagesCommand({ registryId, repositoryName, imageIds }));
      return byDigest(imageDetails ?? []);
    } catch (error) {
      if (error instanceof RepositoryNotFoundException) return new Map();
      if (!(error instanceof ImageNotFoundException)) throw error;
      return digests.length === 1 ? new Map() : describeAll(repositoryName);
    }
  }

  /** Every image that is there; none where there is no repository. */
  async function describeAll(repositoryName: string): Promise<ReadonlyMap<string, Image>> {
    const images = new Map<string, Image>();
    const request = { registryId, repositoryName };
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

  /** The digests that these indexes lead to, also through another index. */
  async function descendants(repositoryName: string, indexes: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    let next = [...indexes];
    while (next.length > 0) {
      const children = await childrenOf(repositoryName, next);
      const unseen = children.filter(({ digest }) => !found.has(digest));
      next = [...new Set(unseen.flatMap(({ digest, isIndex }) => (isIndex ? [digest] : [])))];
      for (const { digest } of unseen) found.add(digest);
    }
    return found;
  }

  async function childrenOf(repositoryName: string, indexes: readonly string[]): Promise<readonly Child[]> {
    const children: Child[] = [];
    for (let from = 0; from < indexes.length; from += MAX_NAMED) {
      const imageIds = indexes.slice(from, from + MAX_NAMED).map((imageDigest) => ({ imageDigest }));
      const request = { registryId, repositoryName, imageIds, acceptedMediaTypes: INDEX_TYPES };
      const { images, failures } = await client.send(new BatchGetImageCommand(request));
      // An index that cannot be read may lead anywhere: only one that is not there (any more) leads nowhere.
      const unreadable = failures?.find(({ failureCode }) => failureCode !== 'ImageNotFound');
      if (unreadable !== undefined) {
        const { imageId, failureCode, failureReason } = unreadable;
        throw new Error(
          `${repositoryName}: ECR does not give the index ${imageId?.imageDigest} (${failureCode}: ${failureReason})`,
        );
      }
      for (const { imageManifest } of images ?? []) children.push(...childrenIn(imageManifest));
    }
    return children;
  }

  return { describe, describeAll, descendants };
}

export type Images = ReturnType<typeof createImages>;

function byDigest(details: readonly ImageDetail[]): ReadonlyMap<string, Image> {
  return new Map(
    details.flatMap(({ imageDigest, imageTags, imageManifestMediaType }) => {
      if (imageDigest === undefined) return [];
      const image = {
        digest: imageDigest,
        tags: imageTags ?? [],
        isIndex: INDEX_TYPES.includes(imageManifestMediaType ?? ''),
      };
      return [[imageDigest, image]];
    }),
  );
}

/** An index that is not one has no children: ECR checks a manifest when it is pushed. */
function childrenIn(manifest: string | undefined): readonly Child[] {
  const parsed = v.safeParse(index, JSON.parse(manifest ?? '{}'));
  if (!parsed.success) return [];
  return parsed.output.manifests.map(({ digest, mediaType }) => ({ digest, isIndex: INDEX_TYPES.includes(mediaType) }));
}
