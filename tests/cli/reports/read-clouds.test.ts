// Tests reading findings of Amazon Inspector and Defender for Cloud in each form that their tools print, with the
// functions' parsers.
import { describe, expect, test } from 'vitest';
import { type Assessment, assessmentId } from '../../../local/azure/assessment.ts';
import { armObject, rowOfAssessment } from '../../../local/azure/assessment-wire.ts';
import { fileOf } from '../command.ts';
import { jsonOf, NOW, policy, read, readText, sample } from './reading.ts';

const API = jsonOf('aws/ecr-enhanced-finding-api.json');
const ECR_DIGEST = `sha256:${'b'.repeat(64)}`;

/** The finding from the documentation, changed to an image with tags and to these fields. */
function inspector(fields: object = {}, image: object = {}) {
  const awsEcrContainerImage = {
    registry: '123456789012',
    repositoryName: 'team/app',
    imageHash: ECR_DIGEST,
    imageTags: ['v1'],
    ...image,
  };
  return { ...API, resources: [{ type: 'AWS_ECR_CONTAINER_IMAGE', details: { awsEcrContainerImage } }], ...fields };
}

describe('Amazon Inspector', () => {
  const finding = inspector();
  const pages = JSON.stringify({ findings: [finding], nextToken: 'more' }, null, 4);
  test.each([
    ['one document', { findings: [finding, inspector({}, { imageHash: `sha256:${'c'.repeat(64)}` })] }],
    ['several pages', `${pages}\n${pages.replaceAll(ECR_DIGEST, `sha256:${'c'.repeat(64)}`)}`],
    ['a list', [finding, inspector({}, { imageHash: `sha256:${'c'.repeat(64)}` })]],
    [
      'one finding per line',
      `${JSON.stringify(finding)}\n${JSON.stringify(finding).replaceAll(ECR_DIGEST, `sha256:${'c'.repeat(64)}`)}\n`,
    ],
  ])('%s', async (_name, input) => {
    const { format, images } = await readText(input, { piece: 1_000 });
    expect(format).toBe('inspector');
    expect(images.map(({ digest, findings, ...image }) => [digest.slice(0, 10), findings.size, image])).toEqual([
      [
        'sha256:bbb',
        4,
        { registry: '123456789012', region: 'us-east-1', repository: 'team/app', tags: ['v1'], mayNotCount: false },
      ],
      [
        'sha256:ccc',
        4,
        { registry: '123456789012', region: 'us-east-1', repository: 'team/app', tags: ['v1'], mayNotCount: false },
      ],
    ]);
    // Both images have the same findings, which are stored once.
    expect(new Set(images.flatMap(({ findings }) => [...findings])).size).toBe(4);
  });

  test('reads everything that a policy needs for each package of a finding', async () => {
    const { findings } = await readText({ findings: [finding] });
    expect(findings[0]).toEqual({
      vulnerability: 'CVE-2021-33910',
      aliases: [],
      package: { name: 'systemd-pam', version: '239-45.el8', fixedVersion: undefined },
      severity: { kind: 'known', severity: 'medium' },
      score: 5.5,
      fix: 'unknown',
      exploited: false,
      disclosedAt: '2021-07-20T19:15:00.000Z',
      state: 'active',
      link: 'https://nvd.nist.gov/vuln/detail/CVE-2021-33910',
    });
  });

  test('reads the time format of version 1 of the CLI, and nulls that a query printed', async () => {
    const details = {
      ...API.packageVulnerabilityDetails,
      vendorCreatedAt: 1626808509,
      relatedVulnerabilities: null,
      sourceUrl: null,
    };
    const { findings } = await readText([inspector({ packageVulnerabilityDetails: details, exploitAvailable: null })]);
    expect(findings[0]).toMatchObject({ disclosedAt: '2021-07-20T19:15:09.000Z', aliases: [], exploited: false });
    expect(findings[0]?.link).toBeUndefined();
  });

  test('leaves out and counts findings that are closed, not for an ECR image, or in an excluded repository', async () => {
    const ofAcr = jsonOf('aws/inspector-finding-of-an-acr-image.json').detail.resources;
    const report = [
      inspector({ status: 'CLOSED' }),
      inspector({ resources: ofAcr }),
      inspector({}, { repositoryName: 'sandbox/x' }),
      finding,
    ];
    const { findings, leftOut } = await readText(report, {
      includes: { aws: (repository) => repository !== 'sandbox/x', azure: () => true },
    });
    expect(findings).toHaveLength(4);
    expect(leftOut).toEqual({
      closed: 1,
      'not for an ECR image': 1,
      "in a repository that the stack's config excludes": 1,
    });
  });

  test('keeps suppressed findings as suppressed', async () => {
    const { findings } = await readText([inspector({ status: 'SUPPRESSED' })]);
    expect(findings.map(({ state }) => state)).toEqual(Array(4).fill('suppressed'));
  });

  test('marks an untagged image as possibly out of scope', async () => {
    const { images } = await readText([inspector({}, { imageTags: undefined })]);
    expect(images).toMatchObject([{ tags: [], mayNotCount: true }]);
  });

  test('keeps a finding that can matter to one of two policies, and only counts one that matters to none', async () => {
    const [high, medium] = [
      policy({ severityThreshold: 'high' }),
      policy({ severityThreshold: 'high', unfixable: 'medium' }),
    ];
    const alone = await readText([finding], { policies: [high] });
    expect([alone.findings, alone.reported.medium, alone.undated]).toEqual([[], 4, 0]);
    const both = await readText(
      [inspector({ packageVulnerabilityDetails: { ...API.packageVulnerabilityDetails, vendorCreatedAt: undefined } })],
      { policies: [high, medium] },
    );
    expect([both.findings.length, both.undated]).toEqual([4, 4]);
  });
});

const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/acmeimages';

/** An assessment of the local cloud, which the tests of the functions use too. */
function assessment(fields: Partial<Assessment> = {}): Assessment {
  const of = {
    registry: REGISTRY,
    repository: 'team/app',
    digest: `sha256:${'d'.repeat(64)}`,
    shape: 'individual' as const,
    naming: 'path' as const,
    ...fields,
  };
  return {
    id: assessmentId(of, 'openssl'),
    loginServer: 'acmeimages.azurecr.io',
    tags: ['v1'],
    package: { name: 'openssl', version: '3.0.13', fixedVersion: '3.0.14' },
    cves: [{ id: 'CVE-2026-1001', severity: 'Critical', score: 9.8, publishedAt: new Date('2026-01-01') }],
    severity: 'Critical',
    status: 'Unhealthy',
    casing: 'pascal',
    cvesAs: 'array',
    details: 'rich',
    additionalAs: 'object',
    firstSeenAt: new Date('2026-02-01'),
    ...of,
  };
}

/** Formats a row as the CLI prints it: times and dynamic columns as text. */
function printed(row: ReturnType<typeof rowOfAssessment>) {
  const cells = Object.entries(row).map(([key, cell]) => [
    key,
    key === 'TimeGenerated'
      ? new Date(Number(cell)).toISOString()
      : typeof cell === 'object'
        ? JSON.stringify(cell)
        : cell,
  ]);
  return { ...Object.fromEntries(cells), TableName: 'PrimaryResult' };
}

describe('Defender for Cloud', () => {
  const individual = assessment();

  test("leaves out and counts assessments of a repository that the stack's config excludes", async () => {
    const rows = [individual, assessment({ repository: 'sandbox/x' })].map(armObject);
    const includes = { aws: () => true, azure: (repository: string) => repository !== 'sandbox/x' };
    const { images, leftOut } = await readText(rows, { includes });
    expect(images.map(({ repository }) => repository)).toEqual(['team/app']);
    expect(leftOut).toEqual({ "in a repository that the stack's config excludes": 1 });
  });
  const grouped = assessment({ shape: 'grouped', casing: 'camel' });
  const at = Date.parse(NOW);
  const page = (...data: readonly unknown[]) =>
    JSON.stringify({ count: data.length, data, skip_token: null, total_records: 2 });
  test.each([
    ['individual assessments of Resource Graph', page(armObject(individual))],
    ['sub-assessments of Resource Graph', page(armObject(grouped))],
    ['several pages', `${page()}\n${page(armObject(individual))}`],
    ['a list of resources', [armObject(grouped)]],
    ['the list of the REST API', { value: [armObject(grouped)] }],
    ['a row of SecurityRecommendation', [printed(rowOfAssessment(individual, at, false))]],
    ['a row of SecurityNestedRecommendation', [printed(rowOfAssessment(grouped, at, false))]],
    ['one row per line', JSON.stringify(rowOfAssessmentAsExported(individual, at))],
    ['CVEs as text', [armObject(assessment({ cvesAs: 'text' }))]],
  ])('%s', async (_name, input) => {
    const { format, images, findings } = await readText(input);
    expect(format).toBe('defender');
    expect(images).toMatchObject([{ registry: REGISTRY, repository: 'team/app', digest: `sha256:${'d'.repeat(64)}` }]);
    expect(findings).toMatchObject([
      {
        vulnerability: 'CVE-2026-1001',
        package: { name: 'openssl', version: '3.0.13', fixedVersion: '3.0.14' },
        severity: { kind: 'known', severity: 'critical' },
        score: 9.8,
        fix: 'available',
        disclosedAt: '2026-01-01T00:00:00.000Z',
        state: 'active',
      },
    ]);
  });

  test.each<[string, unknown]>([
    ['of Resource Graph', page(armObject(assessment({ details: 'bare' })))],
    [
      'of Resource Graph, dashed, in text',
      page(armObject(assessment({ details: 'bare', naming: 'dashed', additionalAs: 'text', cvesAs: 'text' }))),
    ],
    ['of the workspace', [printed(rowOfAssessment(assessment({ details: 'bare' }), at, false))]],
  ])('a CVE with only an id inherits the severity of its recommendation, %s', async (_name, input) => {
    const { images, findings, reported } = await readText(input);
    expect(images).toMatchObject([{ registry: REGISTRY, repository: 'team/app' }]);
    expect(findings).toMatchObject([
      { severity: { kind: 'unknown', label: 'none given' }, score: undefined, reportSeverity: 'critical' },
    ]);
    expect(reported).toMatchObject({ critical: 1, unknown: 0 });
  });

  test.each<[string, Partial<Assessment>, readonly object[], Record<string, number>]>([
    [
      'only by a dashed id',
      { naming: 'dashed', additionalAs: 'missing' },
      [{ registry: REGISTRY, repository: 'team-app', isUnplaced: true }],
      {},
    ],
    ['without its registry', { naming: 'nameless' }, [{ registry: '', repository: 'team/app', isUnplaced: true }], {}],
    [
      'by nothing',
      { naming: 'nothing', additionalAs: 'missing' },
      [],
      { 'for a container image that is not named': 1 },
    ],
  ])(
    'a row for an image that is named %s differs from a row for another resource',
    async (_name, fields, images, leftOut) => {
      const read = await readText(page(armObject(assessment({ details: 'bare', ...fields }))));
      expect(read.images).toMatchObject(images);
      expect(read.leftOut).toEqual(leftOut);
    },
  );

  test.each<[string, Partial<Assessment>, number]>([
    ['is healthy, and may describe another registry', { status: 'Healthy' }, 1],
    [
      'has another package, so that the image has both',
      { package: { name: 'zlib' }, id: `${REGISTRY}/assessments/zlib` },
      2,
    ],
  ])('a row without the place of its image, next to one with the place, %s', async (_name, fields, count) => {
    const later = at + 60_000;
    const unplaced = assessment({ details: 'bare', naming: 'dashed', additionalAs: 'missing', ...fields });
    const rows = [rowOfAssessment(individual, at, false), rowOfAssessment(unplaced, later, false)].map(printed);
    const { images, findings } = await readText(rows);
    expect(images).toMatchObject([{ registry: REGISTRY, repository: 'team/app', isUnplaced: false }]);
    expect(findings).toHaveLength(count);
  });

  test('the sub-assessment from the documentation is suppressed, and its registry is known by its host', async () => {
    const { images, findings } = await read(sample('azure/subassessment-list-2024.json'));
    expect(images).toMatchObject([
      { registry: 'ptebic.azurecr.io', repository: 'public/azureml/aifx/stable-ubuntu2004-cu116-py39-torch1121' },
    ]);
    expect(findings).toMatchObject([{ vulnerability: 'CVE-2021-39537', state: 'suppressed', score: 7.8 }]);
  });

  test.each([
    ['the newer row is healthy', 'Healthy' as const, 1, 0],
    ['the older row is healthy', 'Healthy' as const, -1, 1],
  ])('only the newest row of an assessment is used: %s', async (_name, status, minutes, count) => {
    const rows = [individual, assessment({ status })].map((one, place) =>
      printed(rowOfAssessment(one, at + place * minutes * 60_000, false)),
    );
    expect((await readText(rows)).findings).toHaveLength(count);
  });

  test('leaves out and counts rows that are healthy or not for an image, and keeps a healthy image', async () => {
    const server = {
      id: '/subscriptions/x/providers/Microsoft.Security/assessments/1',
      properties: { status: { code: 'Unhealthy' } },
    };
    const { images, findings, leftOut } = await readText([armObject(assessment({ status: 'Healthy' })), server]);
    expect([images.length, findings]).toEqual([1, []]);
    expect(leftOut).toEqual({ 'healthy or not applicable': 1, 'not for an image in a registry': 1 });
  });

  test('truncated details add a finding of unknown severity, because they may be worse', async () => {
    const row = printed(rowOfAssessment(assessment({ severity: 'Low' }), at, false));
    const RecommendationAdditionalData = String(row.RecommendationAdditionalData).slice(0, 300);
    const { findings } = await readText([{ ...row, RecommendationAdditionalData }]);
    expect(findings.map(({ severity }) => severity)).toEqual([
      { kind: 'known', severity: 'low' },
      { kind: 'unknown', label: 'unreadable' },
    ]);
  });

  test.each([
    ['one file', false],
    ['several files', true],
  ])('the newest row is used, anywhere in %s and in any spelling of the ids', async (_name, isSplit) => {
    const rows = [
      printed(rowOfAssessment(individual, at, false)),
      printed(rowOfAssessment(assessment({ status: 'Healthy' }), at + 60_000, false)),
    ].map((row, place) =>
      JSON.parse(
        JSON.stringify(row).replaceAll('resourceGroups/images', `resourceGroups/${['images', 'IMAGES'][place]}`),
      ),
    );
    expect(JSON.stringify(rows[1])).toContain('resourceGroups/IMAGES');
    const files = (isSplit ? rows.map((row) => [row]) : [rows]).map((one) => fileOf(JSON.stringify(one)));
    for (const given of [files, files.toReversed()]) {
      const { images, findings } = await read(given);
      expect([images.length, findings.length]).toEqual([1, 0]);
    }
  });

  test('two images in one registry have the same registry in any spelling of its id', async () => {
    const other = JSON.stringify(armObject(assessment({ digest: `sha256:${'e'.repeat(64)}` })));
    const text = `[${JSON.stringify(armObject(individual))}, ${other.replaceAll('resourceGroups/images', 'RESOURCEGROUPS/Images')}]`;
    const { images } = await readText(text);
    expect(images.map(({ registry }) => registry)).toEqual([REGISTRY, REGISTRY]);
  });

  test('two images with the same base share their findings', async () => {
    const other = assessment({ digest: `sha256:${'e'.repeat(64)}` });
    const { images } = await readText([armObject(individual), armObject(other)]);
    expect(images).toHaveLength(2);
    expect(new Set(images.flatMap(({ findings }) => [...findings])).size).toBe(1);
  });
});

describe('an incomplete report has a note', () => {
  const noteOf = (name: string, key: string) =>
    `${name} is incomplete: ${key} shows that more pages follow, and their findings are not evaluated. Give all pages in order`;
  test.each([
    ['Resource Graph', { count: 1000, data: [], skip_token: 'abc', total_records: 2000 }, 'skip_token'],
    ['the REST API of Resource Graph', { data: [], $skipToken: 'abc' }, '$skipToken'],
    ['an SDK of Resource Graph', { data: [], skipToken: 'abc' }, 'skipToken'],
    ['PowerShell', { Data: [], SkipToken: 'abc' }, 'SkipToken'],
    ['OData', { value: [], '@odata.nextLink': 'abc' }, '@odata.nextLink'],
    ['the REST API', { value: [], nextLink: 'https://management.azure.com/x' }, 'nextLink'],
    ['Inspector', { findings: [], nextToken: 'abc' }, 'nextToken'],
    ['the AWS CLI with --max-items', { findings: [], NextToken: 'abc' }, 'NextToken'],
  ])('%s', async (_name, report, key) => {
    const text = JSON.stringify(report);
    const notes = [noteOf('stdin', key)];
    expect((await readText(text)).notes).toEqual(notes);
    const last = text.replace('"abc"', 'null').replace('"https://management.azure.com/x"', '""');
    expect((await readText(`${text}\n${last}`)).notes).toEqual([]);
    expect((await readText(`${last}\n${text}`)).notes).toEqual(notes);
    // Each page may be a separate file. A report in another format is not the last page.
    const [page, end, other] = [text, last, '{"matches": []}'].map((one) => fileOf(one));
    if (page === undefined || end === undefined || other === undefined) throw new Error('three files');
    expect((await read([page, end])).notes).toEqual([]);
    expect((await read([page, other])).notes).toEqual([noteOf(page, key)]);
  });
});

describe('a page of Resource Graph', () => {
  const page = (fields: object) =>
    JSON.stringify({ totalRecords: 3, count: 2, resultTruncated: 'false', data: [], ...fields });
  test.each([
    ['that says that it is truncated', page({ totalRecords: 2, resultTruncated: 'true' }), 'resultTruncated'],
    ['that says so as a truth value', page({ totalRecords: 2, resultTruncated: true }), 'resultTruncated'],
    ['with fewer rows than the query has', page({}), 'totalRecords'],
  ])('%s has a note', async (_name, text, key) => {
    expect((await readText(text)).notes).toEqual([expect.stringContaining(`is incomplete: ${key} shows`)]);
  });

  test('has a note, whatever other queries are given with it', async () => {
    const other = page({ totalRecords: 5, count: 5 });
    const withoutCount = JSON.stringify({ data: [], totalRecords: 7 });
    for (const text of [
      page({}) + other,
      other + page({}),
      page({}) + page({}) + page({ count: 2 }),
      withoutCount + page({}),
    ])
      expect((await readText(text)).notes).toEqual([expect.stringContaining('is incomplete: totalRecords shows')]);
  });

  test('is the last one if the pages together have all rows', async () => {
    expect((await readText(page({}) + page({ count: 1 }))).notes).toEqual([]);
    expect((await readText(page({ totalRecords: 2 }))).notes).toEqual([]);
    expect((await readText({ data: [], totalRecords: 2 })).notes).toEqual([]);
  });
});

function rowOfAssessmentAsExported(of: Assessment, at: number) {
  return { ...rowOfAssessment(of, at, true), TimeGenerated: new Date(at).toISOString() };
}
