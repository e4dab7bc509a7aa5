// The operations of Inspector that the code calls.
// Source: https://docs.aws.amazon.com/inspector/v2/APIReference/
import { randomUUID } from 'node:crypto';
import type {
  BatchGetAccountStatusRequest,
  CoverageFilterCriteria,
  FilterCriteria,
  ListCoverageRequest,
  ListFindingAggregationsRequest,
  ListFindingsRequest,
} from '@aws-sdk/client-inspector2';
import { failure } from './failure.ts';
import type { Coverage, InspectorWorld } from './inspector.ts';
import { findingAs, imageArn } from './inspector-event.ts';
import type { StoredFinding } from './inspector-finding.ts';
import { type Operations, operation } from './operation.ts';
import type { Place } from './place.ts';

interface Condition {
  readonly comparison?: string | undefined;
  readonly value?: string | undefined;
}

/** None of these actions supports resource-level permissions. */
const needs = (action: string) => () => [{ action: `inspector2:${action}`, resource: '*' }];
const seconds = (date: Date): number => date.getTime() / 1000;

/**
 * The limits on pages and filters.
 * Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_ListFindings.html and API_FilterCriteria.html
 */
const FINDINGS_PAGE = 100;
const COVERAGE_PAGE = 200;
const MAX_VALUES = 10;

export function createInspectorApi(place: Place, world: InspectorWorld): Operations {
  const cursors = createCursors();

  const findingFields = findingFieldsOf(place);
  const coverageFields = coverageFieldsOf(place);

  return {
    ListFindings: operation(needs('ListFindings'), (request: ListFindingsRequest) => {
      const { filterCriteria = {} } = request;
      const list = () => {
        const isWanted = predicateOf(filterCriteria, findingFields);
        return [...candidates(world, filterCriteria)].filter(isWanted);
      };
      const [some, nextToken] = cursors.page(list, request, FINDINGS_PAGE);
      return { findings: some.map((finding) => findingAs(place, finding, seconds)), ...nextToken };
    }),

    ListFindingAggregations: operation(needs('ListFindingAggregations'), (request: ListFindingAggregationsRequest) => {
      const { aggregationType, aggregationRequest, accountIds } = request;
      if (aggregationType !== 'REPOSITORY')
        throw invalid(`the local cloud aggregates only by REPOSITORY; got ${aggregationType}`);
      const { repositories, ...others } = aggregationRequest?.repositoryAggregation ?? {};
      const unknown = Object.keys(others).filter((key) => key !== 'sortBy' && key !== 'sortOrder');
      if (unknown.length > 0)
        throw invalid(`the local cloud does not know the aggregation fields ${unknown.join(', ')}`);
      const fields = {
        accountIds: findingFields['awsAccountId'],
        repositories: findingFields['ecrImageRepositoryName'],
      };
      const isWanted = predicateOf({ accountIds, repositories }, fields);
      const [some, nextToken] = cursors.page(() => aggregate(world, place, isWanted), request, FINDINGS_PAGE);
      return { aggregationType, responses: some.map((row) => ({ repositoryAggregation: row })), ...nextToken };
    }),

    ListCoverage: operation(needs('ListCoverage'), (request: ListCoverageRequest) => {
      const { filterCriteria = {} } = request;
      const list = () =>
        [...coverageCandidates(world, filterCriteria)].filter(predicateOf(filterCriteria, coverageFields));
      const [some, nextToken] = cursors.page(list, request, COVERAGE_PAGE);
      return { coveredResources: some.map((row) => coveredResource(place, row)), ...nextToken };
    }),

    BatchGetAccountStatus: operation(
      needs('BatchGetAccountStatus'),
      ({ accountIds = [place.account] }: BatchGetAccountStatusRequest) => statusOf(place, world, accountIds),
    ),
  };
}

/** The filterable fields of a row, by the filter's key. */
type Fields<Row> = Readonly<Record<string, ((row: Row) => string | undefined) | undefined>>;

/** The filterable fields of a finding. */
function findingFieldsOf(place: Place): Fields<StoredFinding> {
  return {
    awsAccountId: ({ image }) => accountOf(place, image),
    ecrImageRegistry: ({ image }) => accountOf(place, image),
    ecrImageRepositoryName: ({ image }) => image.repository,
    ecrImageHash: ({ image }) => image.digest,
    findingArn: ({ arn }) => arn,
    findingStatus: ({ status }) => status,
    resourceType: () => 'AWS_ECR_CONTAINER_IMAGE',
    severity: ({ advisory }) => advisory.severity,
    fixAvailable: ({ advisory }) => advisory.fixAvailable,
    exploitAvailable: ({ advisory }) => advisory.exploitAvailable,
    vulnerabilityId: ({ advisory }) => advisory.vulnerability,
  };
}

/** The filterable fields of coverage. */
function coverageFieldsOf(place: Place): Fields<Coverage> {
  return {
    accountId: (row) => accountOf(place, row),
    ecrRepositoryName: ({ repository }) => repository,
    resourceId: ({ repository, digest, ...row }) =>
      imageArn({ ...place, account: accountOf(place, row) }, repository, digest),
    resourceType: () => 'AWS_ECR_CONTAINER_IMAGE',
    scanStatusCode: ({ statusCode }) => statusCode,
    scanStatusReason: ({ reason }) => reason,
    scanType: () => 'PACKAGE',
  };
}

/** The account of an image. Default: the cloud's own account. */
function accountOf(place: Place, { account }: { readonly account?: string }): string {
  return account ?? place.account;
}

/** The findings that can match, from the narrowest index that the filter allows. */
function* candidates(
  world: InspectorWorld,
  { findingArn, ecrImageHash, ecrImageRepositoryName }: FilterCriteria,
): Iterable<StoredFinding> {
  const arns = equals(findingArn);
  const digests = equals(ecrImageHash);
  const repositories = equals(ecrImageRepositoryName);
  if (arns !== undefined) {
    for (const arn of arns) yield* [world.findings.get(arn)].filter((found) => found !== undefined);
  } else if (digests !== undefined) {
    for (const digest of digests) yield* world.byDigest.get(digest) ?? [];
  } else if (repositories !== undefined) {
    for (const repository of repositories)
      for (const found of world.byRepository.get(repository)?.values() ?? []) yield* found;
  } else yield* world.findings.values();
}

function* coverageCandidates(world: InspectorWorld, { ecrRepositoryName }: CoverageFilterCriteria): Iterable<Coverage> {
  for (const repository of equals(ecrRepositoryName) ?? world.coverage.keys())
    yield* world.coverage.get(repository)?.values() ?? [];
}

/** One row per repository with an active finding. */
function aggregate(
  { byRepository }: InspectorWorld,
  place: Place,
  isWanted: (finding: StoredFinding) => boolean,
): readonly object[] {
  const rows: object[] = [];
  for (const [repository, images] of byRepository) {
    const severityCounts = { all: 0, critical: 0, high: 0, medium: 0 };
    let affectedImages = 0;
    let accountId: string | undefined;
    for (const found of images.values()) {
      const active = [...found].filter((finding) => finding.status === 'ACTIVE' && isWanted(finding));
      if (active.length > 0) affectedImages += 1;
      for (const { advisory, image } of active) {
        accountId = accountOf(place, image);
        severityCounts.all += 1;
        const severity = advisory.severity?.toLowerCase();
        if (severity === 'critical' || severity === 'high' || severity === 'medium') severityCounts[severity] += 1;
      }
    }
    if (affectedImages > 0) rows.push({ repository, accountId, affectedImages, cloudProvider: 'AWS', severityCounts });
  }
  return rows;
}

function coveredResource(place: Place, row: Coverage): object {
  const { repository, digest, statusCode, reason, lastScannedAt } = row;
  const accountId = accountOf(place, row);
  return {
    resourceType: 'AWS_ECR_CONTAINER_IMAGE',
    resourceId: imageArn({ ...place, account: accountId }, repository, digest),
    accountId,
    scanType: 'PACKAGE',
    scanStatus: { statusCode, reason },
    resourceMetadata: {
      ecrRepository: { name: repository, scanFrequency: 'CONTINUOUS_SCAN' },
      ecrImage: { tags: [] },
    },
    ...(lastScannedAt === undefined ? {} : { lastScannedAt: seconds(lastScannedAt) }),
  };
}

function statusOf({ account: own }: Place, world: InspectorWorld, accountIds: readonly string[]): object {
  const state = { status: world.accountStatus(), errorCode: 'ALREADY_ENABLED', errorMessage: '' };
  const off = { ...state, status: 'DISABLED' };
  const resourceState = { ec2: off, ecr: state, lambda: off, lambdaCode: off };
  const failed = { errorCode: 'ACCESS_DENIED', errorMessage: 'not a member', resourceStatus: {} };
  return {
    accounts: accountIds.flatMap((accountId) => (accountId === own ? [{ accountId, state, resourceState }] : [])),
    failedAccounts: accountIds.flatMap((accountId) => (accountId === own ? [] : [{ accountId, ...failed }])),
  };
}

/** The values of a filter that contains only EQUALS conditions; otherwise undefined. */
function equals(conditions: readonly Condition[] | undefined): readonly string[] | undefined {
  if (conditions === undefined || conditions.some(({ comparison }) => comparison !== 'EQUALS')) return undefined;
  return [...new Set(conditions.map(({ value }) => value ?? ''))];
}

/**
 * Compiles a filter: its keys are combined with AND. The conditions of a key are combined with OR, except NOT_EQUALS,
 * which must all hold.
 */
function predicateOf<Row>(criteria: object, fields: Fields<Row>): (row: Row) => boolean {
  const tests = Object.entries(criteria).flatMap(([key, conditions]: [string, readonly Condition[] | undefined]) => {
    if (conditions === undefined) return [];
    const field = fields[key];
    if (field === undefined) throw invalid(`the local cloud does not know the filter ${key}`);
    if (conditions.length < 1 || conditions.length > MAX_VALUES)
      throw invalid(`${key} has ${conditions.length} values; 1 to ${MAX_VALUES} are allowed`);
    const wrong = conditions.find(({ comparison }) => !['EQUALS', 'PREFIX', 'NOT_EQUALS'].includes(comparison ?? ''));
    if (wrong !== undefined) throw invalid(`${key} has the comparison ${wrong.comparison}`);
    const alternatives = conditions.filter(({ comparison }) => comparison !== 'NOT_EQUALS');
    const excluded = new Set(
      conditions.filter(({ comparison }) => comparison === 'NOT_EQUALS').map(({ value }) => value),
    );
    return [
      (row: Row): boolean => {
        const given = field(row);
        if (excluded.has(given)) return false;
        return (
          alternatives.length === 0 ||
          alternatives.some(({ comparison, value = '' }) =>
            comparison === 'EQUALS' ? given === value : given?.startsWith(value) === true,
          )
        );
      },
    ];
  });
  return (row) => tests.every((test) => test(row));
}

type Page = { readonly maxResults?: number | undefined; readonly nextToken?: string | undefined };

const MAX_CURSORS = 100;

/**
 * Pages through a list that is created with its first page. A token may be used again, for example after a lost answer.
 */
function createCursors() {
  const lists = new Map<string, readonly unknown[]>();
  return {
    page<Row>(
      make: () => readonly Row[],
      { maxResults, nextToken }: Page,
      maxPage: number,
    ): [readonly Row[], { nextToken?: string }] {
      if (maxResults !== undefined && !(maxResults >= 1 && maxResults <= maxPage))
        throw invalid(`maxResults is ${maxResults}; 1 to ${maxPage} are allowed`);
      const [id = randomUUID(), from = '0'] = nextToken?.split('@') ?? [];
      const list = nextToken === undefined ? make() : (lists.get(id) as readonly Row[] | undefined);
      if (list === undefined) throw invalid('the nextToken is not known');
      const to = Number(from) + (maxResults ?? maxPage);
      const page = list.slice(Number(from), to);
      if (to >= list.length) return [page, {}];
      lists.delete(id);
      lists.set(id, list);
      const [oldest] = lists.keys();
      if (lists.size > MAX_CURSORS && oldest !== undefined) lists.delete(oldest);
      return [page, { nextToken: `${id}@${to}` }];
    },
  };
}

function invalid(message: string) {
  return failure('ValidationException', message);
}
