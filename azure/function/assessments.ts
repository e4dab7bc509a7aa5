// Converts one row of findings.kql to an assessment of one image. Keys are read without regard to case, and details
// come in more than one form.
import type { Finding } from '../../shared/policy/finding.ts';
import { otherNames, plainVersion } from '../../shared/policy/names.ts';
import { severityFrom } from '../../shared/policy/severity.ts';
import type { Report, ReportStatus } from '../../shared/reconcile/observation.ts';
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';
import { exploitabilityOf, highestScore, instantOf } from './cve.ts';
import { decoded, isObject, jsonFrom, numberOf, parsed, pick, textOf, textsOf } from './loose-json.ts';
import { checkImage, type NamedImage, readImage } from './named-image.ts';
import { nameOf, type RegistryId, registryIn } from './registry-id.ts';

/** A row, keyed by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** What Defender reports about one package of an image (individual model), or one CVE in an image (grouped model). */
export interface Assessment {
  /** Unique within the image. */
  readonly name: string;
  readonly image: NamedImage;
  /** The registry that an id in the row names, if any. Names of assessments are unique only within a scope. */
  readonly registry: RegistryId | undefined;
  readonly registryName: string;
  readonly registryHost: string;
  /** When the row was created. */
  readonly at: number;
  /** True for a row of a weekly snapshot of everything, false for a streamed row. */
  readonly isSnapshot: boolean;
  /** `off`: not applicable, but not because of an exemption. Such a row neither closes nor opens anything. */
  readonly state: 'active' | 'suppressed' | 'resolved' | 'off';
  /** The row names its registry and its repository. Otherwise it may be about any registry that has the image. */
  readonly isPlaced: boolean;
  /** The report of the assessment, and the report of its summary under its own id. */
  readonly reports: readonly Report[];
}

/** The report that holds the finding of an assessment without CVEs. It is resolved once the assessment names CVEs. */
const SUMMARY = '#summary';

/** Undefined if the row is not about an image in a registry. */
export function assessmentFrom(given: Row): Assessment | undefined {
  // The command line prints a dynamic column as text. Text that is not JSON stays text, because it may be truncated.
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
  const time = { reportedAt: at.toISOString(), ...(isSnapshot ? { isRepeated: true } : {}) };
  const state = stateOf(row);
  switch (state) {
    case 'resolved':
    case 'off': {
      // An assessment that is off says nothing about its findings: neither that they exist nor that they are gone.
      const status = state === 'off' ? 'active' : state;
      return { ...shared, state, reports: reportsOf(name, { status, ...time, findings: [] }, status) };
    }
    case 'suppressed':
    case 'active': {
      const cves = cvesOf(row);
      const findings = findingsFrom(row, name, cves).map((finding): Finding => ({ ...finding, state }));
      const ofSummary = state === 'active' && cves.length > 0 ? 'resolved' : state;
      return { ...shared, state, reports: reportsOf(name, { status: state, ...time, findings }, ofSummary) };
    }
  }
}

/** An unknown state counts as active. Only an exemption suppresses; a disabled recommendation is no evidence. */
function stateOf(row: Row): Assessment['state'] {
  const state = textOf(row['State']).toLowerCase();
  if (state === 'healthy') return 'resolved';
  if (state !== 'notapplicable') return 'active';
  const cause = textOf(row['Cause']) || textOf(inProperties(row, 'status', 'cause'));
  return cause.toLowerCase() === 'exempt' ? 'suppressed' : 'off';
}

/** A snapshot takes hours to create, so a row that was streamed on the same day may be newer than its data. */
const SNAPSHOT_LAG_MILLISECONDS = DAY_MILLISECONDS;
/** If rows have the same time, the one with the highest weight counts: the one that clears least. */
const WEIGHT: Readonly<Record<Assessment['state'], number>> = { resolved: 0, suppressed: 1, off: 2, active: 3 };

/** Keeps one row of each assessment: the newest that counts. */
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
 * A row that does not place its image may be about an image in another registry. It may close a gate, but it does not
 * overrule a row that places the image.
 */
function withoutForeignProof(assessments: readonly Assessment[]): readonly Assessment[] {
  const placed = new Set(assessments.filter(({ isPlaced }) => isPlaced).map(keyOf));
  return assessments.filter((one) => one.isPlaced || one.state === 'active' || !placed.has(keyOf(one)));
}

function keyOf({ image, name }: Assessment): string {
  return `${image.repository}@${image.digest} ${name}`;
}

/** Does a snapshot clear what a row streamed at most a day earlier reported as active? */
function isOvertaken({ isSnapshot, state, at }: Assessment, before: Assessment): boolean {
  const opens = isSnapshot && state !== 'active' && before.state === 'active' && !before.isSnapshot;
  return opens && at - before.at < SNAPSHOT_LAG_MILLISECONDS;
}

/** The reports of an assessment: its own, and that of its summary with the status `ofSummary`. */
function reportsOf(name: string, report: Omit<Report, 'id'>, ofSummary: ReportStatus): readonly Report[] {
  return [
    { id: name, ...report },
    { ...report, id: name + SUMMARY, status: ofSummary, findings: [] },
  ];
}

function imageOfRow(row: Row): NamedImage | undefined {
  const details = rootsOf(row).flatMap((root) => [pick(root, 'resourceAdditionalData'), pick(root, 'artifactDetails')]);
  const ids = [...resourceIds(row), textOf(row['AssessmentId'])];
  const image = checkImage(readImage(details, ids));
  // The columns cannot correct an invalid repository name, because the query ends a name at a quote or a backslash.
  if (image !== undefined || readImage(details, []).repository !== undefined) return image;
  // The query drops some details, but extracts the image from them first.
  return imageInColumns(row);
}

/** The ids of the assessed resource in a row. */
function resourceIds(row: Row): readonly string[] {
  const inDetails = rootsOf(row).map((root) => pick(root, 'resourceDetails', 'id'));
  return [row['Resource'], pick(row['Properties'], 'id'), ...inDetails].map(textOf);
}

/** The values that may hold the properties of the resource. */
function rootsOf({ Properties: properties, Details: details }: Row): readonly unknown[] {
  return [properties, pick(properties, 'properties'), details];
}

/** The image that findings.kql extracted from a row. */
export function imageInColumns(row: Row): NamedImage | undefined {
  const [repository, digest] = [textOf(row['ContainerRepo']), textOf(row['ImageDigest'])];
  return checkImage({ repository, digest, ...(row['IsDashed'] === true ? { isDashed: true } : {}) });
}

/**
 * The CVEs of an assessment: a list, a list as JSON text, or the single CVE of a sub-assessment. Empty if no CVE has a
 * name, or if the list cannot be parsed.
 */
function cvesOf(row: Row): readonly unknown[] {
  const given = pick(row['Details'], 'cvesDetails');
  const list = parsed(given);
  const cves: readonly unknown[] = Array.isArray(list) ? list : [pick(row['Details'], 'vulnerabilityDetails')];
  // If any CVE has a name, those without one are kept, because they may be the ones that matter.
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
  // Details that cannot be parsed may contain a worse severity than the assessment's own severity.
  return [summary, { ...summary, vulnerability: `assessment:${name}:details`, severity: severityFrom('unreadable') }];
}

/** Were the details, or the CVEs in them, given as text that is truncated? */
function isCutOff({ Details: details }: Row): boolean {
  return [details, pick(details, 'cvesDetails')].some(
    (given) => textOf(given) !== '' && jsonFrom(textOf(given)) === undefined,
  );
}

function findingFrom(row: Row, name: string, cve: unknown, ofReport: Finding['severity']): Omit<Finding, 'state'> {
  const found = packageOf(row, cve);
  const severity = severityFrom(textOf(pick(cve, 'severity')) || 'none given');
  const score = highestScore(pick(cve, 'cvss')) ?? numberOf(pick(row['Details'], 'cvssV30Score'));
  const vulnerability = textOf(pick(cve, 'cveId')) || `assessment:${name}`;
  return {
    vulnerability,
    aliases: otherNames(vulnerability, textsOf(pick(cve, 'additionalIdentifiers'))),
    package: found,
    severity,
    // Without a severity, a score of 0 means that the field was left empty.
    score: severity.kind === 'unknown' && score === 0 ? undefined : score,
    reportSeverity: severity.kind === 'unknown' && ofReport.kind === 'known' ? ofReport.severity : undefined,
    fix: fixOf(textOf(pick(cve, 'fixStatus')) || fixStatusOf(row['Details']), found.fixedVersion),
    ...exploitabilityOf(cve),
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
    version: plainVersion(
      textsOf(pick(details, 'detectedSoftwareVersions')).join(', ') || textOf(pick(grouped, 'version')),
    ),
    fixedVersion: plainVersion(textOf(fixed)) || undefined,
  };
}

/**
 * The severity of the recommendation itself, from the row or from the resource. Since June 2026 it is in `metadata`,
 * before that in `status`.
 * Source: https://learn.microsoft.com/azure/defender-for-cloud/transition-grouped-individual-recommendations
 */
function severityOfReport(row: Row): Finding['severity'] {
  const places = [row['Severity'], inProperties(row, 'metadata', 'severity'), inProperties(row, 'status', 'severity')];
  const words = places.map(textOf).filter((word) => word !== '');
  const severities = words.map(severityFrom);
  return severities.find(({ kind }) => kind === 'known') ?? severities[0] ?? severityFrom('none given');
}

/** A property of the resource. A row has it either at the root of its properties or one level down. */
function inProperties({ Properties: properties }: Row, ...path: readonly string[]): unknown {
  return pick(properties, ...path) ?? pick(properties, 'properties', ...path);
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

function linkOf(references: unknown): string | undefined {
  const [first] = Array.isArray(references) ? references : [];
  const link = textOf(pick(first, 'url')) || textOf(pick(first, 'link'));
  return link.startsWith('https://') ? link : undefined;
}
