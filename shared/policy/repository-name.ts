// The definition of a repository name, for both clouds. The registry decides which names are valid; this check only
// rejects unsafe ones.
import * as v from 'valibot';

/** What a name must be, as error messages describe it. */
export const REPOSITORY_NAME =
  'a repository name: 1 to 256 lower case letters, digits, ., _, - and /, starting with a letter or digit, without path segments that are empty or only dots';

/**
 * A name that is safe without escaping in a query, a URL path, a table key and a log line. This is deliberately not a
 * registry's grammar. The registry has already accepted the name, and if it widened its grammar, repositories with new
 * names would stay open. A segment needs a letter, digit, `_` or `-`, because URL paths drop `.`, `..` and empty
 * segments.
 *
 * The registries' own rules are stricter:
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
