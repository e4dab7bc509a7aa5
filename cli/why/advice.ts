// Advice on findings that keep a gate closed: which versions to upgrade to, and which exceptions to add.

import { ANY_ADVISORY, type Exception, MAX_PACKAGE_DAYS } from '../../shared/policy/exceptions.ts';
import { type Finding, findingKey, type Instant, knownSeverity } from '../../shared/policy/finding.ts';
import { TO_DO } from '../../shared/policy/placeholder.ts';
import { parsePolicy } from '../../shared/policy/policy.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';

/** The advice for one package. */
export interface Move {
  readonly package: string;
  readonly installed: string;
  /** The first version without any of its findings; undefined if the scanner knows no fix for at least one of them. */
  readonly moveTo: string | undefined;
  /** The advisories without a known fixed version. */
  readonly withoutFix: readonly string[];
}

/** An exception in the format of the stack's config: an element of `pullgate:policy.exceptions`. */
export interface ConfigException {
  readonly id: string;
  readonly repository: string;
  readonly package?: string;
  readonly expires: string;
  readonly reason: string;
  readonly approvedBy: string;
  readonly untilFixed?: true;
}

/** The advice for each package, in the order of the findings. */
export function movesFor(findings: readonly Finding[]): readonly Move[] {
  const byPackage = Map.groupBy(findings, ({ package: { name, version } }) => `${name}\n${version}`);
  return [...byPackage.values()].flatMap((found): readonly Move[] => {
    const [first] = found;
    if (first === undefined) return [];
    const withoutFix = found.filter((one) => one.package.fixedVersion === undefined).map((one) => one.vulnerability);
    const fixes = found.flatMap(({ package: { fixedVersion } }) => fixedVersion ?? []);
    return [
      {
        package: first.package.name,
        installed: first.package.version,
        moveTo: withoutFix.length === 0 ? fixes.toSorted(compareVersions).at(-1) : undefined,
        withoutFix: [...new Set(withoutFix)],
      },
    ];
  });
}

/**
 * Orders versions by the rules that package managers share: the epoch first, then numbers as numbers and words as
 * words; `~` sorts before the end. Source: https://www.debian.org/doc/debian-policy/ch-controlfields.html#version
 */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [partsOf(a), partsOf(b)];
  for (let index = 0; index < Math.max(one.length, other.length); index++) {
    const order = compareParts(one[index], other[index]);
    if (order !== 0) return order;
  }
  return 0;
}

function partsOf(version: string): readonly string[] {
  const [epoch, rest] = /^(\d+):(.*)$/.exec(version)?.slice(1) ?? ['0', version.replace(/^v(?=\d)/, '')];
  return [epoch ?? '0', ...((rest ?? '').match(/\d+|[a-z]+|~/gi) ?? [])];
}

/** The end of a version sorts after `~` and the words for unreleased versions, and before everything else. */
function compareParts(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  const ranks = weightOf(a) - weightOf(b);
  if (ranks !== 0 || a === undefined || b === undefined) return ranks;
  if (!/^\d/.test(a)) return a < b ? -1 : 1;
  const [one, other] = [BigInt(a), BigInt(b)];
  return one === other ? 0 : one < other ? -1 : 1;
}

const NOT_OUT_YET = /^(?:alpha|beta|rc|pre|preview|dev|snapshot|m)$/i;

function weightOf(part: string | undefined): number {
  if (part === undefined) return 2;
  if (part === '~') return 0;
  if (NOT_OUT_YET.test(part)) return 1;
  return /^\d/.test(part) ? 4 : 3;
}

/** The config accepts no longer exception for a whole package. */
const EXCEPTION_DAYS = MAX_PACKAGE_DAYS;
export const REASON = `${TO_DO}say why it does not affect this image`;
export const APPROVER = `${TO_DO}say who approved it`;

/**
 * The narrowest exceptions that exempt these findings in a repository for a month. One for a whole package also exempts
 * its findings that have details.
 *
 * @returns the exceptions, and the findings that no exception can name
 */
export function exceptionsFor(repository: string, findings: readonly Finding[], now: Instant) {
  const expires = new Date(Date.parse(now) + EXCEPTION_DAYS * DAY_MILLISECONDS)
    .toISOString()
    .slice(0, 'yyyy-mm-dd'.length);
  const exceptions = new Map<string, ConfigException>();
  const unnamed: Finding[] = [];
  const inherited = Map.groupBy(findings.filter(isInherited), ({ package: { name } }) => name);
  for (const finding of findings) {
    const name = finding.package.name;
    // Several advisories without details are reviewed as one: the package.
    const ofPackage = isInherited(finding) && (inherited.get(name)?.length ?? 0) > 1 ? [ANY_ADVISORY] : [];
    const candidates = [...ofPackage, finding.vulnerability, ...finding.aliases].map(
      (id): ConfigException => ({
        id,
        repository,
        // The config trims names, so a name with surrounding spaces would match nothing. Then only the advisory is
        // given.
        ...(name === name.trim() && name !== '' ? { package: name } : {}),
        expires,
        reason: REASON,
        approvedBy: APPROVER,
        ...(finding.fix === 'none' ? { untilFixed: true as const } : {}),
      }),
    );
    const exception = candidates.find((one) => parsePolicy(undefined, { exceptions: [one] }).ok);
    if (exception === undefined) unnamed.push(finding);
    else {
      const key = `${exception.id} ${exception.package}`;
      const { untilFixed: _, ...withoutUntilFixed } = exception;
      // The exception covers two findings. If only one of them has a fix, the exception must not end because of it.
      exceptions.set(
        key,
        exceptions.get(key)?.untilFixed === exception.untilFixed || !exceptions.has(key)
          ? exception
          : withoutUntilFixed,
      );
    }
  }
  return { exceptions: [...exceptions.values()], unnamed };
}

/** Does only the report that names the finding have a severity? */
function isInherited(finding: Finding): boolean {
  return knownSeverity(finding)?.from === 'report';
}

/** The exceptions in the format of the policy. */
export function parsedExceptions(exceptions: readonly ConfigException[]): readonly Exception[] {
  const parsed = parsePolicy(undefined, { exceptions });
  if (parsed.ok) return parsed.value.exceptions;
  throw new Error(
    `pullgate suggested an invalid exception, which is a bug; please report it: ${parsed.problems.map(describeProblem)}`,
  );
}

/** Removes duplicate findings. */
export function uniqueFindings(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [findingKey(finding), finding])).values()];
}
