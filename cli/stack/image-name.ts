// Parses the name of an image, as people copy it from a deployment, and says what is wrong with a name that is invalid.
import * as v from 'valibot';
import { DIGEST_PATTERN } from '../../shared/policy/digest.ts';
import { REPOSITORY_NAME, repositoryName } from '../../shared/policy/repository-name.ts';
import { UsageError } from '../terminal/ending.ts';

/** An image of a registry that a stack can have. */
export interface ImageName {
  /** As it was given, without surrounding space. */
  readonly text: string;
  readonly registry: RegistryName;
  readonly repository: string;
  /** Undefined if there is a digest. */
  readonly tag: string | undefined;
  /** The name has neither tag nor digest, which means `latest`. */
  readonly isDefaultTag: boolean;
  readonly digest: string | undefined;
}

export type RegistryName =
  | { readonly cloud: 'aws'; readonly host: string; readonly accountId: string; readonly region: string }
  | { readonly cloud: 'azure'; readonly host: string };

/** An example for help and errors. */
export const ECR_IMAGE = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4';
const FORMS = `give ${ECR_IMAGE} or NAME.azurecr.io/team/app:1.4; in place of the tag, or after it, a digest: @sha256:...`;
/**
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html and
 * https://docs.aws.amazon.com/general/latest/gr/ecr.html
 */
export const ECR =
  /^(?<accountId>\d{12})[.](?:dkr[.]ecr(?:-fips)?[.](?<region>[a-z0-9-]+)[.]amazonaws[.]com(?:[.]cn)?|dkr-ecr(?:-fips)?[.](?<dualStack>[a-z0-9-]+)[.]on[.](?:aws|amazonwebservices[.]com[.]cn))$/;
/**
 * A registry with a label of its own in its host's name has a hyphen in it.
 * Source: https://learn.microsoft.com/azure/container-registry/container-registry-get-started-portal#configure-domain-name-label-dnl-option
 */
export const ACR = /^[a-z0-9-]{5,63}[.]azurecr[.]io$/;
/** Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Parses the name of an image.
 *
 * @throws UsageError that says which part is wrong, and what is expected
 */
export function parseImageName(given: string): ImageName {
  const fail = (why: string): never => {
    throw new UsageError(`${JSON.stringify(given)} is not the name of an image: ${why}; ${FORMS}`);
  };
  const text = given.trim();
  if (text === '') return fail('it is empty');
  if (/^[a-z]+:\/\//i.test(text)) return fail('it begins with a scheme, which is not part of a name');
  const slash = text.indexOf('/');
  const host = (slash === -1 ? '' : text.slice(0, slash)).toLowerCase();
  const rest = text.slice(slash + 1);
  // Without one of these signs it is the first part of a repository's name, as Docker reads it.
  if (!/[.:]|^localhost$/.test(host)) return fail('it does not begin with the host of a registry');
  const registry = registryOf(host);
  if (registry === undefined)
    return fail(`${host} is neither a private registry of Amazon ECR nor one of Azure Container Registry`);
  const at = rest.indexOf('@');
  const digest = at === -1 ? undefined : rest.slice(at + 1);
  const named = at === -1 ? rest : rest.slice(0, at);
  const colon = named.indexOf(':');
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  const repository = colon === -1 ? named : named.slice(0, colon);
  if (repository === '') return fail('it has no repository');
  if (!v.is(repositoryName, repository)) return fail(`${JSON.stringify(repository)} is not ${REPOSITORY_NAME}`);
  if (tag !== undefined && !TAG.test(tag))
    return fail(`${JSON.stringify(tag)} is not a tag: letters, digits, ., _ and -, up to 128 of them`);
  if (digest !== undefined && !DIGEST_PATTERN.test(digest))
    return fail(`${JSON.stringify(digest)} is not a digest: sha256: and 64 hexadecimal digits in lower case`);
  const isDefaultTag = tag === undefined && digest === undefined;
  return {
    text: `${host}/${rest}`,
    registry,
    repository,
    // If both are given, the digest counts, as in Docker and Kubernetes.
    tag: digest === undefined ? (tag ?? 'latest') : undefined,
    isDefaultTag,
    digest,
  };
}

/** The registry with this host (in lower case); undefined if no stack can have it. */
export function registryOf(host: string): RegistryName | undefined {
  if (ACR.test(host)) return { cloud: 'azure', host };
  const { accountId, region, dualStack } = ECR.exec(host)?.groups ?? {};
  const where = region ?? dualStack;
  return accountId === undefined || where === undefined ? undefined : { cloud: 'aws', host, accountId, region: where };
}

/**
 * Is the host of a name that of this registry? On AWS the account begins the host; on Azure the registry's name does,
 * with or without a label after it.
 */
export function isAt(host: string, registry: string): boolean {
  const name = registry.slice(registry.lastIndexOf('/') + 1).toLowerCase();
  return host.startsWith(`${name}.`) || (host.endsWith('.azurecr.io') && host.startsWith(`${name}-`));
}
