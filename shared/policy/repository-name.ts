// The one definition of a repository name, for both clouds. The registry is the judge of names; this keeps out what is
// unsafe.
import * as v from 'valibot';

/** What a name must be: the words of every message about one that is refused. */
export const REPOSITORY_NAME =
  'a repository name: 1 to 256 lower case letters, digits, ., _, - and /, starting with a letter or digit, with no path segment that is empty or only dots';

/**
 * A name that is safe as it is in a query, a URL path, a table key and a log line. This is deliberately not the grammar
 * of a registry: names come from registries that have accepted them already, and a grammar that a registry has since
 * widened would leave its repositories open. A segment without a letter, digit, `_` or `-` is refused because URL paths
 * lose `.`, `..` and empty segments.
 *
 * The rules of the registries are narrower:
 *
 * - ECR: 2 to 256 characters, `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*` (botocore
 * 1.44.8).
 *   Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
 * - ACR: lower case letters, digits, `.`, `_`, `-` and `/`, in the grammar of the OCI Distribution Specification.
 *   Source: https://learn.microsoft.com/azure/container-registry/container-registry-concepts#repository-name
 *
 * @example v.is(repositoryName, 'team--shop/check__out') // true
 * @example v.is(repositoryName, 'team/../app') // false
 */
export const repositoryName = v.pipe(
  v.string(REPOSITORY_NAME),
  v.maxLength(256, REPOSITORY_NAME),
  v.regex(/^[a-z0-9][a-z0-9._-]*(?:\/\.*[a-z0-9_-][a-z0-9._-]*)*$/, REPOSITORY_NAME),
);
