// The operations of ECR that create and delete repositories and delete images.
// Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/
import type { BatchDeleteImageRequest, CreateRepositoryRequest, DeleteRepositoryRequest } from '@aws-sdk/client-ecr';
import type { EcrWorld, Repository } from './ecr.ts';
import { findImage } from './ecr-api.ts';
import { failure } from './failure.ts';
import { type Operations, operation } from './operation.ts';
import { type Place, repositoryArn } from './place.ts';

interface Parts {
  readonly place: Place;
  readonly world: EcrWorld;
}

export function createEcrChanges({ place, world }: Parts): Operations {
  const needs = (action: string) => (input: { readonly repositoryName?: string | undefined }) => {
    const repository = input.repositoryName ?? '';
    const resourcePolicy = world.repositories.get(repository)?.policyText;
    return [{ action: `ecr:${action}`, resource: repositoryArn(place, repository), resourcePolicy }];
  };
  const described = ({ name, arn, createdAt }: Repository) => ({
    repository: {
      registryId: place.account,
      repositoryName: name,
      repositoryArn: arn,
      createdAt: createdAt.getTime() / 1000,
    },
  });
  return {
    /** Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
    CreateRepository: operation(
      needs('CreateRepository'),
      ({ repositoryName: name = '', ...unknown }: CreateRepositoryRequest) => {
        refuseUnknown('CreateRepository', unknown);
        if (world.repositories.has(name)) {
          const where = `in the registry with id '${place.account}'`;
          throw failure(
            'RepositoryAlreadyExistsException',
            `The repository with name '${name}' already exists ${where}`,
          );
        }
        return described(world.createRepository(name));
      },
    ),
    /** Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html */
    DeleteRepository: operation(
      needs('DeleteRepository'),
      async ({ repositoryName, force, ...unknown }: DeleteRepositoryRequest) => {
        refuseUnknown('DeleteRepository', unknown);
        const repository = world.need(repositoryName);
        if (repository.images.size > 0 && force !== true) {
          const message = `The repository with name '${repositoryName}' in registry with id '${place.account}' cannot be deleted because it still contains images`;
          throw failure('RepositoryNotEmptyException', message);
        }
        await world.deleteRepository(repository.name);
        return described(repository);
      },
    ),
    /** Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html */
    BatchDeleteImage: operation(
      needs('BatchDeleteImage'),
      async ({ repositoryName, imageIds = [], ...unknown }: BatchDeleteImageRequest) => {
        refuseUnknown('BatchDeleteImage', unknown);
        const repository = world.need(repositoryName);
        const deleted: object[] = [];
        const failures: object[] = [];
        for (const imageId of imageIds) {
          if (imageId.imageDigest === undefined) throw new Error('the local ECR deletes images by their digest only');
          const image = findImage(repository, imageId);
          if (image === undefined) {
            failures.push({ imageId, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' });
          } else {
            await world.deleteImage(repository.name, image.manifest.digest);
            deleted.push(imageId);
          }
        }
        return { imageIds: deleted, failures };
      },
    ),
  };
}

/** The account is the only registry. */
function refuseUnknown(
  name: string,
  { registryId: _registry, ...unknown }: object & { readonly registryId?: unknown },
) {
  const [first] = Object.keys(unknown);
  if (first !== undefined) throw new Error(`the local ECR does not know ${first} of ${name}`);
}
