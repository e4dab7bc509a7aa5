// The shapes of Defender for Cloud's assessments of registry images: individual (one an image and package) and grouped (one an image and CVE).
import { guidOf } from './principals.ts';
import type { Json, Row } from './tables.ts';

/** What is known of a vulnerability. Many assessments may share one object of it. */
export interface Cve {
  readonly id: string;
  /** Critical, High, Medium, Low, Unknown, '' or a word never seen. Absent: not said. */
  readonly severity?: string;
  /** The base score of CVSS 3.1. */
  readonly score?: number;
  readonly publishedAt?: Date;
  /** FixAvailable, NoFix, NoFixAvailable, WillNotFix, Scheduled, Unknown. Absent: the package's. */
  readonly fixStatus?: string;
  readonly fixedVersion?: string;
  readonly isInExploitKit?: boolean;
  readonly additionalIdentifiers?: readonly string[];
  readonly link?: string;
}

export interface Package {
  readonly name: string;
  readonly version?: string;
  readonly fixedVersion?: string;
  /** Default: FixAvailable with a fixed version, NoFix without. */
  readonly fixStatus?: string;
}

export type Status = 'Unhealthy' | 'Healthy' | 'NotApplicable';

/** An assessment as Defender keeps it. */
export interface Assessment {
  /** The ARM id, unique. */
  readonly id: string;
  /** Of the registry: its ARM id. */
  readonly registry: string;
  readonly loginServer: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly package: Package;
  /** Of a grouped one: the only one. */
  readonly cves: readonly Cve[];
  /** Its own: of the recommendation, or of the sub-assessment. */
  readonly severity: string;
  readonly status: Status;
  /** Why it is NotApplicable; empty where nobody says. Default: Exempt. */
  readonly cause?: string;
  readonly shape: 'individual' | 'grouped';
  /** How Defender writes the keys that are its own. */
  readonly casing: 'pascal' | 'camel';
  /** How an individual one carries its CVEs. */
  readonly cvesAs: 'array' | 'text' | 'missing';
  /**
   * What an individual one says of each CVE: its id alone (`bare`, as since July 2026), or everything that is known of
   * it.
   */
  readonly details: 'bare' | 'rich';
  /**
   * How an individual one names its image: by a path below the registry's id; dashed below it, or right behind it;
   * dashed with no registry anywhere; or not at all.
   */
  readonly naming: 'path' | 'dashed' | 'joined' | 'nameless' | 'nothing';
  /** Does an individual one say its repository and digest in `resourceAdditionalData`, and as what? */
  readonly additionalAs: 'object' | 'text' | 'missing';
  readonly firstSeenAt: Date;
}

/** The recommendation whose sub-assessments grouped all findings of registry images until July 2026. */
export const GROUPED_KEY = 'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5';

/** One for each image and package, or for each image and CVE: the same one when it is reported again. */
export function assessmentId(
  of: Pick<Assessment, 'registry' | 'repository' | 'digest' | 'shape' | 'naming'>,
  part: string,
): string {
  const base = `${isNamed(of) ? of.registry : subscriptionOf(of)}/providers/Microsoft.Security/assessments`;
  const guid = guidOf(`${of.shape} ${of.registry.toLowerCase()}/${of.repository}@${of.digest} ${part}`);
  return of.shape === 'individual' ? `${base}/${guid}` : `${base}/${GROUPED_KEY}/subassessments/${guid}`;
}

/** Does it say its registry? */
function isNamed({ shape, naming }: Pick<Assessment, 'shape' | 'naming'>): boolean {
  return shape === 'grouped' || (naming !== 'nameless' && naming !== 'nothing');
}

function subscriptionOf({ registry }: Pick<Assessment, 'registry'>): string {
  return registry.split('/').slice(0, 3).join('/');
}

/**
 * The id of what an individual one is about. How it continues behind the registry is not documented: each form has been
 * read somewhere, or may be.
 */
function resourceId({ registry, repository, digest, naming }: Assessment): string {
  const dashed = `repositories-${repository.replaceAll('/', '-')}-images-${digest}`;
  switch (naming) {
    case 'path':
      return `${registry}/repositories/${repository}/images/${digest}`;
    case 'dashed':
      return `${registry}/${dashed}`;
    case 'joined':
      return `${registry}-${dashed}`;
    case 'nameless':
      return dashed;
    case 'nothing':
      return '';
  }
}

/** The resource as ARM gives it, as in tests/events/azure. */
export function armObject(assessment: Assessment): { readonly id: string; readonly [key: string]: Json } {
  const { id, shape } = assessment;
  const isGrouped = shape === 'grouped';
  return {
    type: isGrouped ? 'Microsoft.Security/assessments/subAssessments' : 'Microsoft.Security/assessments',
    id,
    name: lastOf(id),
    properties: isGrouped ? groupedProperties(assessment) : individualProperties(assessment),
  };
}

/**
 * The row of an event in the workspace. Which part of the assessment goes to which column is documented by the columns' names and types only.
 *
 * @param time of the event, in milliseconds since the epoch
 */
export function rowOfAssessment(assessment: Assessment, time: number, isSnapshot: boolean): Row {
  const { id, registry, shape } = assessment;
  const isWithRegistry = isNamed(assessment);
  const properties = armObject(assessment)['properties'] as Readonly<Record<string, Json>>;
  const { additionalData = null, ...rest } = properties;
  const state = { RecommendationState: assessment.status, RecommendationSeverity: assessment.severity };
  const shared = {
    ...state,
    AssessedResourceId: isWithRegistry ? registry : subscriptionOf(assessment),
    IsSnapshot: isSnapshot,
    TimeGenerated: time,
  };
  const title = String(properties['displayName']);
  if (shape === 'grouped') {
    return {
      ...shared,
      NestedRecommendationId: id,
      ParentRecommendationId: GROUPED_KEY,
      RecommendationName: title,
      Id: lastOf(id),
      VulnerabilityId: String(properties['id']),
      Cause: causeOf(assessment),
      RecommendationSubscriptionId: registry.split('/')[2] ?? '',
      ResourceGroup: registry.split('/')[4] ?? '',
      ResourceDetails: properties['resourceDetails'] ?? null,
      AdditionalData: additionalData,
    };
  }
  return {
    ...shared,
    // The bare key, as Microsoft's own playbooks join on it (Azure/Microsoft-Defender-for-Cloud).
    RecommendationId: lastOf(id),
    RecommendationName: lastOf(id),
    RecommendationDisplayName: title,
    Environment: 'Azure',
    DiscoveredTimeUTC: assessment.firstSeenAt.getTime(),
    FirstEvaluationDate: assessment.firstSeenAt.getTime(),
    StatusChangeDate: time,
    Properties: rest,
    RecommendationAdditionalData: additionalData,
  };
}

function individualProperties(assessment: Assessment): Json {
  const { registry, repository, digest, cves, cvesAs, details: detail, additionalAs, casing, severity } = assessment;
  const { name, version, fixedVersion } = assessment.package;
  const title = `Update ${name}`;
  const details = cves.map((cve) => (detail === 'rich' ? cveDetails(cve, casing) : bareCve(cve, casing)));
  const additional = { RepositoryDetails: { RepositoryName: repository }, Digest: digest };
  const own: Record<string, Json> = {
    resourceDetails: {
      Source: 'Azure',
      ResourceType: /\/Microsoft\.ContainerRegistry\//i.test(registry) ? '.containerimage' : 'virtualmachine',
      Id: resourceId(assessment),
    },
    ...(additionalAs === 'missing' ? {} : { resourceAdditionalData: additional }),
    additionalData: {
      SoftwareName: name,
      PackageType: 'OS',
      Language: '',
      FixStatus: fixStatusOf(assessment.package),
      DetectedSoftwareVersions: version === undefined ? [] : [version],
      FixedVersion: fixedVersion ?? '',
    },
  };
  const cased = casing === 'camel' ? (camel(own) as typeof own) : own;
  const carried: Record<string, Json> =
    cvesAs === 'missing'
      ? {}
      : { [casing === 'camel' ? 'cvesDetails' : 'CvesDetails']: cvesAs === 'text' ? JSON.stringify(details) : details };
  const asText =
    additionalAs === 'text' ? { resourceAdditionalData: JSON.stringify(cased['resourceAdditionalData']) } : {};
  return {
    displayName: title,
    status: statusOf(assessment),
    ...cased,
    ...asText,
    additionalData: { ...(cased['additionalData'] as object), ...carried },
    metadata: {
      recommendationCategory: 'SoftwareUpdate',
      severity,
      assessmentType: 'BuiltIn',
      displayName: title,
    },
  };
}

function bareCve({ id }: Cve, casing: Assessment['casing']): Json {
  return casing === 'camel' ? { cveId: id } : { CveId: id };
}

const detailsOf = { pascal: new WeakMap<Cve, Json>(), camel: new WeakMap<Cve, Json>() };

/** The same object for the same CVE: a hundred thousand images do not hold a hundred thousand copies. */
function cveDetails(cve: Cve, casing: Assessment['casing']): Json {
  const known = detailsOf[casing].get(cve);
  if (known !== undefined) return known;
  const { id, severity, score, publishedAt, fixStatus, fixedVersion, isInExploitKit = false } = cve;
  const details: Json = {
    CveId: id,
    ...(severity === undefined ? {} : { Severity: severity }),
    Cvss: score === undefined ? [] : [{ Key: '3', Value: { Base: score, CvssVectorString: VECTOR } }],
    CvssSource: 'Nvd',
    ...(publishedAt === undefined ? {} : { PublishedDate: publishedAt.toISOString() }),
    ...(fixStatus === undefined ? {} : { FixStatus: fixStatus }),
    ...(fixedVersion === undefined ? {} : { FixedVersion: fixedVersion }),
    ExploitabilityDetails: { IsInExploitKit: isInExploitKit, IsPubliclyDisclosed: false, IsVerified: false },
    AdditionalIdentifiers: cve.additionalIdentifiers ?? [],
    References: cve.link === undefined ? [] : [{ Title: id, Url: cve.link }],
  };
  const made = casing === 'camel' ? camel(details) : details;
  detailsOf[casing].set(cve, made);
  return made;
}

const VECTOR = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H';

function groupedProperties(assessment: Assessment): Json {
  const { repository, digest, tags, severity, loginServer, cves, firstSeenAt } = assessment;
  const { name, version = '', fixedVersion = '' } = assessment.package;
  const [cve] = cves;
  if (cve === undefined) throw new Error('a grouped sub-assessment is of one CVE; there is none');
  return {
    id: cve.id,
    displayName: cve.id,
    status: { ...(statusOf(assessment) as object), severity },
    remediation: `Create new image with updated package ${name} with version ${fixedVersion} or higher.`,
    timeGenerated: firstSeenAt.toISOString(),
    resourceDetails: { source: 'Azure', id: `/repositories/${repository}/images/${digest}` },
    additionalData: {
      assessedResourceType: 'AzureContainerRegistryVulnerability',
      artifactDetails: {
        repositoryName: repository,
        registryHost: loginServer,
        digest,
        tags,
        artifactType: 'ContainerImage',
        mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      },
      softwareDetails: {
        packageName: name,
        category: 'OS',
        version,
        language: '',
        fixedVersion: cve.fixedVersion ?? fixedVersion,
        fixStatus: cve.fixStatus ?? fixStatusOf(assessment.package),
      },
      vulnerabilityDetails: {
        cveId: cve.id,
        references: cve.link === undefined ? [] : [{ title: cve.id, link: cve.link }],
        cvss: { '2.0': null, '3.0': cve.score === undefined ? null : { base: cve.score, cvssVectorString: VECTOR } },
        workarounds: [],
        ...(cve.publishedAt === undefined ? {} : { publishedDate: cve.publishedAt.toISOString().slice(0, 19) }),
        ...(cve.severity === undefined ? {} : { severity: cve.severity }),
        exploitabilityAssessment: {
          exploitStepsVerified: false,
          exploitStepsPublished: false,
          isInExploitKit: cve.isInExploitKit ?? false,
          types: [],
          exploitUris: [],
        },
      },
      ...(cve.score === undefined ? {} : { cvssV30Score: cve.score }),
    },
  };
}

function statusOf(assessment: Assessment): Json {
  const cause = causeOf(assessment);
  return cause === '' ? { code: assessment.status } : { code: assessment.status, cause };
}

function causeOf({ status, cause = 'Exempt' }: Assessment): string {
  return status === 'NotApplicable' ? cause : '';
}

function fixStatusOf({ fixStatus, fixedVersion }: Package): string {
  return fixStatus ?? (fixedVersion === undefined ? 'NoFix' : 'FixAvailable');
}

/** All keys with a small first letter. */
function camel(value: Json): Json {
  if (Array.isArray(value)) return value.map(camel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.charAt(0).toLowerCase() + key.slice(1), camel(inner)]),
  );
}

function lastOf(id: string): string {
  return id.split('/').at(-1) ?? id;
}
