// One row of findings.kql as an assessment of one image: keys without regard to case, and details that come in more than one form.
import * as v from 'valibot';
import type { Finding } from '../../shared/finding.ts';
import type { SettledAs } from '../../shared/ports.ts';
import { repositoryName } from '../../shared/repository-name.ts';
import { severityFrom } from '../../shared/severity.ts';
import { digestText, imageIn, nameOf, type RegistryId, registryIn } from './events.ts';

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** What Defender says of one package of one image (individual model), or of one CVE in one (grouped model). */
export interface Assessment {
  /** Unique for the image. */
  readonly name: string;
  readonly image: { readonly repository: string; readonly digest: string };
  /** The registry that it says it is of, where it says so by an id: names are unique within a scope only. */
  readonly registry: RegistryId | undefined;
  readonly registryName: string;
  readonly registryHost: string;
  /** When the row was made. */
  readonly at: number;
  /** It is of a weekly dump of everything, and was not streamed. */
  readonly isSnapshot: boolean;
  /** `off`: not applicable, and not because somebody exempted it: that neither closes nor opens anything. */
  readonly state: 'active' | 'suppressed' | 'resolved' | 'off';
  /** None where Defender says that it is healthy. */
  readonly findings: readonly Finding[];
  /** Its reports that are settled as a whole. */
  readonly settled: ReadonlyMap<string, SettledAs>;
}

/** An assessment without its CVEs is a report of its own, which one with them supersedes. */
const SUMMARY = '#summary';

/** Undefined where the row is not about an image of a registry. */
export function assessmentFrom(row: Row): Assessment | undefined {
  const image = imageOf(row);
  const id = textOf(row['AssessmentId']);
  const name = nameOf(id);
  const at = row['TimeGenerated'];
  if (image === undefined || name === '' || !(at instanceof Date) || Number.isNaN(at.getTime())) return undefined;
  const registry = registryIn(id) ?? registryIn(textOf(row['Resource']));
  const registryName = textOf(row['RegistryName']);
  const registryHost = textOf(row['RegistryHost']);
  const isSnapshot = row['IsSnapshot'] === true;
  const shared = { name, image, registry, registryName, registryHost, at: at.getTime(), isSnapshot };
  const state = stateOf(row);
  switch (state) {
    case 'resolved':
      return { ...shared, state, findings: [], settled: settledAs(state, name, name + SUMMARY) };
    case 'off':
      return { ...shared, state, findings: [], settled: new Map() };
    case 'suppressed':
    case 'active': {
      const cves = cvesOf(row);
      const findings = findingsFrom(row, name, cves).map((finding): Finding => ({ ...finding, state }));
      const superseded = cves.length > 0 ? [name + SUMMARY] : [];
      const settled =
        state === 'suppressed' ? settledAs(state, name, name + SUMMARY) : settledAs('resolved', ...superseded);
      return { ...shared, state, findings, settled };
    }
  }
}

/** A state that nobody knows is not a mild one. Only who exempts says that nobody is to mind: a recommendation that was switched off says nothing. */
function stateOf(row: Row): Assessment['state'] {
  const state = textOf(row['State']).toLowerCase();
  if (state === 'healthy') return 'resolved';
  if (state !== 'notapplicable') return 'active';
  const properties = row['Properties'];
  const cause =
    textOf(row['Cause']) ||
    textOf(pick(properties, 'status', 'cause') ?? pick(properties, 'properties', 'status', 'cause'));
  return cause.toLowerCase() === 'exempt' ? 'suppressed' : 'off';
}

/** A snapshot takes hours to make: what was streamed in the same day may be newer than what it says. */
const SNAPSHOT_LAG_MILLISECONDS = 86_400_000;
/** Of rows of one moment the one that settles least. */
const WEIGHT: Readonly<Record<Assessment['state'], number>> = { resolved: 0, suppressed: 1, off: 2, active: 3 };

/** Of several rows of one assessment, the newest. */
export function latestOf(assessments: readonly Assessment[]): readonly Assessment[] {
  const latest = new Map<string, Assessment>();
  for (const assessment of assessments.toSorted((a, b) => a.at - b.at || WEIGHT[a.state] - WEIGHT[b.state])) {
    const key = `${assessment.image.repository}@${assessment.image.digest} ${assessment.name}`;
    const before = latest.get(key);
    if (before === undefined || !isOvertaken(assessment, before)) latest.set(key, assessment);
  }
  return [...latest.values()];
}

/** Is it a snapshot's word that all is well, of a time at which something else was streamed? */
function isOvertaken({ isSnapshot, state, at }: Assessment, before: Assessment): boolean {
  const opens = isSnapshot && state !== 'active' && before.state === 'active' && !before.isSnapshot;
  return opens && at - before.at < SNAPSHOT_LAG_MILLISECONDS;
}

function settledAs(how: SettledAs, ...reports: readonly string[]): ReadonlyMap<string, SettledAs> {
  return new Map(reports.map((report) => [report, how]));
}

function imageOf(row: Row): Assessment['image'] | undefined {
  for (const root of [row['Properties'], pick(row['Properties'], 'properties'), row['Details']]) {
    for (const about of [pick(root, 'resourceAdditionalData'), pick(root, 'artifactDetails')]) {
      const repository = pick(about, 'repositoryDetails', 'repositoryName') ?? pick(about, 'repositoryName');
      const digest = pick(about, 'digest');
      // What it names in so many words, and not well, is not put right by what stands elsewhere: the query ends a name where a quote or a backslash is.
      if (repository !== undefined && digest !== undefined) return imageNamed(repository, digest);
    }
  }
  return (
    imageIn(textOf(row['Resource'])) ??
    imageIn(textOf(pick(row['Properties'], 'id'))) ??
    // What the query has found in details that it left out.
    imageNamed(row['ContainerRepo'], row['ImageDigest'])
  );
}

function imageNamed(repository: unknown, digest: unknown): Assessment['image'] | undefined {
  return v.is(repositoryName, repository) && v.is(digestText, digest) ? { repository, digest } : undefined;
}

/** The CVEs of an assessment: a list, a list as JSON text, or the one of a sub-assessment. None where none is named, or they cannot be read. */
function cvesOf(row: Row): readonly unknown[] {
  const given = pick(row['Details'], 'cvesDetails');
  const list = typeof given === 'string' ? jsonFrom(given) : given;
  const cves: readonly unknown[] = Array.isArray(list) ? list : [pick(row['Details'], 'vulnerabilityDetails')];
  // One without a name, among others, may still be what matters.
  return cves.some(isNamed) ? cves.filter(isObject) : [];
}

function isNamed(cve: unknown): boolean {
  return textOf(pick(cve, 'cveId')) !== '';
}

function findingsFrom(row: Row, name: string, cves: readonly unknown[]): readonly Omit<Finding, 'state'>[] {
  if (cves.length > 0) return cves.map((cve) => findingFrom(row, name, cve));
  const found = packageOf(row, undefined);
  const summary = {
    vulnerability: `assessment:${name}`,
    aliases: [],
    package: found,
    severity: severityOf(row['Severity']),
    fix: fixOf(fixStatusOf(row['Details']), found.fixedVersion),
    exploited: false,
    report: name + SUMMARY,
  };
  if (!isCutOff(row)) return [summary];
  // What cannot be read may be worse than the assessment's own severity.
  return [summary, { ...summary, vulnerability: `assessment:${name}:details`, severity: severityFrom('unreadable') }];
}

/** CVEs that were given as text, and not to its end. */
function isCutOff({ Details: details }: Row): boolean {
  // Details that are no JSON any more stay text.
  const given = typeof details === 'string' ? details : textOf(pick(details, 'cvesDetails'));
  return given !== '' && jsonFrom(given) === undefined;
}

function findingFrom(row: Row, name: string, cve: unknown): Omit<Finding, 'state'> {
  const found = packageOf(row, cve);
  return {
    vulnerability: textOf(pick(cve, 'cveId')) || `assessment:${name}`,
    aliases: textsOf(pick(cve, 'additionalIdentifiers')),
    package: found,
    severity: severityOf(pick(cve, 'severity')),
    score: highestScore(pick(cve, 'cvss')) ?? numberOf(pick(row['Details'], 'cvssV30Score')),
    fix: fixOf(textOf(pick(cve, 'fixStatus')) || fixStatusOf(row['Details']), found.fixedVersion),
    exploited: isExploited(pick(cve, 'exploitabilityDetails') ?? pick(cve, 'exploitabilityAssessment')),
    disclosedAt: instantOf(pick(cve, 'publishedDate')),
    link: linkOf(pick(cve, 'references')),
    report: name,
  };
}

function packageOf({ Details: details, Title: title }: Row, cve: unknown): Finding['package'] {
  const grouped = pick(details, 'softwareDetails');
  const fixed = pick(cve, 'fixedVersion') ?? pick(details, 'fixedVersion') ?? pick(grouped, 'fixedVersion');
  return {
    name: textOf(pick(details, 'softwareName')) || textOf(pick(grouped, 'packageName')) || textOf(title) || 'the image',
    version: textsOf(pick(details, 'detectedSoftwareVersions')).join(', ') || textOf(pick(grouped, 'version')),
    fixedVersion: textOf(fixed) || undefined,
  };
}

function severityOf(word: unknown): Finding['severity'] {
  return severityFrom(textOf(word) || 'none given');
}

/** A list of `{key, value: {base}}`, or an object from the version of CVSS to `{base}`. Only v3 and v4: their bands are the ones that a severity is derived by. */
function highestScore(cvss: unknown): number | undefined {
  const pairs: readonly (readonly [unknown, unknown])[] = Array.isArray(cvss)
    ? cvss.map((one) => [pick(one, 'key'), pick(one, 'value')] as const)
    : Object.entries(isObject(cvss) ? cvss : {});
  const scores = pairs.flatMap(([version, value]) => {
    const base = numberOf(pick(value, 'base'));
    return base !== undefined && /^[34]/.test(textOf(version)) ? [base] : [];
  });
  return scores.length === 0 ? undefined : Math.max(...scores);
}

function fixStatusOf(details: unknown): string {
  return textOf(pick(details, 'fixStatus')) || textOf(pick(details, 'softwareDetails', 'fixStatus'));
}

const NO_FIX: readonly string[] = ['nofix', 'nofixavailable', 'willnotfix', 'scheduled'];

function fixOf(status: string, fixedVersion: string | undefined): Finding['fix'] {
  const word = status.toLowerCase();
  if (word === 'fixavailable') return 'available';
  if (NO_FIX.includes(word)) return 'none';
  return fixedVersion === undefined ? 'unknown' : 'available';
}

/** Both models' words for the same three facts. */
const EXPLOITS = [
  'isInExploitKit',
  'isPubliclyDisclosed',
  'exploitStepsPublished',
  'isVerified',
  'exploitStepsVerified',
];

function isExploited(details: unknown): boolean {
  return EXPLOITS.some((fact) => pick(details, fact) === true);
}

/** Defender leaves the zone out where it means UTC. */
function instantOf(value: unknown): string | undefined {
  const given = textOf(value);
  if (given === '') return undefined;
  const time = Date.parse(/(Z|[+-]\d{2}:?\d{2})$/i.test(given) ? given : `${given}Z`);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

function linkOf(references: unknown): string | undefined {
  const [first] = Array.isArray(references) ? references : [];
  const link = textOf(pick(first, 'url')) || textOf(pick(first, 'link'));
  return link.startsWith('https://') ? link : undefined;
}

/** A value by its path, without regard to the case of its keys. */
function pick(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const key of path) {
    if (!isObject(found)) return undefined;
    const entry = Object.entries(found).find(([name]) => name.toLowerCase() === key.toLowerCase());
    found = entry?.[1];
  }
  return found;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The text of a value; empty where it is none. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function jsonFrom(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
