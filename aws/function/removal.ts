// The command of the AWS CLI that deletes images.
import type { RemovalCommands } from '../../shared/report/remedy-text.ts';
import { regionOfHost } from './registry-host.ts';

/**
 * There is none to untag: ECR deletes an image together with its last tag.
 * Source: https://docs.aws.amazon.com/cli/latest/reference/ecr/batch-delete-image.html
 */
export const REMOVAL: RemovalCommands = {
  delete: ({ registry, repository }, name, digest) =>
    `aws ecr batch-delete-image --region ${regionOfHost(name)} --registry-id ${registry} --repository-name ${repository} --image-ids imageDigest=${digest}`,
};
