// Reads what Azure knows of Defender for Cloud's findings: Resource Graph's assessments and sub-assessments, or the
// rows of Log Analytics.

import { type Assessment, assessmentFrom, latestOf, type Row } from '../../azure/function/assessments.ts';
import { pick, textOf } from '../../azure/function/loose-json.ts';
import { isOfContainerImage, mayBeIn, type NamedImage } from '../../azure/function/named-image.ts';
import type { RegistryId } from '../../azure/function/registry-id.ts';
import { findingsIn } from '../../shared/reconcile/observation.ts';
import { UsageError } from '../terminal/ending.ts';
import { type DocumentReader, mustBeList, type ReportInput } from './documents.ts';
import type { Gathering } from './gathering.ts';
import { type Packed, unpack } from './packed.ts';

/**
 * The rows of all files. They are of one assessment each, and the newest of them counts: they are gathered by image,
 * and judged at the end.
 */
export interface DefenderRows {
  add(assessment: Assessment): void;
  /** Everything is read. */
  finish(): void;
}

/** What is kept of an assessment until all of its rows are read. */
interface Kept extends Assessment {
  readonly packed: readonly Packed[];
}

/** Why an image has no gate that could be named. The function counts such images, and raises an alert. */
const NAMELESS = 'of a container image that it does not name';
const LISTS = ['data', 'value', 'Data'] as const;

/** The rows of one image of one registry. */
interface Group {
  /** Empty if no row names it. */
  readonly registry: string;
  readonly image: NamedImage;
  readonly isPlaced: boolean;
  readonly assessments: Kept[];
}

export function defenderRows(gathering: Gathering): DefenderRows {
  const groups = new Map<string, Group>();
  // Ids are compared without regard to case, as the function does; people see the first one that was given.
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
        // What it answers with is what it was given.
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

/** @param rows of all files */
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
          `${name}: a row has neither an assessment's id and properties, nor the columns of SecurityRecommendation: let the query give whole rows (no \`project\`)`,
        );
      }
      const assessment = assessmentFrom(row);
      if (assessment !== undefined) rows.add(assessment);
      else if (isOfContainerImage(pick(row['Properties'], 'resourceDetails'))) gathering.leaveOut(NAMELESS);
      else gathering.leaveOut('of something else than an image of a registry');
    },
    endDocument(document) {
      if (list === undefined || isList) return;
      if (!document.has(list)) {
        throw new UsageError(`${name} goes on with a document without "${list}": give pages of one query`);
      }
      mustBeList(name, document, list);
    },
  };
}

/**
 * Adds the rows that do not place their image to those of the one image that they can be about, as the function does.
 */
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
 * A row by the names that the columns of findings.kql have.
 * Sources: https://learn.microsoft.com/azure/defender-for-cloud/resource-graph-samples and
 * https://learn.microsoft.com/azure/azure-monitor/reference/tables/securityrecommendation
 */
function rowFrom(value: unknown, readAt: number): Row | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const given = Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toLowerCase(), one]));
  return 'properties' in given && 'id' in given ? resourceRow(given, readAt) : exportedRow(given);
}

/** An assessment or a sub-assessment as a resource of Azure. */
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

/** A row of SecurityRecommendation or SecurityNestedRecommendation; undefined if it is neither. */
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
