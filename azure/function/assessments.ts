// One row of findings.kql as an assessment of one image: keys without regard to case, and details that come in more
// than one form.
import type { Finding } from '../../shared/policy/finding.ts';
import { severityFrom } from '../../shared/policy/severity.ts';
import type { Report, ReportStatus } from '../../shared/reconcile/observation.ts';
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';
import { decoded, isObject, jsonFrom, numberOf, parsed, pick, textOf, textsOf } from './loose-json.ts';
import { checkImage, type NamedImage, readImage } from './named-image.ts';
import { nameOf, type RegistryId, registryIn } from './registry-id.ts';

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** What Defender says of one package of one image (individual model), or of one CVE in one (grouped model). */
export interface Assessment {
  /** Unique for the image. */
  readonly name: string;
  readonly image: NamedImage;
  /** The registry that it says it is of, if it says so by an id: names are unique within a scope only. */
  readonly registry: RegistryId | undefined;
  readonly registryName: string;
  readonly registryHost: string;
  /** When the row was made. */
  readonly at: number;
  /** It is of a weekly dump of everything, and was not streamed. */
  readonly isSnapshot: boolean;
  /** `off`: not applicable, and not because it was exempted: that neither closes nor opens anything. */
  readonly state: 'active' | 'suppressed' | 'resolved' | 'off';
  /** It names its registry and its repository. Another one is about whichever has the image. */
  readonly isPlaced: boolean;
  /** It and, under a name of its own, its summary. */
  readonly reports: readonly Report[];
}

/** An assessment without its CVEs is a report of its own, which one with them supersedes. */
const SUMMARY = '#summary';

/** Undefined if the row is not about an image of a registry. */
export function assessmentFrom(given: Row): Assessment | undefined {
  // A CLI prints a dynamic column as text. What is not JSON stays text: it may have been cut off.
  const row: Row = { ...given, Properties: decoded(given['Properties']), Details: decoded(given['Details']) };
  const image = imageOfRow(row);
  const id = textOf(row['AssessmentId']);
  const name = nameOf(id);
  const at = row['TimeGenerated'];
  if (image === undefined || name === '' || !(at instanceof Date) || Number.isNaN(at.getTime())) return undefined;
  const [registry] = [id, ...resourceIds(row)].flatMap((one) => registryIn(one) ?? []);
  const registryName = textOf(row['RegistryName']);
  const registryHost = textOf(row['RegistryHost']);
  const isSnapshot = row['IsSnapshot'] === true;
  const isPlaced = image.isDashed !== true && (registry !== undefined || registryName !== '' || registryHost !== '');
  const shared = { name, image, registry, registryName, registryHost, isPlaced, at: at.getTime(), isSnapshot };
  const reportedAt = at.toISOString();
  const state = stateOf(row);
  switch (state) {
    case 'resolved':
    case 'off': {
      // One that is off says nothing of its findings: neither that they are there, nor that they are gone.
      const status = state === 'off' ? 'active' : state;
      return { ...shared, state, reports: reportsOf(name, { status, reportedAt, findings: [] }, status) };
    }
    case 'suppressed':
    case 'active': {
      const cves = cvesOf(row);
      const findings = findingsFrom(row, name, cves).map((finding): Finding => ({ ...finding, state }));
      const ofSummary = state === 'active' && cves.length > 0 ? 'resolved' : state;
      return { ...shared, state, reports: reportsOf(name, { status: state, reportedAt, findings }, ofSummary) };
    }
  }
}

/**
 * An unknown state counts as active. Only an exemption suppresses; a recommendation that was switched off says nothing.
 */
function stateOf(row: Row): Assessment['state'] {
  const state = textOf(row['State']).toLowerCase();
  if (state === 'healthy') return 'resolved';
  if (state !== 'notapplicable') return 'active';
  const cause = textOf(row['Cause']) || textOf(inProperties(row, 'status', 'cause'));
  return cause.toLowerCase() === 'exempt' ? 'suppressed' : 'off';
}

/** A snapshot takes hours to make: what was streamed in the same day may be newer than what it says. */
const SNAPSHOT_LAG_MILLISECONDS = DAY_MILLISECONDS;
/** Of rows of one moment the one that clears least. */
const WEIGHT: Readonly<Record<Assessment['state'], number>> = { resolved: 0, suppressed: 1, off: 2, active: 3 };

/** Of several rows of one assessment, the newest that counts. */
export function latestOf(assessments: readonly Assessment[]): readonly Assessment[] {
  const latest = new Map<string, Assessment>();
  for (const assessment of withoutForeignProof(assessments).toSorted(
    (a, b) => a.at - b.at || WEIGHT[a.state] - WEIGHT[b.state],
  )) {
    const key = keyOf(assessment);
    const before = latest.get(key);
    if (before === undefined || !isOvertaken(assessment, before)) latest.set(key, assessment);
  }
  return [...latest.values()];
}

/**
 * A row that does not place its image may be about another registry's. It may close a gate, but it does not overrule a
 * row that places the image.
 */
function withoutForeignProof(assessments: readonly Assessment[]): readonly Assessment[] {
  const placed = new Set(assessments.filter(({ isPlaced }) => isPlaced).map(keyOf));
  return assessments.filter((one) => one.isPlaced || one.state === 'active' || !placed.has(keyOf(one)));
}

function keyOf({ image, name }: Assessment): string {
  return `${image.repository}@${image.digest} ${name}`;
}

/** Is it a snapshot's word that all is well, of a time at which something else was streamed? */
function isOvertaken({ isSnapshot, state, at }: Assessment, before: Assessment): boolean {
  const opens = isSnapshot && state !== 'active' && before.state === 'active' && !before.isSnapshot;
  return opens && at - before.at < SNAPSHOT_LAG_MILLISECONDS;
}

/** The report of an assessment, and what it says of its summary: that of a day when it named no CVE. */
function reportsOf(name: string, report: Omit<Report, 'id'>, ofSummary: ReportStatus): readonly Report[] {
  return [
    { id: name, ...report },
    { id: name + SUMMARY, status: ofSummary, reportedAt: report.reportedAt, findings: [] },
  ];
}

function imageOfRow(row: Row): NamedImage | undefined {
  const details = rootsOf(row).flatMap((root) => [pick(root, 'resourceAdditionalData'), pick(root, 'artifactDetails')]);
  const ids = [...resourceIds(row), textOf(row['AssessmentId'])];
  const image = checkImage(readImage(details, ids));
  // The columns do not correct a repository that is named wrongly: the query ends a name at a quote or a backslash.
  if (image !== undefined || readImage(details, []).repository !== undefined) return image;
  // What the query has found in details that it left out.
  return imageInColumns(row);
}

/** The ids of the assessed resource, as a row has them. */
function resourceIds(row: Row): readonly string[] {
  const inDetails = rootsOf(row).map((root) => pick(root, 'resourceDetails', 'id'));
  return [row['Resource'], pick(row['Properties'], 'id'), ...inDetails].map(textOf);
}

/** What may hold the properties of the resource. */
function rootsOf({ Properties: properties, Details: details }: Row): readonly unknown[] {
  return [properties, pick(properties, 'properties'), details];
}

/** The image that findings.kql has found in a row. */
export function imageInColumns(row: Row): NamedImage | undefined {
  const [repository, digest] = [textOf(row['ContainerRepo']), textOf(row['ImageDigest'])];
  return checkImage({ repository, digest, ...(row['IsDashed'] === true ? { isDashed: true } : {}) });
}

/**
 * The CVEs of an assessment: a list, a list as JSON text, or the one of a sub-assessment. Empty if none is named, or
 * they cannot be read.
 */
function cvesOf(row: Row): readonly unknown[] {
  const given = pick(row['Details'], 'cvesDetails');
  const list = parsed(given);
  const cves: readonly unknown[] = Array.isArray(list) ? list : [pick(row['Details'], 'vulnerabilityDetails')];
  // One without a name, among others, may still be what matters.
  return cves.some(isNamed) ? cves.filter(isObject) : [];
}

function isNamed(cve: unknown): boolean {
  return textOf(pick(cve, 'cveId')) !== '';
}

function findingsFrom(row: Row, name: string, cves: readonly unknown[]): readonly Omit<Finding, 'state'>[] {
  const ofReport = severityOfReport(row);
  if (cves.length > 0) return cves.map((cve) => findingFrom(row, name, cve, ofReport));
  const found = packageOf(row, undefined);
  const summary = {
    vulnerability: `assessment:${name}`,
    aliases: [],
    package: found,
    severity: ofReport,
    fix: fixOf(fixStatusOf(row['Details']), found.fixedVersion),
    exploited: false,
    report: name + SUMMARY,
  };
  if (!isCutOff(row)) return [summary];
  // What cannot be read may be worse than the assessment's own severity.
  return [summary, { ...summary, vulnerability: `assessment:${name}:details`, severity: severityFrom('unreadable') }];
}

/** Details, or CVEs in them, that were given as text, and not to its end. */
function isCutOff({ Details: details }: Row): boolean {
  return [details, pick(details, 'cvesDetails')].some(
    (given) => textOf(given) !== '' && jsonFrom(textOf(given)) === undefined,
  );
}

function findingFrom(row: Row, name: string, cve: unknown, ofReport: Finding['severity']): Omit<Finding, 'state'> {
  const found = packageOf(row, cve);
  const severity = severityFrom(textOf(pick(cve, 'severity')) || 'none given');
  const score = highestScore(pick(cve, 'cvss')) ?? numberOf(pick(row['Details'], 'cvssV30Score'));
  return {
    vulnerability: textOf(pick(cve, 'cveId')) || `assessment:${name}`,
    aliases: textsOf(pick(cve, 'additionalIdentifiers')),
    package: found,
    severity,
    // Beside no severity a 0 is a field that was left empty.
    score: severity.kind === 'unknown' && score === 0 ? undefined : score,
    reportSeverity: severity.kind === 'unknown' && ofReport.kind === 'known' ? ofReport.severity : undefined,
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

/**
 * The recommendation's own severity, as its row or the resource itself has it. Since June 2026 it is in `metadata`,
 * before in `status`.
 * Source: https://learn.microsoft.com/azure/defender-for-cloud/transition-grouped-individual-recommendations
 */
function severityOfReport(row: Row): Finding['severity'] {
  const places = [row['Severity'], inProperties(row, 'metadata', 'severity'), inProperties(row, 'status', 'severity')];
  const words = places.map(textOf).filter((word) => word !== '');
  const severities = words.map(severityFrom);
  return severities.find(({ kind }) => kind === 'known') ?? severities[0] ?? severityFrom('none given');
}

/** A property of the resource, which a row has at its root or one level down. */
function inProperties({ Properties: properties }: Row, ...path: readonly string[]): unknown {
  return pick(properties, ...path) ?? pick(properties, 'properties', ...path);
}

/**
 * A list of `{key, value: {base}}`, or an object from the version of CVSS to `{base}`; either may be JSON text. Only v3
 * and v4: their bands are the ones that a severity is derived by.
 */
function highestScore(cvss: unknown): number | undefined {
  const given = parsed(cvss);
  const pairs: readonly (readonly [unknown, unknown])[] = Array.isArray(given)
    ? given.map((one) => [pick(one, 'key'), pick(one, 'value')] as const)
    : Object.entries(isObject(given) ? given : {});
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
  return EXPLOITS.some((fact) => {
    const said = pick(details, fact);
    return said === true || /^true$/i.test(textOf(said));
  });
}

/** Defender leaves the zone out if it means UTC. */
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
