// The formats of Inspector's findings: in an event (dates as text), and in an answer of ListFindings (dates in
// seconds).
// Source: https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html (the sample of 2026)
import type { BusEvent } from './bus-event.ts';
import type { Advisory, StoredFinding } from './inspector-finding.ts';
import { arnOf, type Place } from './place.ts';

/** The parts of a finding event's `detail` that are read back. */
export interface FindingDetail {
  readonly findingArn: string;
  readonly awsAccountId?: string;
  readonly severity?: string;
  readonly status?: string;
  readonly fixAvailable?: string;
  readonly exploitAvailable?: string;
  readonly epss?: { readonly score?: number };
  readonly packageVulnerabilityDetails?: {
    readonly vulnerabilityId: string;
    readonly cvss?: readonly {
      readonly baseScore: number;
      readonly version: string;
      readonly source?: string;
      readonly scoringVector?: string;
    }[];
    readonly relatedVulnerabilities?: readonly string[];
    readonly sourceUrl?: string;
    readonly vendorCreatedAt?: string;
    readonly vulnerablePackages?: Advisory['packages'];
  };
  readonly resources?: readonly {
    readonly details?: {
      readonly awsEcrContainerImage?: {
        readonly repositoryName: string;
        readonly imageHash: string;
        readonly imageTags?: readonly string[];
        readonly registry?: string;
      };
    };
  }[];
}

/** A finding in the format of ListFindings. The given function formats the dates. */
export function findingAs<T>(place: Place, finding: StoredFinding, date: (date: Date) => T) {
  const { advisory, image } = finding;
  const { repository, digest, tags = [], account = place.account } = image;
  const packages = advisory.packages ?? [{ name: 'openssl', version: '3.0.13' }];
  const text = `${advisory.vulnerability} - ${packages.map(({ name }) => name).join(', ')}`;
  const pushedAt = date(finding.firstObservedAt);
  const { inUseCount, lastInUseAt } = finding.use ?? {};
  const registry = {
    repositoryName: repository,
    registry: account,
    imageTags: tags,
    pushedAt,
    architecture: 'arm64',
    platform: 'UBUNTU_24_04',
    // https://docs.aws.amazon.com/inspector/v2/APIReference/API_AwsEcrContainerImageDetails.html
    ...(inUseCount === undefined ? {} : { inUseCount }),
    ...(lastInUseAt === undefined ? {} : { lastInUseAt: date(lastInUseAt) }),
  };
  return {
    awsAccountId: account,
    description: `The advisory ${text}`,
    // https://docs.aws.amazon.com/inspector/v2/APIReference/API_EpssDetails.html
    ...(advisory.epss === undefined ? {} : { epss: { score: advisory.epss } }),
    ...(advisory.exploitAvailable === undefined ? {} : { exploitAvailable: advisory.exploitAvailable }),
    findingArn: finding.arn,
    firstObservedAt: date(finding.firstObservedAt),
    ...(advisory.fixAvailable === undefined ? {} : { fixAvailable: advisory.fixAvailable }),
    lastObservedAt: date(finding.updatedAt),
    packageVulnerabilityDetails: {
      cvss: (advisory.cvss ?? []).map((score) => ({ scoringVector: 'CVSS:3.1/AV:N', source: 'NVD', ...score })),
      referenceUrls: [`https://www.cve.org/CVERecord?id=${advisory.vulnerability}`],
      relatedVulnerabilities: advisory.relatedVulnerabilities ?? [],
      source: 'NVD',
      sourceUrl: advisory.sourceUrl ?? `https://nvd.nist.gov/vuln/detail/${advisory.vulnerability}`,
      ...(advisory.vendorCreatedAt === undefined ? {} : { vendorCreatedAt: date(advisory.vendorCreatedAt) }),
      vulnerabilityId: advisory.vulnerability,
      vulnerablePackages: packages.map((found) => ({ arch: 'ARM64', epoch: 0, packageManager: 'OS', ...found })),
    },
    remediation: { recommendation: { text: 'None Provided' } },
    resources: [
      {
        details: {
          awsEcrContainerImage: { ...registry, imageHash: digest },
        },
        id: imageArn({ ...place, account }, repository, digest),
        partition: place.partition,
        provider: 'AWS',
        providerAccountId: account,
        region: place.region,
        type: 'AWS_ECR_CONTAINER_IMAGE',
      },
    ],
    ...(advisory.severity === undefined ? {} : { severity: advisory.severity }),
    status: finding.status,
    title: text,
    type: 'PACKAGE_VULNERABILITY',
    updatedAt: date(finding.updatedAt),
  };
}

/** The event of a finding, in the format of the documentation's newest sample. */
export function findingEvent(place: Place, finding: StoredFinding): BusEvent {
  const { repository, digest, account = place.account } = finding.image;
  const detail = findingAs(place, finding, dateInWords);
  const resources = detail.resources.map((resource) => {
    const { imageHash, ...image } = resource.details.awsEcrContainerImage;
    return { ...resource, details: { ...resource.details, image: { ...image, imageDigest: imageHash } } };
  });
  return {
    source: 'aws.inspector2',
    'detail-type': 'Inspector2 Finding',
    resources: [imageArn({ ...place, account }, repository, digest)],
    detail: { ...detail, resources },
  };
}

/** Parses a finding from an event's detail. */
export function readFinding(detail: FindingDetail, now: Date): StoredFinding {
  const image = detail.resources?.[0]?.details?.awsEcrContainerImage;
  const found = detail.packageVulnerabilityDetails;
  if (image === undefined || found === undefined)
    throw new Error(`${detail.findingArn} is not a package vulnerability of an ECR image`);
  const status = detail.status === 'SUPPRESSED' || detail.status === 'CLOSED' ? detail.status : 'ACTIVE';
  const created = found.vendorCreatedAt === undefined ? Number.NaN : Date.parse(found.vendorCreatedAt);
  const advisory = {
    vulnerability: found.vulnerabilityId,
    severity: detail.severity,
    packages: found.vulnerablePackages,
    fixAvailable: detail.fixAvailable,
    exploitAvailable: detail.exploitAvailable,
    epss: detail.epss?.score,
    cvss: found.cvss,
    vendorCreatedAt: Number.isNaN(created) ? undefined : new Date(created),
    relatedVulnerabilities: found.relatedVulnerabilities,
    sourceUrl: found.sourceUrl,
  };
  const present = Object.fromEntries(Object.entries(advisory).filter(([, value]) => value !== undefined));
  return {
    arn: detail.findingArn,
    image: {
      repository: image.repositoryName,
      digest: image.imageHash,
      tags: image.imageTags ?? [],
      ...(image.registry === undefined ? {} : { account: image.registry }),
    },
    advisory: present as unknown as Advisory,
    status,
    firstObservedAt: now,
    updatedAt: now,
  };
}

export function imageArn(place: Place, repository: string, digest: string): string {
  return arnOf(place, 'ecr', `repository/${repository}/${digest}`);
}

/** For example, `Wed Sep 04 16:55:38.411 UTC 2024`. */
function dateInWords(date: Date): string {
  const [weekday, day, month, year] = date.toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${day} ${date.toISOString().slice(11, 23)} UTC ${year}`;
}
