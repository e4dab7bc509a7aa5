// The commands of the AWS CLI that delete and untag images.
import type { RemovalCommands } from '../../shared/report/remedy-text.ts';

/**
 * ECR deletes an image together with its last tag.
 * Source: https://docs.aws.amazon.com/cli/latest/reference/ecr/batch-delete-image.html
 */
export const REMOVAL: RemovalCommands = {
  delete: (gate, repository, digest) => `${begin(gate, repository)} --image-ids imageDigest=${digest}`,
  untag: (gate, repository, tag) => `${begin(gate, repository)} --image-ids imageTag=${tag}`,
};

/** @param name such as `123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app` */
function begin({ registry, repository }: { readonly registry: string; readonly repository: string }, name: string) {
  const region = name.split('.')[3];
  return `aws ecr batch-delete-image --region ${region} --registry-id ${registry} --repository-name ${repository}`;
}
