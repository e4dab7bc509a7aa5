// Defender for Cloud's findings, as Log Analytics keeps them, in the core's words.
import { isRestError } from '@azure/core-rest-pipeline';
import type { LogsQueryClient, LogsTable } from '@azure/monitor-query';
import { severitiesThatCannotMatter } from '../../shared/policy/compile.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import type { Report } from '../../shared/reconcile/observation.ts';
import { limitedTo } from '../../shared/runtime/concurrency.ts';
import { type Assessment, assessmentFrom, imageInColumns, latestOf, type Row } from './assessments.ts';
import { textOf } from './loose-json.ts';
import { dashed, mayBeIn, type NamedImage } from './named-image.ts';
import { keyOf, registryIn } from './registry-id.ts';

/** An image whose rows do not say for certain in which registry or repository it is. */
export interface UnplacedImage {
  /** Empty if no row names it. */
  readonly registryName: string;
  /** The login server. Empty if no row names it. */
  readonly registryHost: string;
  /** Undefined if no row names a repository and a digest that can be ones. */
  readonly image: NamedImage | undefined;
  /** The id of one of its assessments: what to look for in the workspace. */
  readonly assessment: string;
}

/** Where to look for rows. */
export interface Place {
  /** Its Resource Manager id. */
  readonly id: string;
  readonly name: string;
  readonly loginServer: string;
}

/** How far back: a day for an event, whose rows are fresh; more than a weekly snapshot where everything counts. */
export const WINDOWS = { event: '1d', everything: '9d' } as const;
export type Window = (typeof WINDOWS)[keyof typeof WINDOWS];

/** Log Analytics lets one caller run five at once; other instances of the function are callers too, and an answer may hold 64 MB. */
const QUERIES_AT_ONCE = 2;
const SERVER_TIMEOUT_SECONDS = 60;
/** An ISO 8601 duration that is longer than every window: the query itself says how far back. */
const TIMESPAN = { duration: 'P10D' };

/** Has anything come at all, and of registries? */
export const NEWEST_ROWS = `let Exported = union isfuzzy=true
    (SecurityRecommendation | project TimeGenerated, About = strcat(RecommendationId, " ", AssessedResourceId, " ", tostring(Properties))),
    (SecurityNestedRecommendation | project TimeGenerated, About = strcat(NestedRecommendationId, " ", AssessedResourceId));
Exported
| extend OfRegistry = About contains "microsoft.containerregistry/registries" or (About contains "containerimage" and About contains '"azure')
| summarize Newest = max(TimeGenerated) by OfRegistry`;
/** The first snapshot comes within a day, then one a week. */
const MAX_SILENCE_DAYS = 8;
const DAY_MILLISECONDS = 86_400_000;

/** The scanner, as far as the workspace knows it. */
export function createScanner(client: LogsQueryClient, workspaceId: string, findingsQuery: string, policy: Policy) {
  const ignored = JSON.stringify(severitiesThatCannotMatter(policy));
  const oneOfFew = limitedTo(QUERIES_AT_ONCE);

  /**
   * What Defender reports about the images of a repository, in every state, by digest.
   *
   * @param digest of one image only, or of all
   * @param whole the digests of which every detail is wanted: what closed a gate may since have got a severity that would not
   * @throws Error where the answer is not complete: what is missing in it proves nothing
   */
  async function reportsOf(
    place: Place,
    repository: string,
    digest: string | 'all',
    window: Window,
    whole: readonly string[] = digest === 'all' ? [] : [digest],
  ): Promise<ReadonlyMap<string, readonly Report[]>> {
    const bound = { Registry: place.name, Repository: repository, Digest: digest === 'all' ? '' : digest };
    const rows = await run(`${letsOf(bound, window, whole)}${findingsQuery}`);
    // Before the latest is looked for: another registry's name may hold this one's, and its image have the same digest.
    const wanted = rows.flatMap((row) => {
      const assessment = assessmentFrom(row);
      if (assessment === undefined || !isWanted(assessment)) return [];
      // Two rows of one assessment may name its image in two forms.
      return { ...assessment, image: { repository, digest: assessment.image.digest } };
    });
    const byDigest = Map.groupBy(latestOf(wanted), ({ image }) => image.digest);
    return new Map([...byDigest].map(([one, assessments]) => [one, assessments.flatMap(({ reports }) => reports)]));

    function isWanted(assessment: Assessment): boolean {
      const { image } = assessment;
      const isHere = isOf(place, assessment) && mayBeIn(image, repository);
      return isHere && (digest === 'all' || image.digest === digest);
    }
  }

  /**
   * The repositories of a registry of which there are rows: where a sweep has to look; one that is missing here proves
   * nothing.
   */
  async function repositoriesWithFindings(place: Place): Promise<ReadonlySet<string>> {
    const bound = { Registry: place.name, Repository: '', Digest: '' };
    const query = `${letsOf(bound, WINDOWS.everything)}${findingsQuery}| where IsPlaced and isnotempty(ContainerRepo) and isnotempty(ImageDigest)\n| distinct RegistryName, RegistryHost, ContainerRepo`;
    const repositories = new Set<string>();
    for (const row of await runOrNothing(query)) {
      const where = { registryName: textOf(row['RegistryName']), registryHost: textOf(row['RegistryHost']) };
      if (isOf(place, where)) repositories.add(textOf(row['ContainerRepo']));
    }
    return repositories;
  }

  /**
   * The images whose registry or repository no row names for certain. Those that are healthy or not applicable ask for
   * no observation.
   */
  async function unplacedImages(): Promise<readonly UnplacedImage[]> {
    const bound = { Registry: '', Repository: '', Digest: '' };
    const query = `${letsOf(bound, WINDOWS.everything)}${findingsQuery}${UNPLACED}`;
    return (await runOrNothing(query)).map((row) => ({
      registryName: textOf(row['RegistryName']),
      registryHost: textOf(row['RegistryHost']),
      image: imageInColumns(row),
      assessment: textOf(row['Assessment']),
    }));
  }

  /** The digests of a repository of which there are rows: what to ask for where one answer does not hold them all. */
  async function digestsWithFindings(place: Place, repository: string): Promise<ReadonlySet<string>> {
    const bound = { Registry: place.name, Repository: repository, Digest: '' };
    const query = `${letsOf(bound, WINDOWS.everything)}${findingsQuery}| where ContainerRepo == iff(IsDashed, Dashed, Repository) | distinct ImageDigest`;
    return new Set((await run(query)).map((row) => textOf(row['ImageDigest'])).filter((digest) => digest !== ''));
  }

  /**
   * Why the scanner sees nothing, or nothing any more; undefined where it sees.
   *
   * @param knowsOfFindings is there a gate that findings hold? Then every snapshot has to repeat them
   */
  async function health(now: string, knowsOfFindings: boolean): Promise<string | undefined> {
    const rows = await runOrNothing(NEWEST_ROWS);
    const newest = newestOf(rows);
    const advice =
      'is Defender for Containers on in this subscription (azure.enableDefender), and the export to the workspace in place?';
    if (newest === undefined) {
      return `no recommendation has reached the workspace ${workspaceId} within ten days, though the first export comes within a day of the deployment, and a snapshot every week: ${advice}`;
    }
    const isSilent = (time: number | undefined) =>
      time === undefined || (Date.parse(now) - time) / DAY_MILLISECONDS > MAX_SILENCE_DAYS;
    if (isSilent(newest)) {
      return `no recommendation has reached the workspace ${workspaceId} since ${new Date(newest).toISOString()}, though there is a snapshot every week: ${advice}`;
    }
    return knowsOfFindings && isSilent(newestOf(rows.filter((row) => row['OfRegistry'] === true)))
      ? `no recommendation of a registry's image has reached the workspace ${workspaceId} for ${MAX_SILENCE_DAYS} days, though there are images with findings: ${advice}`
      : undefined;
  }

  /** As `run`; nothing where the tables are not there yet: the first export makes them. */
  async function runOrNothing(query: string): Promise<readonly Row[]> {
    try {
      return await run(query);
    } catch (error) {
      if (isWithoutTables(error)) return [];
      throw error;
    }
  }

  /** Runs a query. What is bound in it has been validated: no text of an event is ever spliced into it. */
  async function run(query: string): Promise<readonly Row[]> {
    const options = { serverTimeoutInSeconds: SERVER_TIMEOUT_SECONDS };
    const result = await oneOfFew(() => client.queryWorkspace(workspaceId, query, TIMESPAN, options)).catch(asPartial);
    if (result.status === 'PartialFailure') {
      throw new PartialAnswer(`Log Analytics gave a part of its answer only: ${result.partialError.message}`);
    }
    const [table] = result.tables;
    return table === undefined ? [] : rowsOf(table);
  }

  function letsOf(bound: Readonly<Record<string, string>>, window: Window, whole: readonly string[] = []): string {
    const texts = Object.entries({ ...bound, Dashed: dashed(bound['Repository'] ?? '') }).map(
      ([name, value]) => `let ${name} = ${JSON.stringify(value.toLowerCase())};\n`,
    );
    return `${texts.join('')}let Window = ${window};\nlet Ignored = dynamic(${ignored});\nlet Whole = dynamic(${JSON.stringify(whole)});\n`;
  }

  return { reportsOf, repositoriesWithFindings, unplacedImages, digestsWithFindings, health };
}

export type Scanner = ReturnType<typeof createScanner>;

/** The answer was not complete; a narrower question may have one that is. */
export class PartialAnswer extends Error {
  override readonly name = 'PartialAnswer';
}

/** Too much to answer, or too long to think about: a narrower question may do. */
function asPartial(error: unknown): never {
  if (isRestError(error) && (error.statusCode === 413 || error.statusCode === 504)) {
    throw new PartialAnswer(`Log Analytics cannot answer in one go: ${error.message}`, { cause: error });
  }
  throw error;
}

/**
 * The service names the table in an inner error of its answer only.
 * Source: https://learn.microsoft.com/azure/azure-monitor/logs/api/errors
 */
function isWithoutTables(error: unknown): boolean {
  if (!isRestError(error) || error.statusCode !== 400) return false;
  return /failed to resolve table/i.test(`${error.message} ${JSON.stringify(error.details)}`);
}

function newestOf(rows: readonly Row[]): number | undefined {
  const times = rows.flatMap(({ Newest: newest }) => (newest instanceof Date ? [newest.getTime()] : []));
  return times.length === 0 ? undefined : Math.max(...times);
}

/**
 * Of the columns of findings.kql: the images that no row places, by the newest row of each assessment. What has neither
 * a repository nor a registry has to say by its type that it is an image.
 */
const UNPLACED = `| where not(IsPlaced) or isempty(ContainerRepo) or isempty(ImageDigest)
| where isnotempty(ContainerRepo) or isnotempty(RegistryName) or tostring(Properties) contains "containerimage"
| summarize arg_max(TimeGenerated, State) by AssessmentId, RegistryName, RegistryHost, ContainerRepo, IsDashed, ImageDigest
| where not(tolower(State) in ("healthy", "notapplicable"))
| summarize Assessment = take_any(AssessmentId) by RegistryName, RegistryHost, ContainerRepo, IsDashed, ImageDigest`;

/**
 * Is it of this registry? Its id says so for certain. Where none is given, the older model names the login server, the
 * newer one the registry.
 * What names neither is of each registry that has the image: the same digest is the same content.
 */
export function isOf(
  { id, name, loginServer }: Place,
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

function rowsOf({ columnDescriptors, rows }: LogsTable): readonly Row[] {
  return rows.map((values) => Object.fromEntries(columnDescriptors.map(({ name }, place) => [name, values[place]])));
}
