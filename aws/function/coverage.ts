// What Amazon Inspector scans: the coverage of images, and the status of the account.
import {
  AccessDeniedException,
  BatchGetAccountStatusCommand,
  type CoveredResource,
  type Inspector2Client,
  ListCoverageCommand,
  paginateListCoverage,
} from '@aws-sdk/client-inspector2';
import type { Scan } from '../../shared/reconcile/observation.ts';
import type { UnscannedImage } from '../../shared/reconcile/unscanned.ts';

/**
 * The account that each call filters by. For a delegated administrator, Inspector also returns data of other accounts.
 */
export interface Account {
  readonly client: Inspector2Client;
  readonly accountId: string;
}

export const ECR_IMAGE = 'AWS_ECR_CONTAINER_IMAGE' as const;
/** A filter for one value. */
export const is = (value: string) => ({ comparison: 'EQUALS' as const, value });

/** The last scan of each of these images that Inspector covers. */
export async function scansOf(
  account: Account,
  repository: string,
  digests: readonly string[],
): Promise<ReadonlyMap<string, Scan>> {
  const covered = await coverageOf(account, repository, digests);
  return new Map([...covered].map(([digest, resource]) => [digest, scanFrom(resource)]));
}

/** Those of these images that Inspector has never scanned in this repository. */
export async function unscannedAmong(
  account: Account,
  repository: string,
  digests: readonly string[],
): Promise<readonly string[]> {
  if (digests.length === 0) return [];
  const covered = await coverageOf(account, repository, digests);
  return digests.filter((digest) => covered.get(digest)?.lastScannedAt === undefined);
}

/**
 * The reasons that end by themselves, or whose image cannot be pulled.
 * Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_ScanStatus.html
 */
const HARMLESS_REASONS = [
  ...['PENDING_INITIAL_SCAN', 'PENDING_REVIVAL_SCAN', 'SCAN_IN_PROGRESS'],
  ...['IMAGE_ARCHIVED', 'RESOURCE_TERMINATED'],
];

/** The images of the account that Inspector does not scan, with Inspector's reason. */
export async function unscannedImages({ client, accountId }: Account): Promise<readonly UnscannedImage[]> {
  const unscanned: UnscannedImage[] = [];
  const filterCriteria = {
    accountId: [is(accountId)],
    resourceType: [is(ECR_IMAGE)],
    scanStatusCode: [is('INACTIVE')],
  };
  for await (const page of paginateListCoverage({ client, pageSize: 200 }, { filterCriteria })) {
    for (const resource of page.coveredResources ?? []) {
      const repository = resource.resourceMetadata?.ecrRepository?.name;
      const reason = resource.scanStatus?.reason ?? 'UNKNOWN';
      if (repository === undefined || HARMLESS_REASONS.includes(reason)) continue;
      unscanned.push({ repository, digest: digestOf(resource), reason });
    }
  }
  return unscanned;
}

async function coverageOf(
  { client, accountId }: Account,
  repository: string,
  digests: readonly string[],
): Promise<ReadonlyMap<string, CoveredResource>> {
  const wanted = new Set(digests);
  const covered = new Map<string, CoveredResource>();
  const filterCriteria = {
    accountId: [is(accountId)],
    resourceType: [is(ECR_IMAGE)],
    ecrRepositoryName: [is(repository)],
  };
  for await (const page of paginateListCoverage({ client, pageSize: 200 }, { filterCriteria })) {
    for (const resource of page.coveredResources ?? []) {
      const digest = digestOf(resource);
      if (wanted.has(digest)) covered.set(digest, resource);
    }
  }
  return covered;
}

/** The last part of the image's ARN. */
function digestOf({ resourceId = '' }: CoveredResource): string {
  return resourceId.slice(resourceId.lastIndexOf('/') + 1);
}

/** Why the scanner cannot see some or all images; undefined if it sees all. */
export async function health(account: Account): Promise<string | undefined> {
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
