// Parses an image name as users copy it from a deployment, and explains why an invalid name is invalid.
import * as v from 'valibot';
import { DIGEST_PATTERN } from '../../shared/policy/digest.ts';
import { REPOSITORY_NAME, repositoryName } from '../../shared/policy/repository-name.ts';
import { UsageError } from '../terminal/ending.ts';

/** An image of a registry that a stack can have. */
export interface ImageName {
  /** The name as given, without surrounding spaces. */
  readonly text: string;
  readonly registry: RegistryName;
  readonly repository: string;
  /** Undefined if there is a digest. */
  readonly tag: string | undefined;
  /** The name has no tag and no digest, so it means `latest`. */
  readonly isDefaultTag: boolean;
  readonly digest: string | undefined;
}

export type RegistryName =
  | { readonly cloud: 'aws'; readonly host: string; readonly accountId: string; readonly region: string }
  | { readonly cloud: 'azure'; readonly host: string };

/** An example for help texts and errors. */
export const ECR_IMAGE = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4';
const FORMS = `give a name such as ${ECR_IMAGE} or NAME.azurecr.io/team/app:1.4; a digest (@sha256:...) can replace or follow the tag`;
/**
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html and
 * https://docs.aws.amazon.com/general/latest/gr/ecr.html
 */
export const ECR =
  /^(?<accountId>\d{12})[.](?:dkr[.]ecr(?:-fips)?[.](?<region>[a-z0-9-]+)[.]amazonaws[.]com(?:[.]cn)?|dkr-ecr(?:-fips)?[.](?<dualStack>[a-z0-9-]+)[.]on[.](?:aws|amazonwebservices[.]com[.]cn))$/;
/**
 * The host of an account's registry as image names have it. In China it ends in `.cn`.
 * Source: https://docs.aws.amazon.com/general/latest/gr/ecr.html
 */
export function ecrHost(accountId: string, region: string): string {
  return `${accountId}.dkr.ecr.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

/**
 * The host of a registry with a domain name label contains a hyphen. In Azure China it ends in `.cn`, and in Azure
 * Government in `.us`. Source: https://learn.microsoft.com/azure/container-registry/container-registry-faq
 * Source: https://learn.microsoft.com/azure/container-registry/container-registry-get-started-portal#configure-domain-name-label-dnl-option
 */
export const ACR = /^[a-z0-9-]{5,63}[.]azurecr[.](?:io|cn|us)$/;
/** Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Parses the name of an image.
 *
 * @throws UsageError that names the invalid part and what is expected
 */
export function parseImageName(given: string): ImageName {
  const fail = (why: string): never => {
    throw new UsageError(`${JSON.stringify(given)} is not a valid image name: ${why}; ${FORMS}`);
  };
  const text = given.trim();
  if (text === '') return fail('it is empty');
  if (/^[a-z]+:\/\//i.test(text)) return fail('it begins with a URL scheme, which is not part of a name');
  const slash = text.indexOf('/');
  const host = (slash === -1 ? '' : text.slice(0, slash)).toLowerCase();
  const rest = text.slice(slash + 1);
  // Docker's rule: a first part without a dot or colon, other than localhost, belongs to the repository's name.
  if (!/[.:]|^localhost$/.test(host)) return fail('it does not begin with the host of a registry');
  const registry = registryOf(host);
  if (registry === undefined)
    return fail(`${host} is neither a private registry in Amazon ECR nor a registry in Azure Container Registry`);
  const at = rest.indexOf('@');
  const digest = at === -1 ? undefined : rest.slice(at + 1);
  const named = at === -1 ? rest : rest.slice(0, at);
  const colon = named.indexOf(':');
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  const repository = colon === -1 ? named : named.slice(0, colon);
  if (repository === '') return fail('it has no repository');
  if (!v.is(repositoryName, repository)) return fail(`${JSON.stringify(repository)} is not ${REPOSITORY_NAME}`);
  if (tag !== undefined && !TAG.test(tag))
    return fail(`${JSON.stringify(tag)} is not a valid tag (up to 128 letters, digits, ., _ and -)`);
  if (digest !== undefined && !DIGEST_PATTERN.test(digest))
    return fail(`${JSON.stringify(digest)} is not a valid digest (sha256: and 64 lowercase hexadecimal digits)`);
  const isDefaultTag = tag === undefined && digest === undefined;
  return {
    text: `${host}/${rest}`,
    registry,
    repository,
    // If both are given, the digest is used, as in Docker and Kubernetes.
    tag: digest === undefined ? (tag ?? 'latest') : undefined,
    isDefaultTag,
    digest,
  };
}

/** Parses the host (in lower case) of a registry. Undefined if a stack cannot have such a registry. */
export function registryOf(host: string): RegistryName | undefined {
  if (ACR.test(host)) return { cloud: 'azure', host };
  const { accountId, region, dualStack } = ECR.exec(host)?.groups ?? {};
  const where = region ?? dualStack;
  return accountId === undefined || where === undefined ? undefined : { cloud: 'aws', host, accountId, region: where };
}

/**
 * Does the host of a name belong to this registry? On AWS, the host begins with the account. On Azure, it begins with
 * the registry's name, with or without a label after it.
 */
export function isAt(host: string, registry: string): boolean {
  const name = registry.slice(registry.lastIndexOf('/') + 1).toLowerCase();
  return host.startsWith(`${name}.`) || (ACR.test(host) && host.startsWith(`${name}-`));
}
