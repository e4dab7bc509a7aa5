// Reads the name of an image as people and scanners write it: `reg.azurecr.io/team/app:1.4`, `nginx@sha256:...`.
import type { ReportedImage } from './gathering.ts';

/** The registry of a name that has none. Source: https://pkg.go.dev/github.com/distribution/reference */
const DOCKER_HUB = 'docker.io';
const DIGEST = /@(sha256:[0-9a-f]{64})$/;

/**
 * An image's name in its parts. A first part with a dot or a colon, or `localhost`, is the registry's host.
 *
 * @example imageNamed('reg.azurecr.io/team/app:1.4') // { registry: 'reg.azurecr.io', repository: 'team/app', digest: '', tags: ['1.4'] }
 */
export function imageNamed(name: string): ReportedImage {
  const digest = DIGEST.exec(name)?.[1] ?? '';
  const withoutDigest = digest === '' ? name : name.slice(0, -digest.length - 1);
  const [, path = withoutDigest, tag] = /^(.*):([\w][\w.-]{0,127})$/.exec(withoutDigest) ?? [];
  const tags = tag === undefined ? [] : [tag];
  const slash = path.indexOf('/');
  const host = path.slice(0, Math.max(0, slash));
  const hasHost = /[.:]/.test(host) || host === 'localhost';
  if (hasHost) return { registry: host, repository: path.slice(slash + 1), digest, tags };
  return { registry: DOCKER_HUB, repository: path, digest, tags };
}
