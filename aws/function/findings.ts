// Converts Amazon Inspector's findings, coverage and account status to the core's types.
import {
  AccessDeniedException,
  BatchGetAccountStatusCommand,
  type CoveredResource,
  type Inspector2Client,
  type Finding as InspectorFinding,
  ListCoverageCommand,
  paginateListCoverage,
  paginateListFindingAggregations,
  paginateListFindings,
  type VulnerablePackage,
} from '@aws-sdk/client-inspector2';
import { severitiesThatCannotMatter } from '../../shared/policy/compile.ts';
import type { Finding } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { severityFrom } from '../../shared/policy/severity.ts';
import type { Report, Scan } from '../../shared/reconcile/observation.ts';
import { chunksOf } from '../../shared/runtime/chunks.ts';

const ECR_IMAGE = 'AWS_ECR_CONTAINER_IMAGE' as const;
/**
 * The maximum number of values in one filter of ListFindings.
 * Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_FilterCriteria.html
 */
const VALUES_PER_FILTER = 10;
const is = (value: string) => ({ comparison: 'EQUALS' as const, value });

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
 * The part of a ListFindings filter that depends on the policy. It selects the findings of ECR images that are not
 * closed and can matter. If Inspector treats several NOT_EQUALS conditions as alternatives, it returns more findings
 * than needed, never fewer.
 * Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_FilterCriteria.html
 */
export function listFindingsFilter(policy: Policy): FindingsFilter {
  const severity = severitiesThatCannotMatter(policy).map(
    (word): StringFilter => ({ comparison: 'NOT_EQUALS', value: word.toUpperCase() }),
  );
  return {
    resourceType: [is(ECR_IMAGE)],
    findingStatus: [is('ACTIVE'), is('SUPPRESSED')],
    ...(severity.length === 0 ? {} : { severity }),
  };
}

/** The scanner of one account. */
export interface Scanner {
  /**
   * The reports about some or all of a repository's images, by digest. Includes only reports that can matter and are
   * not closed.
   */
  reportsOf(repository: string, digests: readonly string[] | 'all'): Promise<ReadonlyMap<string, readonly Report[]>>;
  /** The ids among these that Inspector does not list in any state. */
  unknownReports(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** The last scan of each of these images that Inspector covers. */
  scansOf(repository: string, digests: readonly string[]): Promise<ReadonlyMap<string, Scan>>;
  /** The repositories that have images with findings, which a sweep reconciles. A missing repository proves nothing. */
  repositoriesWithFindings(): Promise<ReadonlySet<string>>;
  /** Why the scanner cannot see some or all images; undefined if it sees all. */
  health(): Promise<string | undefined>;
}

/**
 * The account that each call filters by. For a delegated administrator, Inspector also returns data of other accounts.
 */
interface Account {
  readonly client: Inspector2Client;
  readonly accountId: string;
}

export function createScanner(client: Inspector2Client, accountId: string, policy: Policy): Scanner {
  const account: Account = { client, accountId };
  const policyFilter = listFindingsFilter(policy);
  return {
    reportsOf: (...asked) => reportsOf(account, policyFilter, ...asked),
    unknownReports: (ids) => unknownReports(account, ids),
    scansOf: (...asked) => scansOf(account, ...asked),
    repositoriesWithFindings: () => repositoriesWithFindings(account),
    health: () => health(account),
  };
}

async function reportsOf(
  { client, accountId }: Account,
  policyFilter: FindingsFilter,
  repository: string,
  digests: readonly string[] | 'all',
): ReturnType<Scanner['reportsOf']> {
  const byDigest = new Map<string, Report[]>();
  for (const chunk of digests === 'all' ? [undefined] : chunksOf(digests, VALUES_PER_FILTER)) {
    const filterCriteria = {
      ...policyFilter,
      awsAccountId: [is(accountId)],
      ecrImageRegistry: [is(accountId)],
      ecrImageRepositoryName: [is(repository)],
      ...(chunk === undefined ? {} : { ecrImageHash: chunk.map(is) }),
    };
    for await (const page of paginateListFindings({ client, pageSize: 100 }, { filterCriteria })) {
      for (const finding of page.findings ?? []) addReport(byDigest, finding);
    }
  }
  return byDigest;
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

async function scansOf(
  { client, accountId }: Account,
  repository: string,
  digests: readonly string[],
): ReturnType<Scanner['scansOf']> {
  const wanted = new Set(digests);
  const scans = new Map<string, Scan>();
  const filterCriteria = {
    accountId: [is(accountId)],
    resourceType: [is(ECR_IMAGE)],
    ecrRepositoryName: [is(repository)],
  };
  for await (const page of paginateListCoverage({ client, pageSize: 200 }, { filterCriteria })) {
    for (const resource of page.coveredResources ?? []) {
      const digest = resource.resourceId?.slice(resource.resourceId.lastIndexOf('/') + 1) ?? '';
      if (wanted.has(digest)) scans.set(digest, scanFrom(resource));
    }
  }
  return scans;
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

async function health(account: Account): Promise<string | undefined> {
  try {
    return (await scanningProblem(account)) ?? (await accessProblem(account));
  } catch (error) {
    if (error instanceof AccessDeniedException) return `Amazon Inspector denied access: ${error.message}`;
    throw error;
  }
}

async function scanningProblem({ client, accountId }: Account): Promise<string | undefined> {
  const { accounts } = await client.send(new BatchGetAccountStatusCommand({ accountIds: [accountId] }));
  const status = accounts?.[0]?.resourceState?.ecr?.status;
  if (status === 'ENABLED' || status === 'ENABLING') return undefined;
  return `Amazon Inspector scanning of ECR is ${status ?? 'unknown'} in account ${accountId}: enable it (aws.enableInspector)`;
}

async function accessProblem({ client, accountId }: Account): Promise<string | undefined> {
  const filterCriteria = {
    accountId: [is(accountId)],
    resourceType: [is(ECR_IMAGE)],
    scanStatusReason: [is('ACCESS_DENIED')],
  };
  const { coveredResources } = await client.send(new ListCoverageCommand({ filterCriteria, maxResults: 1 }));
  const denied = coveredResources?.[0]?.resourceId;
  return denied === undefined
    ? undefined
    : `Amazon Inspector is denied access to ${denied}: the repository policy blocks it`;
}

function addReport(byDigest: Map<string, Report[]>, finding: InspectorFinding): void {
  const report = reportFrom(finding);
  for (const resource of finding.resources ?? []) {
    const digest = resource.details?.awsEcrContainerImage?.imageHash;
    if (digest === undefined) continue;
    const reports = byDigest.get(digest);
    if (reports === undefined) byDigest.set(digest, [report]);
    else reports.push(report);
  }
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

/** A scan is proof only if the image is scanned continuously and its last scan succeeded. */
function scanFrom({ scanStatus, lastScannedAt }: CoveredResource): Scan {
  if (scanStatus?.statusCode === 'ACTIVE' && scanStatus.reason === 'SUCCESSFUL' && lastScannedAt !== undefined) {
    return { kind: 'finished', at: lastScannedAt.toISOString() };
  }
  return {
    kind: 'unproven',
    detail: `its coverage is ${scanStatus?.statusCode ?? 'unknown'}, ${scanStatus?.reason ?? 'with no reason given'}`,
  };
}
