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
/** DescribeImages and BatchGetImage take so many images at most. Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/ */
const MAX_NAMED = 100;
const index = v.object({ manifests: v.array(v.object({ digest: v.string() })) });

/** The images of one account's private registry. */
export function imagesOf(client: ECRClient, registryId: string) {
  /**
   * The images of these digests that are there. ECR answers nothing at all where one of them is missing: then all images are listed.
   */
  async function describe(repositoryName: string, digests: readonly string[]): Promise<ReadonlyMap<string, Image>> {
    if (digests.length === 0) return new Map();
    if (digests.length > MAX_NAMED) return describeAll(repositoryName);
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

  /** The digests that a tagged index leads to, also through another index. */
  async function childrenOfTaggedIndexes(
    repositoryName: string,
    known?: ReadonlyMap<string, Image>,
  ): Promise<ReadonlySet<string>> {
    const images = known ?? (await describeAll(repositoryName));
    const children = new Set<string>();
    let next = [...images.values()]
      .filter(({ isIndex, tags }) => isIndex && tags.length > 0)
      .map(({ digest }) => digest);
    while (next.length > 0) {
      const found: string[] = [];
      for (let from = 0; from < next.length; from += MAX_NAMED) {
        const imageIds = next.slice(from, from + MAX_NAMED).map((imageDigest) => ({ imageDigest }));
        const request = { registryId, repositoryName, imageIds, acceptedMediaTypes: INDEX_TYPES };
        const answer = await client.send(new BatchGetImageCommand(request));
        for (const { imageManifest, imageManifestMediaType } of answer.images ?? []) {
          if (INDEX_TYPES.includes(imageManifestMediaType ?? '')) found.push(...childrenOf(imageManifest));
        }
      }
      const fresh = [...new Set(found)].filter((digest) => !children.has(digest));
      for (const digest of fresh) children.add(digest);
      next = fresh.filter((digest) => images.get(digest)?.isIndex ?? false);
    }
    return children;
  }

  return { describe, describeAll, childrenOfTaggedIndexes };
}

export type Images = ReturnType<typeof imagesOf>;

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
function childrenOf(manifest: string | undefined): readonly string[] {
  const parsed = v.safeParse(index, JSON.parse(manifest ?? '{}'));
  return parsed.success ? parsed.output.manifests.map(({ digest }) => digest) : [];
}
