// What `pullgate simulate` says of one repository in several registries, and of dates that cannot be right.
import { expect, test } from 'vitest';
import { fileOf, pullgate } from '../command.ts';
import { jsonOf } from '../reports/reading.ts';

const ECR = (account: string, region: string) => `${account}.dkr.ecr.${region}.amazonaws.com/team/app:1`;
const ACCOUNT = '111122223333';

/** A report of Trivy for one image with a critical finding. */
function trivy(image: string, changes: object = {}): string {
  const found = { VulnerabilityID: 'CVE-2026-0003', PkgName: 'zlib', InstalledVersion: '1.2', FixedVersion: '1.3' };
  return fileOf(
    JSON.stringify({
      SchemaVersion: 2,
      ArtifactName: image,
      ArtifactType: 'container_image',
      Results: [{ Target: 'x', Vulnerabilities: [{ ...found, Severity: 'CRITICAL', ...changes }] }],
    }),
  );
}

/** A report of Inspector for one image with a critical finding, in this region. */
function inspector(region: string): string {
  const finding = jsonOf('aws/ecr-enhanced-finding-api.json');
  const awsEcrContainerImage = { registry: ACCOUNT, repositoryName: 'team/app', imageHash: `sha256:${'a'.repeat(64)}` };
  const resources = [{ type: 'AWS_ECR_CONTAINER_IMAGE', details: { awsEcrContainerImage } }];
  const findingArn = `arn:aws:inspector2:${region}:${ACCOUNT}:finding/0123456789abcdef0123456789abcdef`;
  return fileOf(JSON.stringify({ findings: [{ ...finding, findingArn, severity: 'CRITICAL', resources }] }));
}

async function simulate(files: readonly string[], policy: object = {}) {
  const file = fileOf(JSON.stringify({ severityThreshold: 'high', ...policy }));
  const { code, stdout, stderr } = await pullgate(['simulate', ...files, '--policy', file]);
  return { code, stderr, rows: stdout.split('\n').filter((line) => /^ {2}(closes|open)/.test(line)) };
}

test.each<[string, readonly string[], readonly string[]]>([
  [
    'in two regions, of Trivy',
    [trivy(ECR(ACCOUNT, 'eu-west-1')), trivy(ECR(ACCOUNT, 'us-east-1'))],
    ['  closes  eu-west-1/team/app  (1)', '  closes  us-east-1/team/app  (1)'],
  ],
  [
    'in two accounts',
    [trivy(ECR(ACCOUNT, 'eu-west-1')), trivy(ECR('444455556666', 'eu-west-1'))],
    [`  closes  ${ACCOUNT}/team/app  (1)`, '  closes  444455556666/team/app  (1)'],
  ],
  [
    'in two accounts and regions',
    [trivy(ECR(ACCOUNT, 'eu-west-1')), trivy(ECR('444455556666', 'us-east-1'))],
    [`  closes  ${ACCOUNT}/eu-west-1/team/app  (1)`, '  closes  444455556666/us-east-1/team/app  (1)'],
  ],
  [
    'in two regions, of Inspector',
    [inspector('eu-west-1'), inspector('us-east-1')],
    [
      '  closes  eu-west-1/team/app  (untagged: in scope only if a tagged index contains it)',
      '  closes  us-east-1/team/app  (untagged: in scope only if a tagged index contains it)',
    ],
  ],
])('one repository %s is two gates', async (_name, files, rows) => {
  const answer = await simulate(files);
  expect([answer.code, answer.rows]).toEqual([1, rows]);
});

test('one repository in two reports is one gate', async () => {
  const { rows } = await simulate([inspector('eu-west-1'), trivy(ECR(ACCOUNT, 'eu-west-1'))]);
  expect(rows).toEqual(['  closes  team/app  (1; 2 images)']);
});

test.each([
  [
    'in the future gives no grace, and is named',
    { PublishedDate: '2999-01-01T00:00:00Z' },
    '1 finding has a disclosure date in the future, so graceDays does not exempt it',
  ],
  [
    'that cannot be read is shown as it was given',
    { PublishedDate: 'last week' },
    '1 finding has no disclosure date, so graceDays does not exempt it\npullgate: note: disclosure dates that cannot be read: "last week"',
  ],
])('a disclosure date %s', async (_name, changes, note) => {
  const answer = await simulate([trivy('reg.azurecr.io/app:1', changes)], { graceDays: { critical: 30 } });
  expect([answer.code, answer.stderr]).toEqual([1, `pullgate: note: ${note}\n`]);
});

test('of many dates that cannot be read, three are shown', async () => {
  const files = ['a', 'b', 'c', 'd', 'e'].map((date) => trivy(`reg.azurecr.io/${date}:1`, { PublishedDate: date }));
  const { stderr } = await simulate(files, { graceDays: { critical: 30 } });
  expect(stderr).toContain('disclosure dates that cannot be read: "a", "b", "c" and 2 more\n');
});

test('dates do not matter without days of grace', async () => {
  const { stderr } = await simulate([trivy('reg.azurecr.io/app:1', { PublishedDate: 'soon' })]);
  expect(stderr).toBe('');
});
