// The host of a private ECR registry in image names.
// Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
import { regionOf, type Settings } from './settings.ts';

type RegistryPlace = Pick<Settings, 'accountId' | 'partition' | 'topicArn'>;

/** The host of the account's registry, such as `123456789012.dkr.ecr.eu-west-1.amazonaws.com`. */
export function registryHost({ accountId, partition, topicArn }: RegistryPlace): string {
  return `${accountId}.dkr.ecr.${regionOf(topicArn)}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
}

/** The region in such a host, also if a repository follows it. */
export function regionOfHost(host: string): string {
  return host.split('.')[3] ?? '';
}
