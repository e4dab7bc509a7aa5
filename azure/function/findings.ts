// Defender for Cloud's findings from Log Analytics, converted to the core's types.
import type { LogsQueryClient } from '@azure/monitor-query';
import { severitiesThatCannotMatter } from '../../shared/policy/compile.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import type { Report } from '../../shared/reconcile/observation.ts';
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';
import { type Assessment, assessmentFrom, imageInColumns, latestOf, type Row } from './assessments.ts';
import { createRunQuery, type RunQuery, rowsOrNone } from './log-analytics.ts';
import { textOf } from './loose-json.ts';
import { dashed, mayBeIn, type NamedImage } from './named-image.ts';
import { keyOf, registryIn } from './registry-id.ts';

/** An image whose registry or repository no row names for certain. */
export interface UnplacedImage {
  /** Empty if no row names it. */
  readonly registryName: string;
  /** The login server. Empty if no row names it. */
  readonly registryHost: string;
  /** Undefined if no row names a valid repository and digest. */
  readonly image: NamedImage | undefined;
  /** The id of one of its assessments, to search for in the workspace. */
  readonly assessment: string;
}

/** The identifiers by which a row may name a registry. */
export interface RegistryIdentity {
  /** Its Resource Manager id. */
  readonly id: string;
  readonly name: string;
  readonly loginServer: string;
}

/**
 * How far back a query reads: one day for an event, whose rows are recent; longer than a week to include a snapshot.
 */
export const WINDOWS = { event: '1d', everything: '9d' } as const;
export type Window = (typeof WINDOWS)[keyof typeof WINDOWS];

/** The images of a repository to query. */
export interface ReportsQuery {
  readonly repository: string;
  /** The digest of one image, or `all`. */
  readonly digest: string;
  readonly window: Window;
  /**
   * The digests whose details are returned whatever their severity. The severity of a finding that closed a gate may
   * have changed to one that the query ignores. Default: the one digest, or none for `all`.
   */
  readonly unfilteredDigests?: readonly string[] | undefined;
  /**
   * Whether rows about the digest in another repository or registry count if there is none about this one: an image
   * that is known to be bad is bad everywhere. Only with one digest. Default: false.
   */
  readonly elsewhere?: boolean | undefined;
}

/** What the queries to the workspace share. */
interface Findings {
  readonly run: RunQuery;
  readonly workspaceId: string;
  /** The text of findings.kql. */
  readonly findingsQuery: string;
  /** The severities that cannot matter, as JSON. */
  readonly ignored: string;
}

/** The scanner, as the workspace shows it. */
export function createScanner(
  client: LogsQueryClient,
  workspaceId: string,
  findingsQuery: string,
  ...policies: readonly Policy[]
) {
  const ignored = JSON.stringify(severitiesThatCannotMatter(...policies));
  const findings: Findings = { run: createRunQuery(client, workspaceId), workspaceId, findingsQuery, ignored };
  return {
    reportsOf: (registry: RegistryIdentity, query: ReportsQuery) => reportsOf(findings, registry, query),
    repositoriesWithFindings: (registry: RegistryIdentity) => repositoriesWithFindings(findings, registry),
    unplacedImages: () => unplacedImages(findings),
    digestsWithFindings: (registry: RegistryIdentity, repository: string) =>
      digestsWithFindings(findings, registry, repository),
    health: (now: string, hasFindings: boolean) => health(findings, now, hasFindings),
  };
}

export type Scanner = ReturnType<typeof createScanner>;

/**
 * What Defender reports about the images of a repository, in every state, by digest.
 *
 * @throws Error if the answer is incomplete, because a missing row proves nothing
 */
async function reportsOf(
  findings: Findings,
  registry: RegistryIdentity,
  { repository, digest, window, unfilteredDigests = digest === 'all' ? [] : [digest], elsewhere = false }: ReportsQuery,
): Promise<ReadonlyMap<string, readonly Report[]>> {
  const place = elsewhere ? { Registry: '', Repository: '' } : { Registry: registry.name, Repository: repository };
  const bound = { ...place, Digest: digest === 'all' ? '' : digest };
  const assessments = (await findings.run(queryOver(findings, bound, window, unfilteredDigests))).flatMap(
    (row) => assessmentFrom(row) ?? [],
  );
  // This comes before `latestOf`: another registry's name may contain this one's, and its image may have the same
  // digest.
  const wanted = assessments.flatMap((assessment) => {
    const { image } = assessment;
    if (!isOf(registry, assessment)) return [];
    if (!mayBeIn(image, repository) || (digest !== 'all' && image.digest !== digest)) return [];
    // Two rows of one assessment may name its image in different forms.
    return { ...assessment, image: { repository, digest: image.digest } };
  });
  if (elsewhere && wanted.length === 0) return new Map([[digest, reportsElsewhere(assessments, digest)]]);
  const byDigest = Map.groupBy(latestOf(wanted), ({ image }) => image.digest);
  return new Map([...byDigest].map(([one, ofImage]) => [one, ofImage.flatMap(({ reports }) => reports)]));
}

/**
 * What is reported about the digest in other places. An exemption there says nothing about this one, and neither does
 * the age of the report about how fast a gate closes.
 */
function reportsElsewhere(assessments: readonly Assessment[], digest: string): readonly Report[] {
  const ofImage = assessments.filter(({ image }) => image.digest === digest);
  const byRegistry = Map.groupBy(ofImage, ({ registryName, registryHost }) => `${registryName} ${registryHost}`);
  return [...byRegistry.values()]
    .flatMap((ofRegistry) => latestOf(ofRegistry))
    .flatMap(({ state, reports }) => (state === 'active' || state === 'suppressed' ? reports : []))
    .map(asActive);
}

function asActive({ findings, ...report }: Report): Report {
  const active = findings.map((finding) => ({ ...finding, state: 'active' as const }));
  return { ...report, status: 'active', reportedAt: undefined, findings: active };
}

/** The repositories of a registry that have rows, for a sweep to check. A missing repository proves nothing. */
async function repositoriesWithFindings(findings: Findings, registry: RegistryIdentity): Promise<ReadonlySet<string>> {
  const bound = { Registry: registry.name, Repository: '', Digest: '' };
  const query = `${queryOver(findings, bound)}| where IsPlaced and isnotempty(ContainerRepo) and isnotempty(ImageDigest)\n| distinct RegistryName, RegistryHost, ContainerRepo`;
  const repositories = new Set<string>();
  for (const row of await rowsOrNone(findings.run(query))) {
    const named = { registryName: textOf(row['RegistryName']), registryHost: textOf(row['RegistryHost']) };
    if (isOf(registry, named)) repositories.add(textOf(row['ContainerRepo']));
  }
  return repositories;
}

/**
 * The images whose registry or repository no row names for certain. Healthy and not applicable ones are left out,
 * because they do not need to be observed.
 */
async function unplacedImages(findings: Findings): Promise<readonly UnplacedImage[]> {
  const query = `${queryOver(findings, { Registry: '', Repository: '', Digest: '' })}${UNPLACED}`;
  return (await rowsOrNone(findings.run(query))).map((row) => ({
    registryName: textOf(row['RegistryName']),
    registryHost: textOf(row['RegistryHost']),
    image: imageInColumns(row),
    assessment: textOf(row['Assessment']),
  }));
}

/** The digests of a repository that have rows, to query one by one if one answer cannot hold them all. */
async function digestsWithFindings(
  findings: Findings,
  registry: RegistryIdentity,
  repository: string,
): Promise<ReadonlySet<string>> {
  const bound = { Registry: registry.name, Repository: repository, Digest: '' };
  const query = `${queryOver(findings, bound)}| where ContainerRepo == iff(IsDashed, Dashed, Repository) | distinct ImageDigest`;
  const digests = (await findings.run(query)).map((row) => textOf(row['ImageDigest']));
  return new Set(digests.filter((digest) => digest !== ''));
}

/** The text of findings.kql, preceded by the names that it needs. */
function queryOver(
  { findingsQuery, ignored }: Pick<Findings, 'findingsQuery' | 'ignored'>,
  bound: Readonly<Record<'Registry' | 'Repository' | 'Digest', string>>,
  window: Window = WINDOWS.everything,
  unfilteredDigests: readonly string[] = [],
): string {
  const texts = Object.entries({ ...bound, Dashed: dashed(bound.Repository) }).map(
    ([name, value]) => `let ${name} = ${JSON.stringify(value.toLowerCase())};\n`,
  );
  const unfiltered = JSON.stringify(unfilteredDigests);
  return `${texts.join('')}let Window = ${window};\nlet Ignored = dynamic(${ignored});\nlet Unfiltered = dynamic(${unfiltered});\n${findingsQuery}`;
}

/** A row without a repository and a registry counts only if its resource type says that it is about an image. */
const OF_IMAGES =
  '| where isnotempty(ContainerRepo) or isnotempty(RegistryName) or tostring(Properties) contains "containerimage"';

/**
 * Continues findings.kql: selects the images that no row places, by the newest row of each assessment.
 */
const UNPLACED = `| where not(IsPlaced) or isempty(ContainerRepo) or isempty(ImageDigest)
${OF_IMAGES}
| summarize arg_max(TimeGenerated, State) by AssessmentId, RegistryName, RegistryHost, ContainerRepo, IsDashed, ImageDigest
| where not(tolower(State) in ("healthy", "notapplicable"))
| summarize Assessment = take_any(AssessmentId) by RegistryName, RegistryHost, ContainerRepo, IsDashed, ImageDigest`;

/** The newest rows about images that are neither healthy nor exempt, with all their details, for a self-test. */
export function newestFindingsQuery(findingsQuery: string, rows: number): string {
  const everything = queryOver({ findingsQuery, ignored: '[]' }, { Registry: '', Repository: '', Digest: '' });
  return `${everything}${OF_IMAGES}\n| where not(tolower(State) in ("healthy", "notapplicable"))\n| top ${rows} by TimeGenerated desc`;
}

/** The newest row about registries, and the newest of the others. */
export const NEWEST_ROWS = `let Exported = union isfuzzy=true
    (SecurityRecommendation | project TimeGenerated, About = strcat(RecommendationId, " ", AssessedResourceId, " ", tostring(Properties))),
    (SecurityNestedRecommendation | project TimeGenerated, About = strcat(NestedRecommendationId, " ", AssessedResourceId));
Exported
| extend OfRegistry = About contains "microsoft.containerregistry/registries" or (About contains "containerimage" and About contains '"azure')
| summarize Newest = max(TimeGenerated) by OfRegistry`;
/** The first snapshot arrives within a day, and then one every week. */
const MAX_SILENCE_DAYS = 8;

/**
 * Why the scanner shows nothing, or nothing new. Undefined if it works.
 *
 * @param hasFindings whether there are gates that findings keep closed. Every snapshot must then repeat these findings
 */
async function health({ run, workspaceId }: Findings, now: string, hasFindings: boolean): Promise<string | undefined> {
  const rows = await rowsOrNone(run(NEWEST_ROWS));
  const newest = newestOf(rows);
  const advice =
    'check that Defender for Containers and Foundational CSPM are enabled in this subscription (azure.enableDefender) and that the export to the workspace exists';
  if (newest === undefined) {
    return `no recommendation has reached the workspace ${workspaceId} in the last ten days, although the first export arrives within a day of the deployment, and a snapshot every week: ${advice}`;
  }
  const isSilent = (time: number | undefined) =>
    time === undefined || (Date.parse(now) - time) / DAY_MILLISECONDS > MAX_SILENCE_DAYS;
  if (isSilent(newest)) {
    return `no recommendation has reached the workspace ${workspaceId} since ${new Date(newest).toISOString()}, although a snapshot arrives every week: ${advice}`;
  }
  return hasFindings && isSilent(newestOf(rows.filter((row) => row['OfRegistry'] === true)))
    ? `no recommendation about a registry's image has reached the workspace ${workspaceId} for ${MAX_SILENCE_DAYS} days, although there are images with findings: ${advice}`
    : undefined;
}

function newestOf(rows: readonly Row[]): number | undefined {
  const times = rows.flatMap(({ Newest: newest }) => (newest instanceof Date ? [newest.getTime()] : []));
  return times.length === 0 ? undefined : Math.max(...times);
}

/**
 * Does the row belong to this registry? An id decides for certain. Without an id, the grouped model names the login
 * server, and the individual model names the registry. A row that names neither belongs to every registry that has the
 * image, because the same digest means the same content.
 */
export function isOf(
  { id, name, loginServer }: RegistryIdentity,
  {
    registry,
    registryName,
    registryHost,
  }: Pick<Assessment, 'registryName' | 'registryHost'> & Partial<Pick<Assessment, 'registry'>>,
): boolean {
  if (registry !== undefined) return keyOf(registry) === keyOf(registryIn(id));
  if (registryName !== '') return registryName.toLowerCase() === name.toLowerCase();
  return registryHost === '' || registryHost.toLowerCase() === loginServer.toLowerCase();
}
