// Parses image names as users and scanners write them: `reg.azurecr.io/team/app:1.4`, `nginx@sha256:...`.
import { registryOf } from '../stack/image-name.ts';
import type { ReportedImage } from './gathering.ts';

/** The default registry of a name without a registry. Source: https://pkg.go.dev/github.com/distribution/reference */
const DOCKER_HUB = 'docker.io';
/** Other names of it. `library` is the namespace of its official images, which names may leave out. */
const DOCKER_HUB_HOSTS = [DOCKER_HUB, 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];
const DIGEST = /@(sha256:[0-9a-f]{64})$/;

/**
 * Splits an image name into its parts. A first part with a dot or a colon, or `localhost`, is the registry's host. For
 * ECR, the registry is the account id, as in its gates, with its region.
 *
 * @example
 * imageNamed('reg.azurecr.io/team/app:1.4')
 * // { registry: 'reg.azurecr.io', repository: 'team/app', digest: '', tags: ['1.4'] }
 */
export function imageNamed(name: string): ReportedImage {
  const digest = DIGEST.exec(name)?.[1] ?? '';
  const withoutDigest = digest === '' ? name : name.slice(0, -digest.length - 1);
  const [, path = withoutDigest, tag] = /^(.*):([\w][\w.-]{0,127})$/.exec(withoutDigest) ?? [];
  const tags = tag === undefined ? [] : [tag];
  const slash = path.indexOf('/');
  const host = path.slice(0, Math.max(0, slash));
  const hasHost = /[.:]/.test(host) || host === 'localhost';
  if (!hasHost || DOCKER_HUB_HOSTS.includes(host.toLowerCase())) {
    const name = hasHost ? path.slice(slash + 1) : path;
    return { registry: DOCKER_HUB, repository: name.replace(/^library[/](?=[^/]+$)/, ''), digest, tags };
  }
  const known = registryOf(host.toLowerCase());
  return {
    registry: known?.cloud === 'aws' ? known.accountId : host.toLowerCase(),
    ...(known?.cloud === 'aws' ? { region: known.region } : {}),
    repository: path.slice(slash + 1),
    digest,
    tags,
  };
}

/**
 * The image that was scanned. A machine may have an image under names in several repositories. The name that was given
 * to the scanner takes precedence.
 *
 * @param asked the name that was given to the scanner; undefined if the report does not contain it
 * @param names the names with tags
 * @param digests the names with digests
 */
export function imageAmong(
  asked: string | undefined,
  names: readonly string[],
  digests: readonly string[],
): ReportedImage {
  const [tagged, digested] = [names, digests].map((all) => all.filter((name) => name !== '').map(imageNamed)) as [
    ReportedImage[],
    ReportedImage[],
  ];
  const wanted = asked === undefined || asked === '' ? undefined : imageNamed(asked);
  const isKnown = wanted !== undefined && [...tagged, ...digested].some((one) => isOfOneRepository(one, wanted));
  const found = (isKnown ? wanted : (digested[0] ?? tagged[0] ?? wanted)) ?? UNNAMED;
  const { digest, tags } = found;
  const isOfIt = (one: ReportedImage) => isOfOneRepository(one, found);
  return {
    ...found,
    digest: digest || (digested.find(isOfIt)?.digest ?? ''),
    tags: [...new Set([...tags, ...tagged.filter(isOfIt).flatMap((one) => one.tags)])],
  };
}

type Repository = Pick<ReportedImage, 'registry' | 'region' | 'repository'>;

const UNNAMED: ReportedImage = { registry: '', repository: '', digest: '', tags: [] };

function isOfOneRepository(one: Repository, other: Repository): boolean {
  return one.registry === other.registry && one.region === other.region && one.repository === other.repository;
}
