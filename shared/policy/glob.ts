// Globs over repository names, in the config's `include`, `exclude` and exceptions.
import * as v from 'valibot';

/** What a glob may hold: the characters of repository names, `*`, `**` and `?`. */
export const GLOB_PATTERN = /^[a-z0-9._/*?-]{1,256}$/;

/**
 * A test for repository names. `*` stands for any characters within one path segment, `**` for any at all, `?` for one
 * that is not `/`.
 *
 * @example globMatcher('team/*')('team/app') // true
 * @example globMatcher('team/*')('team/app/api') // false: `team/**` matches it
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

/** Which names are in: matched by an `include` and by no `exclude`. */
export function globFilter(include: readonly string[], exclude: readonly string[]): (name: string) => boolean {
  const included = include.map(globMatcher);
  const excluded = exclude.map(globMatcher);
  return (name) => included.some((matches) => matches(name)) && !excluded.some((matches) => matches(name));
}

const GLOB = 'a glob over repository names, such as "team/*" or "team/**"';

/** A glob in the config. */
export const globSchema = v.pipe(v.string(GLOB), v.regex(GLOB_PATTERN, GLOB));
