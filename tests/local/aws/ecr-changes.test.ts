// The calls of the local ECR that create and delete repositories, and delete images, on the SDK's wire.
import {
  BatchDeleteImageCommand,
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  ECRClient,
} from '@aws-sdk/client-ecr';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Stage, startStage } from './stage.ts';

let stage: Stage;
let ecr: ECRClient;
beforeAll(async () => {
  stage = await startStage();
  ecr = new ECRClient(stage.config());
});
afterAll(async () => {
  ecr.destroy();
  await stage.cloud.stop();
});

const create = (repositoryName: string) => ecr.send(new CreateRepositoryCommand({ repositoryName }));

it('creates a repository once', async () => {
  const { repository } = await create('team/new');
  expect(repository).toMatchObject({ repositoryName: 'team/new', registryId: '123456789012' });
  await expect(create('team/new')).rejects.toMatchObject({ name: 'RepositoryAlreadyExistsException' });
});

it('deletes a repository with images only by force, and reports each image', async () => {
  const { cloud } = stage;
  await create('team/full');
  await cloud.ecr.pushImage('team/full', { tag: 'v1' });
  const remove = (force?: boolean) =>
    ecr.send(new DeleteRepositoryCommand({ repositoryName: 'team/full', ...(force === undefined ? {} : { force }) }));
  await expect(remove()).rejects.toMatchObject({ name: 'RepositoryNotEmptyException' });
  await remove(true);
  await expect(remove(true)).rejects.toMatchObject({ name: 'RepositoryNotFoundException' });
  await create('team/empty');
  await ecr.send(new DeleteRepositoryCommand({ repositoryName: 'team/empty' }));
  expect(cloud.ecr.repositories.has('team/empty')).toBe(false);
});

it('deletes images by their digest, and names those that it does not have', async () => {
  await create('team/images');
  const digest = await stage.cloud.ecr.pushImage('team/images', { tag: 'v1' });
  const missing = `sha256:${'0'.repeat(64)}`;
  const imageIds = [{ imageDigest: digest }, { imageDigest: missing }];
  const answer = await ecr.send(new BatchDeleteImageCommand({ repositoryName: 'team/images', imageIds }));
  expect(answer.imageIds).toEqual([{ imageDigest: digest }]);
  expect(answer.failures).toMatchObject([{ imageId: { imageDigest: missing }, failureCode: 'ImageNotFound' }]);
});

it.each([
  [
    'a tag',
    new BatchDeleteImageCommand({ repositoryName: 'team/x', imageIds: [{ imageTag: 'v1' }] }),
    /by their digest/,
  ],
  [
    'another field',
    new CreateRepositoryCommand({ repositoryName: 'team/y', imageTagMutability: 'IMMUTABLE' }),
    /does not know imageTagMutability of CreateRepository/,
  ],
])('throws on what it does not know: %s', async (_name, command, message) => {
  if (!stage.cloud.ecr.repositories.has('team/x')) await create('team/x');
  await expect(ecr.send(command as CreateRepositoryCommand)).rejects.toThrow(message);
});

it('asks IAM for each', async () => {
  const stranger = new ECRClient(stage.config(stage.only('ecr:DescribeRepositories')));
  for (const command of [
    new CreateRepositoryCommand({ repositoryName: 'team/z' }),
    new DeleteRepositoryCommand({ repositoryName: 'team/new' }),
    new BatchDeleteImageCommand({ repositoryName: 'team/new', imageIds: [{ imageDigest: 'sha256:0' }] }),
  ])
    await expect(stranger.send(command as CreateRepositoryCommand)).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
  stranger.destroy();
});
