// Globs for repository names, in the config's `include`, `exclude` and exceptions.
import * as v from 'valibot';

/** A glob may contain the characters of repository names, `*`, `**` and `?`. */
export const GLOB_PATTERN = /^[a-z0-9._/*?-]{1,256}$/;

/**
 * Compiles a glob into a test for repository names. `*` matches any characters within one path segment, `**` matches
 * any characters, and `?` matches one character except `/`.
 *
 * @example globMatcher('team/*')('team/app') // true
 * @example globMatcher('team/*')('team/app/api') // false; `team/**` matches it
 */
export function globMatcher(glob: string): (name: string) => boolean {
  const source = glob.replace(/\*{2,}|[*?]|[^a-z0-9/*?]/g, (part) => {
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    return part.startsWith('*') ? '.*' : `\\${part}`;
  });
  const pattern = new RegExp(`^${source}$`, 's');
  return (name) => pattern.test(name);
}

/** Compiles a test that accepts names that match an `include` and no `exclude`. */
export function globFilter(include: readonly string[], exclude: readonly string[]): (name: string) => boolean {
  const included = include.map(globMatcher);
  const excluded = exclude.map(globMatcher);
  return (name) => included.some((matches) => matches(name)) && !excluded.some((matches) => matches(name));
}

const GLOB = 'a glob for repository names, such as "team/*" or "team/**"';

/** A glob in the config. `allowed` is what a mistake is answered with. */
export const globSchemaFor = (allowed: string) => v.pipe(v.string(allowed), v.regex(GLOB_PATTERN, allowed));

/** A glob for repositories in the config. */
export const globSchema = globSchemaFor(GLOB);
