// Tests reading real reports of Trivy and Grype, and what their fields mean for a policy.
import { describe, expect, test } from 'vitest';
import { imageNamed } from '../../../cli/reports/image-name.ts';
import { granularityOf, subjectsFrom } from '../../../cli/simulate/subjects.ts';
import { fileOf } from '../command.ts';
import { jsonOf, read, readText, sample } from './reading.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('real reports of the scanners', () => {
  const rows = [
    [
      'trivy-alpine-310',
      'trivy',
      'ghcr.io',
      'aquasecurity/trivy-test-images',
      ['alpine-310'],
      ['medium', 'medium', 'medium', 'medium'],
    ],
    ['trivy-centos-7', 'trivy', 'ghcr.io', 'aquasecurity/trivy-test-images', ['centos-7'], ['low', 'medium', 'low']],
    [
      'trivy-debian-buster',
      'trivy',
      'ghcr.io',
      'aquasecurity/trivy-test-images',
      ['debian-buster'],
      ['low', 'critical'],
    ],
    ['grype-image', 'grype', 'docker.io', 'user-input', [], ['low', 'critical']],
  ] as const;
  test.each(rows)('%s', async (file, format, registry, repository, tags, severities) => {
    const found = await read(sample(`reports/${file}.json`));
    expect(found.format).toBe(format);
    expect(found.images).toEqual([{ registry, repository, digest: '', tags, findings: expect.any(Set) }]);
    expect(found.findings.map(({ severity }) => severity)).toEqual(
      severities.map((severity) => ({ kind: 'known', severity })),
    );
  });

  test('reads everything that a policy needs from a finding of Trivy', async () => {
    const { findings } = await read(sample('reports/trivy-debian-buster.json'));
    expect(findings).toEqual([
      {
        vulnerability: 'CVE-2019-18276',
        aliases: [],
        package: { name: 'bash', version: '5.0-4', fixedVersion: undefined },
        severity: { kind: 'known', severity: 'low' },
        score: 7.8,
        fix: 'none',
        exploited: false,
        disclosedAt: '2019-11-28T01:15:00.000Z',
        state: 'active',
        link: 'https://avd.aquasec.com/nvd/cve-2019-18276',
      },
      {
        vulnerability: 'CVE-2019-18224',
        aliases: ['DSA-4613-1'],
        package: { name: 'libidn2-0', version: '2.0.5-1', fixedVersion: '2.0.5-1+deb10u1' },
        severity: { kind: 'known', severity: 'critical' },
        score: 9.8,
        fix: 'available',
        exploited: false,
        disclosedAt: '2019-10-21T17:15:00.000Z',
        state: 'active',
        link: 'https://avd.aquasec.com/nvd/cve-2019-18224',
      },
    ]);
  });

  test('reads everything that a policy needs from a match of Grype', async () => {
    const { findings } = await read(sample('reports/grype-image.json'));
    expect(findings).toEqual([
      {
        vulnerability: 'CVE-1999-0001',
        aliases: [],
        package: { name: 'package-1', version: '1.1.1', fixedVersion: '1.2.1, 2.1.3, 3.4.0' },
        severity: { kind: 'known', severity: 'low' },
        score: 8.2,
        fix: 'available',
        exploited: false,
        epss: 0.03,
        state: 'active',
      },
      {
        vulnerability: 'CVE-1999-0002',
        aliases: [],
        package: { name: 'package-2', version: '2.2.2' },
        severity: { kind: 'known', severity: 'critical' },
        score: 8.5,
        fix: 'unknown',
        exploited: true,
        epss: 0.08,
        state: 'active',
      },
    ]);
  });
});

describe('Trivy', () => {
  const changed = (fields: object) => {
    const report = jsonOf('reports/trivy-debian-buster.json');
    const [vulnerability] = report.Results[0].Vulnerabilities;
    return { ...report, Results: [{ Vulnerabilities: [{ ...vulnerability, ...fields }] }] };
  };
  test.each([
    ['affected', undefined, 'none'],
    ['will_not_fix', undefined, 'none'],
    ['end_of_life', undefined, 'none'],
    ['under_investigation', undefined, 'unknown'],
    [undefined, undefined, 'unknown'],
    ['fixed', undefined, 'available'],
    ['affected', '1.2', 'available'],
  ])('the status %s with the fixed version %s means the fix %s', async (Status, FixedVersion, fix) => {
    const { findings } = await readText(changed({ Status, FixedVersion }));
    expect(findings.map((finding) => finding.fix)).toEqual([fix]);
  });

  test('an unknown severity stays unknown and keeps its label', async () => {
    const { findings, reported } = await readText(changed({ Severity: 'UNKNOWN' }));
    expect(findings[0]?.severity).toEqual({ kind: 'unknown', label: 'UNKNOWN' });
    expect(reported.unknown).toBe(1);
  });

  test('a package that is not affected is not a finding', async () => {
    const { findings, leftOut } = await readText(changed({ Status: 'not_affected' }));
    expect([findings, leftOut]).toEqual([[], { 'not affected': 1 }]);
  });

  test('an ignored vulnerability is suppressed, and an ignored misconfiguration is skipped', async () => {
    const report = jsonOf('reports/trivy-debian-buster.json');
    const [Finding] = report.Results[0].Vulnerabilities;
    const ExperimentalModifiedFindings = [
      { Type: 'vulnerability', Status: 'ignored', Source: '.trivyignore', Finding },
      { Type: 'misconfiguration', Status: 'ignored', Finding: { ID: 'DS001' } },
    ];
    const { findings } = await readText({ ...report, Results: [{ ExperimentalModifiedFindings }] });
    expect(findings.map(({ vulnerability, state }) => [vulnerability, state])).toEqual([
      ['CVE-2019-18276', 'suppressed'],
    ]);
  });

  test('an image in a registry has its digest and its tag', async () => {
    const Metadata = { RepoTags: ['reg.azurecr.io/team/app:1.4'], RepoDigests: [`reg.azurecr.io/team/app@${DIGEST}`] };
    const { images } = await readText({ ...changed({}), Metadata });
    expect(images).toMatchObject([
      { registry: 'reg.azurecr.io', repository: 'team/app', digest: DIGEST, tags: ['1.4'] },
    ]);
  });

  test.each([
    ['a result without vulnerabilities', [{ Target: 'nginx' }]],
    ['a result with null', [{ Target: 'nginx', Vulnerabilities: null }]],
    ['null', null],
    ['no results', undefined],
  ])('an image without vulnerabilities is kept: %s', async (_name, Results) => {
    const { images, findings } = await readText({ SchemaVersion: 2, ArtifactName: 'nginx:1.27', Results });
    expect([images.map(({ repository }) => repository), findings]).toEqual([['nginx'], []]);
  });

  test.each([
    ['filesystem', '/home/me/app'],
    ['repository', 'https://github.com/org/app'],
    ['cyclonedx', 'app.cdx.json'],
  ])('a scan of a %s has no gate and is counted', async (ArtifactType, ArtifactName) => {
    const report = { ...changed({}), ArtifactType, ArtifactName, Metadata: {} };
    const { images, findings, leftOut } = await readText(
      JSON.stringify(report) + JSON.stringify({ ...report, Results: [] }),
    );
    expect([images, findings, leftOut]).toEqual([[], [], { 'not for a container image': 2 }]);
  });

  test('an image with several names has the name that was given to the scanner', async () => {
    const RepoTags = ['nginx:1.27', 'reg.azurecr.io/team/nginx:1.27', 'reg.azurecr.io/team/nginx:latest'];
    const RepoDigests = [`nginx@sha256:${'b'.repeat(64)}`, `reg.azurecr.io/team/nginx@${DIGEST}`];
    const named = { ...changed({}), Metadata: { RepoTags, RepoDigests } };
    const { images } = await readText({ ...named, ArtifactName: 'reg.azurecr.io/team/nginx:latest' });
    expect(images).toMatchObject([
      { registry: 'reg.azurecr.io', repository: 'team/nginx', digest: DIGEST, tags: ['latest', '1.27'] },
    ]);
    const other = await readText({ ...named, ArtifactName: 'sha256:1234' });
    expect(other.images).toMatchObject([
      { registry: 'docker.io', repository: 'nginx', digest: `sha256:${'b'.repeat(64)}`, tags: ['1.27'] },
    ]);
  });

  test.each([
    ['nothing', { ArtifactName: '', Metadata: {} }],
    ['empty texts', { ArtifactName: '', Metadata: { RepoTags: [''], RepoDigests: [''] } }],
  ])('images whose reports name them by %s are images of their own', async (_name, fields) => {
    const report = JSON.stringify({ ...changed({}), ...fields });
    const { images } = await readText(report + report);
    expect(images).toMatchObject([
      { registry: '', repository: 'unnamed-1', digest: '', tags: [] },
      { registry: '', repository: 'unnamed-2', digest: '', tags: [] },
    ]);
  });

  test.each([
    'nginx:1.27',
    'library/nginx:1.27',
    'docker.io/nginx:1.27',
    'docker.io/library/nginx:1.27',
    'index.docker.io/library/nginx:1.27',
  ])('%s is one image of Docker Hub', async (ArtifactName) => {
    const { images } = await readText({ ...changed({}), ArtifactName, Metadata: {} });
    expect(images).toMatchObject([{ registry: 'docker.io', repository: 'nginx', tags: ['1.27'] }]);
  });

  test('an image of Docker Hub keeps the namespace of its owner', async () => {
    const { images } = await readText({ ...changed({}), ArtifactName: 'docker.io/library/team/app', Metadata: {} });
    expect(images).toMatchObject([{ registry: 'docker.io', repository: 'library/team/app' }]);
  });

  test("the bill of materials of an image is judged as the image, whatever the file's name is", async () => {
    const Metadata = { ImageID: 'sha256:aa', RepoDigests: [`reg.azurecr.io/team/app@${DIGEST}`] };
    const report = { ...changed({}), ArtifactName: 'app.cdx.json', ArtifactType: 'cyclonedx', Metadata };
    const { images, findings, leftOut } = await readText(report);
    expect(images).toMatchObject([{ registry: 'reg.azurecr.io', repository: 'team/app', digest: DIGEST, tags: [] }]);
    expect([findings.length, leftOut]).toEqual([1, {}]);
  });

  test('several reports in one input are several images', async () => {
    const reports = ['alpine-310', 'centos-7'].map((name) => JSON.stringify(jsonOf(`reports/trivy-${name}.json`)));
    const { images } = await readText(reports.join('\n'));
    expect(images.map(({ tags, findings }) => [tags, findings.size])).toEqual([
      [['alpine-310'], 4],
      [['centos-7'], 3],
    ]);
  });

  test('a link that is not https is dropped', async () => {
    const { findings } = await readText(changed({ PrimaryURL: 'javascript:alert(1)' }));
    expect(findings[0]?.link).toBeUndefined();
  });
});

describe('Grype', () => {
  const changed = (fields: object, match: object = {}) => {
    const report = jsonOf('reports/grype-image.json');
    const [first] = report.matches;
    return { ...report, matches: [{ ...first, ...match, vulnerability: { ...first.vulnerability, ...fields } }] };
  };
  test.each([
    ['fixed', 'available'],
    ['not-fixed', 'none'],
    ['wont-fix', 'none'],
    ['unknown', 'unknown'],
    ['', 'unknown'],
  ])('the state %j means the fix %s', async (state, fix) => {
    const { findings } = await readText(changed({ fix: { versions: [], state } }));
    expect(findings.map((finding) => finding.fix)).toEqual([fix]);
  });

  test.each([
    ['Negligible', { kind: 'known', severity: 'informational' }],
    ['Unknown', { kind: 'unknown', label: 'Unknown' }],
    [undefined, { kind: 'unknown', label: 'none given' }],
  ])('reads the severity %s', async (severity, expected) => {
    const { findings } = await readText(changed({ severity }));
    expect(findings.map((finding) => finding.severity)).toEqual([expected]);
  });

  test('an advisory of a distribution has its CVEs as aliases, and their score if it has none', async () => {
    const relatedVulnerabilities = [{ id: 'CVE-2024-1', cvss: [{ version: '3.1', metrics: { baseScore: 9.1 } }] }];
    const { findings } = await readText(changed({ id: 'GHSA-aaaa-bbbb-cccc', cvss: [] }, { relatedVulnerabilities }));
    expect(findings).toMatchObject([{ vulnerability: 'GHSA-aaaa-bbbb-cccc', aliases: ['CVE-2024-1'], score: 9.1 }]);
  });

  test('an ignored match is suppressed, and the image may be named after the findings', async () => {
    const report = jsonOf('reports/grype-image.json');
    const [first, second] = report.matches;
    const target = { userInput: 'team/app:1', tags: ['reg.io/team/app:1'], repoDigests: [`reg.io/team/app@${DIGEST}`] };
    const { images, findings } = await readText({
      matches: [first],
      ignoredMatches: [{ ...second, appliedIgnoreRules: [{ vulnerability: 'CVE-1999-0002' }] }],
      source: { type: 'image', target },
    });
    expect(images).toMatchObject([{ registry: 'reg.io', repository: 'team/app', digest: DIGEST, tags: ['1'] }]);
    expect(findings.map(({ vulnerability, state }) => [vulnerability, state])).toEqual([
      ['CVE-1999-0001', 'active'],
      ['CVE-1999-0002', 'suppressed'],
    ]);
  });
});

describe('an ECR image', () => {
  const HOST = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
  const trivy = (place: number, ArtifactName: string) => {
    const digest = `sha256:${String(place).repeat(64)}`;
    const Metadata = { RepoTags: [ArtifactName], RepoDigests: [`${ArtifactName.split(':')[0]}@${digest}`] };
    const Vulnerabilities = [{ VulnerabilityID: 'CVE-2024-1', PkgName: 'zlib', Severity: 'HIGH' }];
    return {
      SchemaVersion: 2,
      ArtifactName,
      ArtifactType: 'container_image',
      Metadata,
      Results: [{ Vulnerabilities }],
    };
  };
  const grype = (userInput: string) => ({
    ...jsonOf('reports/grype-image.json'),
    source: { type: 'image', target: { userInput, tags: [userInput], repoDigests: [] } },
  });

  test('has the same gate as in the stack, its repository in its account, for every scanner', async () => {
    const awsEcrContainerImage = {
      registry: '123456789012',
      repositoryName: 'team/app',
      imageHash: `sha256:${'3'.repeat(64)}`,
      imageTags: ['v3'],
    };
    const resources = [{ type: 'AWS_ECR_CONTAINER_IMAGE', details: { awsEcrContainerImage } }];
    const files = [
      trivy(1, `${HOST}/team/app:1.4`),
      trivy(2, `${HOST.toUpperCase()}/team/app:1.5`),
      grype('123456789012.dkr-ecr.eu-west-1.on.aws/team/app:1.6'),
      { findings: [{ ...jsonOf('aws/ecr-enhanced-finding-api.json'), resources }] },
    ].map((report) => fileOf(JSON.stringify(report)));
    const { images } = await read(files);
    expect(images).toHaveLength(4);
    const gates = [...subjectsFrom(images, granularityOf('image'))].map(({ gate }) => gate);
    expect(new Set(gates.map((gate) => JSON.stringify(gate)))).toEqual(
      new Set([JSON.stringify({ registry: '123456789012', repository: 'team/app' })]),
    );
  });

  test("has no gate if the stack's config excludes its repository; other registries are not filtered", async () => {
    const reports = [trivy(1, `${HOST}/sandbox/x:1`), grype(`${HOST}/sandbox/x:2`), trivy(2, 'ghcr.io/sandbox/x:1')];
    const { images, findings, leftOut } = await read(
      reports.map((report) => fileOf(JSON.stringify(report))),
      '',
      { includes: { aws: (repository) => !repository.startsWith('sandbox/'), azure: () => true } },
    );
    expect([images.map(({ registry }) => registry), findings.length]).toEqual([['ghcr.io'], 1]);
    expect(leftOut).toEqual({ "in a repository that the stack's config excludes": 3 });
  });

  test.each(['io', 'cn', 'us'])(
    "at azurecr.%s has no gate if the stack's config excludes its repository",
    async (end) => {
      const reports = [trivy(1, `acmeimages.azurecr.${end}/sandbox/x:1`), trivy(2, `${HOST}/sandbox/x:1`)];
      const { images, leftOut } = await read(
        reports.map((report) => fileOf(JSON.stringify(report))),
        '',
        { includes: { aws: () => true, azure: (repository) => !repository.startsWith('sandbox/') } },
      );
      expect(images.map(({ registry }) => registry)).toEqual(['123456789012']);
      expect(Object.keys(leftOut)).toEqual(["in a repository that the stack's config excludes"]);
    },
  );
});

test.each([
  ['directory', '/home/me/app'],
  ['file', 'app.jar'],
  ['unknown', 'unknown'],
])('a Grype scan of a %s has no gate and is counted', async (type, target) => {
  const { images, leftOut } = await readText({ ...jsonOf('reports/grype-image.json'), source: { type, target } });
  expect([images, leftOut]).toEqual([[], { 'not for a container image': 2 }]);
});

test.each([
  ['nginx', 'docker.io', 'nginx', '', []],
  ['nginx:1.27', 'docker.io', 'nginx', '', ['1.27']],
  ['localhost/app:1', 'localhost', 'app', '', ['1']],
  ['localhost:5000/team/app', 'localhost:5000', 'team/app', '', []],
  [`reg.azurecr.io/team/app:1.4@${DIGEST}`, 'reg.azurecr.io', 'team/app', DIGEST, ['1.4']],
  ['images/alpine-310.tar.gz', 'docker.io', 'images/alpine-310.tar.gz', '', []],
])('parses the image name %s', (name, registry, repository, digest, tags) => {
  expect(imageNamed(name)).toEqual({ registry, repository, digest, tags });
});
