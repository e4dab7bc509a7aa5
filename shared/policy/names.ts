// The names in a finding, in one form: an advisory's other names, and a package's version.

/** The other names of an advisory: each once, and not its id again. Case does not matter. */
export function otherNames(id: string, names: readonly string[]): readonly string[] {
  const seen = new Set(['', id.toLowerCase()]);
  return names.filter((name) => seen.size < seen.add(name.toLowerCase()).size);
}

/**
 * The version of a package, or a list of versions, without the epoch 0, which is the same as none.
 * Sources: https://www.debian.org/doc/debian-policy/ch-controlfields.html#version,
 * https://rpm-software-management.github.io/rpm/manual/dependencies.html#versioning
 *
 * @example plainVersion('0:1.2.11-40.el9, 1:1.3') // '1.2.11-40.el9, 1:1.3'
 */
export function plainVersion(version: string): string {
  return version.replace(/(?<![^\s,;|(])0+:(?=\w)/g, '');
}
