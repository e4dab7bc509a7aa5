// The operations of ECR that the code, the tests and the container clients call.
// Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/
import { randomBytes } from 'node:crypto';
import type {
  BatchGetImageRequest,
  DeleteRepositoryPolicyRequest,
  DescribeImagesRequest,
  DescribeRepositoriesRequest,
  GetRepositoryPolicyRequest,
  ImageIdentifier,
  ListImagesRequest,
  SetRepositoryPolicyRequest,
  UpdateImageStorageClassRequest,
} from '@aws-sdk/client-ecr';
import type { Clock } from '../clock.ts';
import type { EcrWorld, Repository, StoredImage } from './ecr.ts';
import { failure } from './failure.ts';
import type { Need } from './iam.ts';
import { type Operations, operation } from './operation.ts';
import { type Place, repositoryArn } from './place.ts';
import type { Principal } from './principals.ts';

export interface EcrApi {
  readonly operations: Operations;
  /** The principal that received a token of GetAuthorizationToken. */
  holderOf(token: string): Principal | undefined;
}

interface Parts {
  readonly place: Place;
  readonly clock: Clock;
  readonly world: EcrWorld;
  readonly endpoint: () => string;
}

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
const MAX_NAMED_IMAGES = 100;
const TOKEN_HOURS = 12;

/** Timestamps on the wire are seconds since the epoch. */
const seconds = (date: Date): number => date.getTime() / 1000;

/** The permission that an action on a repository needs, from the caller's policies and the repository's own policy. */
export function repositoryNeed(place: Place, world: EcrWorld, action: string, repository: string | undefined): Need {
  const resourcePolicy = world.repositories.get(repository ?? '')?.policyText;
  return { action: `ecr:${action}`, resource: repositoryArn(place, repository ?? ''), resourcePolicy };
}

export function createEcrApi({ place, clock, world, endpoint }: Parts): EcrApi {
  const holders = new Map<string, Principal>();
  const needs = (action: string) => (input: { readonly repositoryName?: string | undefined }) => [
    repositoryNeed(place, world, action, input.repositoryName),
  ];
  const ids = ({ name }: Repository) => ({ registryId: place.account, repositoryName: name });
  const policyOf = (repository: Repository): string => {
    if (repository.policyText !== undefined) return repository.policyText;
    const where = `repository with name '${repository.name}' in the registry with id '${place.account}'`;
    throw failure('RepositoryPolicyNotFoundException', `Repository policy does not exist for the ${where}`);
  };

  const describe = (repository: Repository, { manifest, tags, pushedAt, ...image }: StoredImage) => ({
    ...ids(repository),
    imageDigest: manifest.digest,
    ...(tags.size === 0 ? {} : { imageTags: [...tags] }),
    imageSizeInBytes: manifest.size,
    imagePushedAt: seconds(pushedAt),
    imageManifestMediaType: manifest.mediaType,
    ...(manifest.artifactType === undefined ? {} : { artifactMediaType: manifest.artifactType }),
    ...(manifest.subject === undefined ? {} : { subjectManifestDigest: manifest.subject }),
    ...(image.lastPulledAt === undefined ? {} : { lastRecordedPullTime: seconds(image.lastPulledAt) }),
    ...(image.lastArchivedAt === undefined ? {} : { lastArchivedAt: seconds(image.lastArchivedAt) }),
    ...(image.lastActivatedAt === undefined ? {} : { lastActivatedAt: seconds(image.lastActivatedAt) }),
    imageStatus: image.status,
  });

  return {
    holderOf: (token) => holders.get(token),
    operations: {
      DescribeRepositories: operation(
        ({ repositoryNames }: DescribeRepositoriesRequest) =>
          (repositoryNames ?? ['*']).map((name) => ({
            action: 'ecr:DescribeRepositories',
            resource: repositoryArn(place, name),
          })),
        ({ repositoryNames, ...page }: DescribeRepositoriesRequest) => {
          const found = repositoryNames?.map(world.need) ?? [...world.repositories.values()];
          const [some, nextToken] = pageOf(found, page);
          const repositories = some.map((repository) => ({
            ...ids(repository),
            repositoryArn: repository.arn,
            repositoryUri: `${new URL(endpoint()).host}/${repository.name}`,
            createdAt: seconds(repository.createdAt),
          }));
          return { repositories, ...nextToken };
        },
      ),
      DescribeImages: operation(
        needs('DescribeImages'),
        ({ repositoryName, imageIds, filter, ...page }: DescribeImagesRequest) => {
          const repository = world.need(repositoryName);
          if (imageIds !== undefined) {
            checkNamed(imageIds);
            const found = imageIds.map((id) => {
              const image = findImage(repository, id);
              if (image !== undefined && hasImageStatus(image, filter?.imageStatus)) return describe(repository, image);
              const what = `{imageDigest:'${id.imageDigest ?? 'null'}', imageTag:'${id.imageTag ?? 'null'}'}`;
              throw failure(
                'ImageNotFoundException',
                `The image with imageId ${what} does not exist within the repository with name '${repositoryName}'`,
              );
            });
            return { imageDetails: found };
          }
          const wanted = [...repository.images.values()].filter(
            (image) => hasTagStatus(image.tags, filter?.tagStatus) && hasImageStatus(image, filter?.imageStatus),
          );
          const [some, nextToken] = pageOf(wanted, page);
          return { imageDetails: some.map((image) => describe(repository, image)), ...nextToken };
        },
      ),
      ListImages: operation(needs('ListImages'), ({ repositoryName, filter, ...page }: ListImagesRequest) => {
        const repository = world.need(repositoryName);
        const rows = [...repository.images.values()]
          .filter((image) => hasTagStatus(image.tags, filter?.tagStatus) && hasImageStatus(image, filter?.imageStatus))
          .flatMap(({ manifest: { digest: imageDigest }, tags }) =>
            tags.size === 0 ? [{ imageDigest }] : [...tags].map((imageTag) => ({ imageDigest, imageTag })),
          );
        const [imageIds, nextToken] = pageOf(rows, page);
        return { imageIds, ...nextToken };
      }),
      BatchGetImage: operation(
        needs('BatchGetImage'),
        ({ repositoryName, imageIds, acceptedMediaTypes }: BatchGetImageRequest) => {
          const repository = world.need(repositoryName);
          checkNamed(imageIds ?? []);
          const images: object[] = [];
          const failures: object[] = [];
          for (const imageId of imageIds ?? []) {
            const image = findImage(repository, imageId);
            if (image === undefined || image.status !== 'ACTIVE') {
              failures.push({ imageId, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' });
            } else if (acceptedMediaTypes !== undefined && !acceptedMediaTypes.includes(image.manifest.mediaType)) {
              const failureReason = `The image is a ${image.manifest.mediaType}, which is not among the accepted media types`;
              failures.push({ imageId, failureCode: 'ImageNotFound', failureReason });
            } else {
              const { digest: imageDigest, text: imageManifest, mediaType: imageManifestMediaType } = image.manifest;
              images.push({
                ...ids(repository),
                imageId: { ...imageId, imageDigest },
                imageManifest,
                imageManifestMediaType,
              });
            }
          }
          return { images, failures };
        },
      ),
      UpdateImageStorageClass: operation(
        needs('UpdateImageStorageClass'),
        async ({ repositoryName, imageId = {}, targetStorageClass }: UpdateImageStorageClassRequest) => {
          const repository = world.need(repositoryName);
          const image = findImage(repository, imageId);
          if (image === undefined)
            throw failure('ImageNotFoundException', `The image does not exist in the repository '${repositoryName}'`);
          if (targetStorageClass === 'ARCHIVE') await world.archive(repository.name, image.manifest.digest);
          else world.reactivate(repository.name, image.manifest.digest);
          return { ...ids(repository), imageId, imageStatus: image.status };
        },
      ),
      GetRepositoryPolicy: operation(needs('GetRepositoryPolicy'), ({ repositoryName }: GetRepositoryPolicyRequest) => {
        const repository = world.need(repositoryName);
        return { ...ids(repository), policyText: policyOf(repository) };
      }),
      SetRepositoryPolicy: operation(
        needs('SetRepositoryPolicy'),
        ({ repositoryName, policyText }: SetRepositoryPolicyRequest) => {
          const repository = world.need(repositoryName);
          world.setPolicy(repository, policyText ?? '');
          return { ...ids(repository), policyText };
        },
      ),
      DeleteRepositoryPolicy: operation(
        needs('DeleteRepositoryPolicy'),
        ({ repositoryName }: DeleteRepositoryPolicyRequest) => {
          const repository = world.need(repositoryName);
          const policyText = policyOf(repository);
          repository.policyText = undefined;
          return { ...ids(repository), policyText };
        },
      ),
      GetAuthorizationToken: operation(
        () => [{ action: 'ecr:GetAuthorizationToken', resource: '*' }],
        (_input, { principal }) => {
          const token = randomBytes(24).toString('hex');
          holders.set(token, principal);
          const authorizationToken = Buffer.from(`AWS:${token}`).toString('base64');
          const expiresAt = seconds(clock.now()) + TOKEN_HOURS * 3600;
          return { authorizationData: [{ authorizationToken, expiresAt, proxyEndpoint: endpoint() }] };
        },
      ),
    },
  };
}

export function findImage(repository: Repository, { imageDigest, imageTag }: ImageIdentifier): StoredImage | undefined {
  if (imageDigest !== undefined) return repository.images.get(imageDigest);
  return [...repository.images.values()].find(({ tags }) => imageTag !== undefined && tags.has(imageTag));
}

function checkNamed(imageIds: readonly ImageIdentifier[]): void {
  if (imageIds.length === 0 || imageIds.length > MAX_NAMED_IMAGES) {
    const constraint = `Member must have length between 1 and ${MAX_NAMED_IMAGES}`;
    throw failure(
      'InvalidParameterException',
      `Invalid parameter at 'imageIds' failed to satisfy constraint: '${constraint}'`,
    );
  }
  const wrong = imageIds.find(
    ({ imageDigest }) => imageDigest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(imageDigest),
  );
  if (wrong !== undefined) {
    throw failure(
      'InvalidParameterException',
      `Invalid parameter at 'imageDigest' failed to satisfy constraint: '${wrong.imageDigest}'`,
    );
  }
}

function hasTagStatus(tags: ReadonlySet<string>, status: string | undefined): boolean {
  return status === undefined || status === 'ANY' || (status === 'TAGGED') === tags.size > 0;
}

/**
 * Without a filter, the answer contains only active images.
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImagesFilter.html
 */
function hasImageStatus({ status }: StoredImage, wanted = 'ACTIVE'): boolean {
  return wanted === 'ANY' || wanted === status;
}

type Page = { readonly maxResults?: number | undefined; readonly nextToken?: string | undefined };

/** A page of a list. The token is the index of the next page's first item. */
function pageOf<T>(
  all: readonly T[],
  { maxResults = DEFAULT_PAGE, nextToken }: Page,
): [readonly T[], { nextToken?: string }] {
  const from = nextToken === undefined ? 0 : Number(Buffer.from(nextToken, 'base64').toString());
  if (!(from >= 0) || !(maxResults >= 1 && maxResults <= MAX_PAGE)) {
    throw failure(
      'InvalidParameterException',
      `Invalid parameter at 'maxResults' or 'nextToken': ${maxResults}, ${nextToken}`,
    );
  }
  const to = from + maxResults;
  return [all.slice(from, to), to < all.length ? { nextToken: Buffer.from(String(to)).toString('base64') } : {}];
}
