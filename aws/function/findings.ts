// Converts Amazon Inspector's findings to the core's types.
import {
  type Inspector2Client,
  type Finding as InspectorFinding,
  paginateListFindingAggregations,
  paginateListFindings,
  type VulnerablePackage,
} from '@aws-sdk/client-inspector2';
import { severitiesThatCannotMatter } from '../../shared/policy/compile.ts';
import { type Finding, findingKey } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { severityFrom } from '../../shared/policy/severity.ts';
import type { Report, Scan, Usage } from '../../shared/reconcile/observation.ts';
import type { UnscannedImage } from '../../shared/reconcile/unscanned.ts';
import { chunksOf } from '../../shared/runtime/chunks.ts';
import { type Account, ECR_IMAGE, health, is, scansOf, unscannedAmong, unscannedImages } from './coverage.ts';
import { latestUse } from './usage.ts';

/**
 * The maximum number of values in one filter of ListFindings.
 * Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_FilterCriteria.html
 */
const VALUES_PER_FILTER = 10;

/** One condition of a ListFindings filter. Several conditions on one field are alternatives, except for NOT_EQUALS. */
interface StringFilter {
  readonly comparison: 'EQUALS' | 'NOT_EQUALS';
  readonly value: string;
}

interface FindingsFilter {
  readonly resourceType: StringFilter[];
  readonly findingStatus: StringFilter[];
  readonly severity?: StringFilter[];
}

/**
 * The part of a ListFindings filter that depends on the policies. It selects the findings of ECR images that are not
 * closed and can matter. If Inspector treats several NOT_EQUALS conditions as alternatives, it returns more findings
 * than needed, never fewer.
 * Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_FilterCriteria.html
 */
export function listFindingsFilter(...policies: readonly Policy[]): FindingsFilter {
  const severity = severitiesThatCannotMatter(...policies).map(
    (word): StringFilter => ({ comparison: 'NOT_EQUALS', value: word.toUpperCase() }),
  );
  return {
    resourceType: [is(ECR_IMAGE)],
    findingStatus: [is('ACTIVE'), is('SUPPRESSED')],
    ...(severity.length === 0 ? {} : { severity }),
  };
}

/** What Inspector reports about one image. */
export interface Reported {
  readonly reports: readonly Report[];
  /** Undefined if no finding of the image in its own repository is listed. */
  readonly usage?: Usage | undefined;
}

/** The scanner of one account. */
export interface Scanner {
  /** The reports about images of a repository, by digest. Includes only reports that can matter and are not closed. */
  reportsOf(asked: Asked): Promise<ReadonlyMap<string, Reported>>;
  /** The ids among these that Inspector does not list in any state. */
  unknownReports(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** The last scan of each of these images that Inspector covers. */
  scansOf(repository: string, digests: readonly string[]): Promise<ReadonlyMap<string, Scan>>;
  /** The repositories that have images with findings, which a sweep reconciles. A missing repository proves nothing. */
  repositoriesWithFindings(): Promise<ReadonlySet<string>>;
  /** The images that no scan judges, with the reason. */
  unscannedImages(): Promise<readonly UnscannedImage[]>;
  /** Why the scanner cannot see some or all images; undefined if it sees all. */
  health(): Promise<string | undefined>;
}

export function createScanner(client: Inspector2Client, accountId: string, ...policies: readonly Policy[]): Scanner {
  const account: Account = { client, accountId };
  const policyFilter = listFindingsFilter(...policies);
  return {
    reportsOf: (asked) => reportsOf(account, policyFilter, asked),
    unknownReports: (ids) => unknownReports(account, ids),
    scansOf: (...asked) => scansOf(account, ...asked),
    repositoriesWithFindings: () => repositoriesWithFindings(account),
    unscannedImages: () => unscannedImages(account),
    health: () => health(account),
  };
}

/** The images whose reports are read. */
interface Asked {
  readonly repository: string;
  /** The named images, or all of the repository. */
  readonly digests: readonly string[] | 'all';
  /** The images in the registry that Inspector can scan. */
  readonly present: readonly string[];
}

/**
 * The reports about the images, including those of the same digest in another repository for an image that Inspector
 * has not scanned in its own one yet: an image that is known to be bad is bad everywhere.
 */
async function reportsOf(
  account: Account,
  policyFilter: FindingsFilter,
  { repository, digests, present }: Asked,
): ReturnType<Scanner['reportsOf']> {
  const own = new Map<string, { readonly reports: Report[]; usage?: Usage | undefined }>();
  const elsewhere = new Map<string, Map<string, Report>>();
  const read = async (filter: ImageFilter): Promise<void> => {
    for await (const finding of listFindings(account, { ...policyFilter, ...filter })) {
      const report = reportFrom(finding);
      for (const image of imagesOf(finding)) {
        const { repositoryName, imageHash = '' } = image;
        if (repositoryName === repository) {
          const reported = entryOf(own, imageHash, () => ({ reports: [] }));
          reported.reports.push(report);
          reported.usage = latestUse(reported.usage, image);
        } else entryOf(elsewhere, imageHash, () => new Map()).set(report.findings.map(findingKey).join(), report);
      }
    }
  };
  const readByDigest = async (named: readonly string[]): Promise<void> => {
    for (const chunk of chunksOf(named, VALUES_PER_FILTER)) await read({ ecrImageHash: chunk.map(is) });
  };
  if (digests === 'all') await read({ ecrImageRepositoryName: [is(repository)] });
  else await readByDigest(digests);
  const unreported = present.filter((digest) => !own.has(digest) && (digests === 'all' || elsewhere.has(digest)));
  const unscanned = await unscannedAmong(account, repository, unreported);
  if (digests === 'all') await readByDigest(unscanned);
  for (const digest of unscanned) {
    const reports = elsewhere.get(digest);
    if (reports !== undefined) own.set(digest, { reports: [...reports.values()].map(asElsewhere) });
  }
  return own;
}

type ImageFilter = { readonly ecrImageHash: StringFilter[] } | { readonly ecrImageRepositoryName: StringFilter[] };

async function* listFindings(
  { client, accountId }: Account,
  filter: FindingsFilter & ImageFilter,
): AsyncIterable<InspectorFinding> {
  const filterCriteria = { ...filter, awsAccountId: [is(accountId)], ecrImageRegistry: [is(accountId)] };
  for await (const page of paginateListFindings({ client, pageSize: 100 }, { filterCriteria })) {
    yield* page.findings ?? [];
  }
}

function imagesOf({ resources = [] }: InspectorFinding) {
  return resources.flatMap(({ details }) => details?.awsEcrContainerImage ?? []);
}

/**
 * A report from another repository. Its suppression says nothing about this one, and neither does its age about how
 * fast a gate closes.
 */
function asElsewhere({ findings, ...report }: Report): Report {
  const active = findings.map((finding) => ({ ...finding, state: 'active' as const }));
  return { ...report, status: 'active', reportedAt: undefined, findings: active };
}

function entryOf<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

async function unknownReports({ client, accountId }: Account, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const unknown = new Set(ids);
  for (const chunk of chunksOf([...unknown], VALUES_PER_FILTER)) {
    const filterCriteria = { awsAccountId: [is(accountId)], findingArn: chunk.map(is) };
    for await (const page of paginateListFindings({ client, pageSize: 100 }, { filterCriteria })) {
      for (const { findingArn } of page.findings ?? []) unknown.delete(findingArn ?? '');
    }
  }
  return unknown;
}

async function repositoriesWithFindings({ client, accountId }: Account): Promise<ReadonlySet<string>> {
  const repositories = new Set<string>();
  const request = { aggregationType: 'REPOSITORY' as const, accountIds: [is(accountId)] };
  for await (const page of paginateListFindingAggregations({ client, pageSize: 100 }, request)) {
    for (const { repositoryAggregation: row } of page.responses ?? []) {
      const isOurs = row?.cloudProvider === undefined || row.cloudProvider === 'AWS';
      if (row?.repository !== undefined && isOurs && row.severityCounts?.all !== 0) repositories.add(row.repository);
    }
  }
  return repositories;
}

function reportFrom(finding: InspectorFinding): Report {
  const { findingArn: id, status, updatedAt, lastObservedAt, firstObservedAt } = finding;
  return {
    id,
    status: status === 'SUPPRESSED' ? 'suppressed' : 'active',
    reportedAt: (updatedAt ?? lastObservedAt ?? firstObservedAt)?.toISOString(),
    findings: findingsFrom(finding),
  };
}

/**
 * Splits a finding of Inspector into one finding per package that it names. A code or network finding names no package
 * and becomes one finding of the image itself.
 */
export function findingsFrom(finding: InspectorFinding): readonly Finding[] {
  const details = finding.packageVulnerabilityDetails;
  const packages = details?.vulnerablePackages ?? [];
  const shared = {
    vulnerability: details?.vulnerabilityId ?? finding.title ?? finding.findingArn ?? 'unnamed finding',
    aliases: details?.relatedVulnerabilities ?? [],
    severity: severityFrom(finding.severity ?? 'none given'),
    score: highestScore(finding),
    exploited: finding.exploitAvailable === 'YES',
    epss: finding.epss?.score,
    disclosedAt: details?.vendorCreatedAt?.toISOString(),
    state: finding.status === 'SUPPRESSED' ? ('suppressed' as const) : ('active' as const),
    link: details?.sourceUrl,
  };
  if (packages.length === 0) {
    return [{ ...shared, package: { name: 'the image', version: '' }, fix: fixOf(finding, undefined, packages) }];
  }
  return packages.map((found) => ({
    ...shared,
    package: { name: found.name ?? 'unnamed package', version: versionOf(found), fixedVersion: fixedVersion(found) },
    fix: fixOf(finding, found, packages),
  }));
}

/** Only CVSS v3 and v4 scores count, because severities are derived from their bands. */
function highestScore({ packageVulnerabilityDetails }: InspectorFinding): number | undefined {
  const scores = (packageVulnerabilityDetails?.cvss ?? []).flatMap(({ version, baseScore }) =>
    baseScore !== undefined && /^[34]/.test(version ?? '') ? [baseScore] : [],
  );
  return scores.length === 0 ? undefined : Math.max(...scores);
}

/** Epoch, version and release in the notation of package managers, which Inspector also uses for the fixed version. */
function versionOf({ epoch, version, release }: VulnerablePackage): string {
  return `${epoch ? `${epoch}:` : ''}${version ?? ''}${release ? `-${release}` : ''}`;
}

/** Inspector writes "NotAvailable" if there is no fix. */
function fixedVersion({ fixedInVersion }: VulnerablePackage): string | undefined {
  return fixedInVersion === undefined || fixedInVersion === '' || fixedInVersion === 'NotAvailable'
    ? undefined
    : fixedInVersion;
}

/**
 * PARTIAL means that some packages have a fix. It is known which ones only if some name a fixed version and others do
 * not.
 */
function fixOf(
  { fixAvailable }: InspectorFinding,
  found: VulnerablePackage | undefined,
  packages: readonly VulnerablePackage[],
): Finding['fix'] {
  if (fixAvailable === 'YES') return 'available';
  if (fixAvailable === 'NO') return 'none';
  const isFixed = found !== undefined && fixedVersion(found) !== undefined;
  if (fixAvailable !== 'PARTIAL') return isFixed ? 'available' : 'unknown';
  const fixed = packages.filter((one) => fixedVersion(one) !== undefined).length;
  if (fixed === 0 || fixed === packages.length) return 'unknown';
  return isFixed ? 'available' : 'none';
}
