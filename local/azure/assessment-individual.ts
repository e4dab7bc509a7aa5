// The properties of an individual assessment, one per image and package, in each form that Defender is known to write.
import { type Assessment, type Cve, fixStatusOf, statusOf, VECTOR } from './assessment.ts';
import type { Json } from './tables.ts';

export function individualProperties(assessment: Assessment): Readonly<Record<string, Json>> {
  const { casing, cvesAs, additionalAs, severity } = assessment;
  const isCamel = casing === 'camel';
  const displayName = `Update ${assessment.package.name}`;
  const fields = isCamel ? (camel(ownFields(assessment)) as Record<string, Json>) : ownFields(assessment);
  const cves = assessment.cves.map((cve) => cveOf(cve, assessment));
  const carried: Record<string, Json> =
    cvesAs === 'missing'
      ? {}
      : { [isCamel ? 'cvesDetails' : 'CvesDetails']: cvesAs === 'text' ? JSON.stringify(cves) : cves };
  const asText =
    additionalAs === 'text' ? { resourceAdditionalData: JSON.stringify(fields['resourceAdditionalData']) } : {};
  return {
    displayName,
    status: statusOf(assessment),
    ...fields,
    ...asText,
    additionalData: { ...(fields['additionalData'] as object), ...carried },
    metadata: { recommendationCategory: 'SoftwareUpdate', severity, assessmentType: 'BuiltIn', displayName },
  };
}

/** The fields whose keys Defender has written in either case. */
function ownFields(assessment: Assessment): Record<string, Json> {
  const { registry, repository, digest, additionalAs } = assessment;
  const { name, version, fixedVersion } = assessment.package;
  const additional = { RepositoryDetails: { RepositoryName: repository }, Digest: digest };
  return {
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
}

function cveOf(cve: Cve, { details, casing }: Assessment): Json {
  return details === 'rich' ? cveDetails(cve, casing) : bareCve(cve, casing);
}

function bareCve({ id }: Cve, casing: Assessment['casing']): Json {
  return casing === 'camel' ? { cveId: id } : { CveId: id };
}

const detailsOf = { pascal: new WeakMap<Cve, Json>(), camel: new WeakMap<Cve, Json>() };

/** One shared object per CVE, so that a hundred thousand images do not hold a hundred thousand copies. */
function cveDetails(cve: Cve, casing: Assessment['casing']): Json {
  const known = detailsOf[casing].get(cve);
  if (known !== undefined) return known;
  const { id, severity, score, publishedAt, fixStatus, fixedVersion } = cve;
  const details: Json = {
    CveId: id,
    ...(severity === undefined ? {} : { Severity: severity }),
    Cvss: score === undefined ? [] : [{ Key: '3', Value: { Base: score, CvssVectorString: VECTOR } }],
    CvssSource: 'Nvd',
    ...(publishedAt === undefined ? {} : { PublishedDate: publishedAt.toISOString() }),
    ...(fixStatus === undefined ? {} : { FixStatus: fixStatus }),
    ...(fixedVersion === undefined ? {} : { FixedVersion: fixedVersion }),
    ExploitabilityDetails: exploitabilityOf(cve),
    AdditionalIdentifiers: cve.additionalIdentifiers ?? [],
    References: cve.link === undefined ? [] : [{ Title: id, Url: cve.link }],
  };
  const made = casing === 'camel' ? camel(details) : details;
  detailsOf[casing].set(cve, made);
  return made;
}

/** What is known about exploits of a CVE. EPSS is in the same object as in `microsoft.security/cvedetails`. */
export function exploitabilityOf({ isInExploitKit = false, epss }: Cve): Json {
  const score = epss === undefined ? {} : { Epss: { Percentile: 0.5, Score: epss } };
  return { IsInExploitKit: isInExploitKit, IsPubliclyDisclosed: false, IsVerified: false, ...score };
}

/**
 * The id of the assessed resource. The part after the registry is not documented. Each of these forms has been observed
 * or is plausible.
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

/** Makes the first letter of every key lower case. */
function camel(value: Json): Json {
  if (Array.isArray(value)) return value.map(camel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.charAt(0).toLowerCase() + key.slice(1), camel(inner)]),
  );
}
