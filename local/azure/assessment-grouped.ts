// The properties of a grouped sub-assessment, one per image and CVE, as Defender wrote them until July 2026.
import { type Assessment, type Cve, fixStatusOf, type Package, statusOf, VECTOR } from './assessment.ts';
import type { Json } from './tables.ts';

export function groupedProperties(assessment: Assessment): Readonly<Record<string, Json>> {
  const { repository, digest, severity, firstSeenAt } = assessment;
  const { name, fixedVersion = '' } = assessment.package;
  const [cve] = assessment.cves;
  if (cve === undefined) throw new Error('a grouped sub-assessment needs one CVE; got none');
  return {
    id: cve.id,
    displayName: cve.id,
    status: { ...(statusOf(assessment) as object), severity },
    remediation: `Create new image with updated package ${name} with version ${fixedVersion} or higher.`,
    timeGenerated: firstSeenAt.toISOString(),
    resourceDetails: { source: 'Azure', id: `/repositories/${repository}/images/${digest}` },
    additionalData: {
      assessedResourceType: 'AzureContainerRegistryVulnerability',
      artifactDetails: artifactDetails(assessment),
      softwareDetails: softwareDetails(assessment.package, cve),
      vulnerabilityDetails: vulnerabilityDetails(cve),
      ...(cve.score === undefined ? {} : { cvssV30Score: cve.score }),
    },
  };
}

function artifactDetails({ repository, loginServer, digest, tags }: Assessment): Json {
  return {
    repositoryName: repository,
    registryHost: loginServer,
    digest,
    tags,
    artifactType: 'ContainerImage',
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
  };
}

function softwareDetails(software: Package, cve: Cve): Json {
  const { name, version = '', fixedVersion = '' } = software;
  return {
    packageName: name,
    category: 'OS',
    version,
    language: '',
    fixedVersion: cve.fixedVersion ?? fixedVersion,
    fixStatus: cve.fixStatus ?? fixStatusOf(software),
  };
}

function vulnerabilityDetails({ id, severity, score, publishedAt, link, isInExploitKit = false }: Cve): Json {
  return {
    cveId: id,
    references: link === undefined ? [] : [{ title: id, link }],
    cvss: { '2.0': null, '3.0': score === undefined ? null : { base: score, cvssVectorString: VECTOR } },
    workarounds: [],
    ...(publishedAt === undefined ? {} : { publishedDate: publishedAt.toISOString().slice(0, 19) }),
    ...(severity === undefined ? {} : { severity }),
    exploitabilityAssessment: {
      exploitStepsVerified: false,
      exploitStepsPublished: false,
      isInExploitKit,
      types: [],
      exploitUris: [],
    },
  };
}
