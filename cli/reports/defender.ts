// Reads findings of Defender for Cloud: assessments and sub-assessments of Azure Resource Graph, or rows of Log
// Analytics.

import { type Assessment, assessmentFrom, latestOf, type Row } from '../../azure/function/assessments.ts';
import { pick, textOf } from '../../azure/function/loose-json.ts';
import { isOfContainerImage, mayBeIn, type NamedImage } from '../../azure/function/named-image.ts';
import type { RegistryId } from '../../azure/function/registry-id.ts';
import { findingsIn } from '../../shared/reconcile/observation.ts';
import { UsageError } from '../terminal/ending.ts';
import { type DocumentReader, mustBeList, type ReportInput } from './documents.ts';
import { LEFT_OUT } from './gathering.ts';
import { type Packed, unpack } from './packed.ts';

/**
 * The rows of all files. Each row describes one assessment, and only the newest row of an assessment is used. Rows are
 * grouped by image and evaluated at the end.
 */
export interface DefenderRows {
  add(assessment: Assessment): void;
  /** Evaluates the rows after all files are read. */
  finish(): void;
}

/** The parts of an assessment that are kept until all its rows are read. */
interface Kept extends Assessment {
  readonly packed: readonly Packed[];
}

/** Why a row has no gate. The function counts such images and raises an alert. */
const NAMELESS = 'for a container image that is not named';
const LISTS = ['data', 'value', 'Data'] as const;

/** The rows of one image of one registry. */
interface Group {
  /** Empty if no row names the registry. */
  readonly registry: string;
  readonly image: NamedImage;
  readonly isPlaced: boolean;
  readonly assessments: Kept[];
}

export function defenderRows({ gathering, includes }: Pick<ReportInput, 'gathering' | 'includes'>): DefenderRows {
  const groups = new Map<string, Group>();
  // Ids are compared without case, as in the function. The output shows the first spelling.
  const registries = new Map<string, string>();
  return {
    add(assessment) {
      const given = registryOf(assessment);
      const registry = registries.get(given.toLowerCase()) ?? given;
      registries.set(given.toLowerCase(), registry);
      const { image, isPlaced } = assessment;
      const key = `${registry}/${image.repository}@${image.digest} ${isPlaced}`;
      const group = groups.get(key) ?? { registry, image, isPlaced, assessments: [] };
      groups.set(key, group);
      group.assessments.push(slim(assessment));
    },
    finish() {
      for (const { registry, image, isPlaced, assessments } of together([...groups.values()])) {
        // A name that is not certain may be the dashed name of another repository.
        if (isPlaced && !includes.azure(image.repository)) {
          gathering.leaveOut(LEFT_OUT, assessments.length);
          continue;
        }
        // `latestOf` returns elements of its argument, so the cast is safe.
        for (const { packed, state } of latestOf(assessments) as readonly Kept[]) {
          if (state === 'resolved' || state === 'off') gathering.leaveOut('healthy or not applicable');
          const { repository, digest } = image;
          const reported = gathering.image({ registry, repository, digest, tags: [], isUnplaced: !isPlaced });
          for (const finding of packed) gathering.add(reported, unpack(finding));
        }
      }
    },
  };

  function slim(assessment: Assessment): Kept {
    const findings = findingsIn(assessment);
    return { ...assessment, reports: [], packed: findings.map(gathering.keep) };
  }
}

/** @param rows the rows of all files */
export function defenderReader(
  { gathering, beginning: { keys, isList }, name, now }: ReportInput,
  rows: DefenderRows,
): DocumentReader {
  const list = LISTS.find((key) => keys.has(key));
  const path = isList ? '$.*' : list === undefined ? '$' : `$.${list}.*`;
  return {
    paths: [path],
    take(value) {
      const row = rowFrom(value, now);
      if (row === undefined) {
        throw new UsageError(
          `${name}: a row has neither the id and properties of an assessment nor the columns of SecurityRecommendation: return whole rows from the query (no \`project\`)`,
        );
      }
      const assessment = assessmentFrom(row);
      if (assessment !== undefined) rows.add(assessment);
      else if (isOfContainerImage(pick(row['Properties'], 'resourceDetails'))) gathering.leaveOut(NAMELESS);
      else gathering.leaveOut('not for an image in a registry');
    },
    endDocument(document) {
      if (list === undefined || isList) return;
      if (!document.has(list)) {
        throw new UsageError(`${name} contains a document without "${list}": give only pages of one query`);
      }
      mustBeList(name, document, list);
    },
  };
}

/** Adds rows that do not say where their image is to the only image that they can describe, as the function does. */
function together(groups: readonly Group[]): readonly Group[] {
  const placed = Map.groupBy(
    groups.filter(({ isPlaced }) => isPlaced),
    ({ image }) => image.digest,
  );
  return groups.filter((group) => {
    if (group.isPlaced) return true;
    const homes = (placed.get(group.image.digest) ?? []).filter(
      ({ registry, image }) =>
        (group.registry === '' || group.registry === registry) && mayBeIn(group.image, image.repository),
    );
    const [home] = homes;
    if (home === undefined || homes.length > 1) return true;
    home.assessments.push(...group.assessments.map((one) => ({ ...one, image: home.image })));
    return false;
  });
}

function registryOf({ registry, registryHost, registryName }: Assessment): string {
  return registry === undefined ? registryHost || registryName : idOf(registry);
}

function idOf({ subscription, resourceGroup, name }: RegistryId): string {
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.ContainerRegistry/registries/${name}`;
}

/**
 * Converts a row to the column names of findings.kql.
 * Sources: https://learn.microsoft.com/azure/defender-for-cloud/resource-graph-samples and
 * https://learn.microsoft.com/azure/azure-monitor/reference/tables/securityrecommendation
 */
function rowFrom(value: unknown, readAt: number): Row | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const given = Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toLowerCase(), one]));
  return 'properties' in given && 'id' in given ? resourceRow(given, readAt) : exportedRow(given);
}

/** Converts an assessment or a sub-assessment that is an Azure resource. */
function resourceRow(given: Row, readAt: number): Row | undefined {
  const properties = given['properties'];
  const of = (...path: readonly string[]) => pick(properties, ...path);
  return {
    TimeGenerated: timeOf(of('timeGenerated') ?? of('status', 'statusChangeDate')) ?? new Date(readAt),
    IsSnapshot: false,
    AssessmentId: given['id'],
    Resource: textOf(of('resourceDetails', 'id')),
    State: of('status', 'code'),
    Cause: textOf(of('status', 'cause')),
    Title: of('displayName'),
    RegistryName: '',
    RegistryHost: textOf(of('additionalData', 'artifactDetails', 'registryHost')),
    Properties: properties,
    Details: of('additionalData'),
  };
}

/** Converts a row of SecurityRecommendation or SecurityNestedRecommendation; undefined if it is neither. */
function exportedRow(given: Row): Row | undefined {
  const id = given['recommendationid'] ?? given['nestedrecommendationid'] ?? given['assessmentid'];
  const at = timeOf(given['timegenerated'] ?? given['timegenerated [utc]']);
  if (id === undefined || at === undefined) return undefined;
  const details = given['recommendationadditionaldata'] || given['additionaldata'] || given['details'] || undefined;
  return {
    TimeGenerated: at,
    IsSnapshot: given['issnapshot'] === true || /^true$/i.test(textOf(given['issnapshot'])),
    AssessmentId: id,
    Resource: given['assessedresourceid'] ?? given['resource'],
    State: given['recommendationstate'] ?? given['state'],
    Cause: given['cause'] ?? '',
    Severity: given['recommendationseverity'] ?? given['severity'],
    Title: given['recommendationdisplayname'] ?? given['recommendationname'] ?? given['title'],
    RegistryName: given['registryname'] ?? '',
    RegistryHost: given['registryhost'] ?? textOf(pick(details, 'artifactDetails', 'registryHost')),
    Properties: given['properties'] || given['resourcedetails'] || undefined,
    Details: details,
  };
}

function timeOf(value: unknown): Date | undefined {
  const given = textOf(value);
  if (given === '') return undefined;
  const date = new Date(/(Z|[+-]\d{2}:?\d{2})$/i.test(given) ? given : `${given}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
