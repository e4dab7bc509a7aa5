// Tests `pullgate simulate` as users run it: scanner reports as input; text, JSON or a page as output; and the exit
// code.
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type SimulateOptions, simulateCommand } from '../../../cli/simulate/simulate.ts';
import { UsageError } from '../../../cli/terminal/ending.ts';
import { graphOf } from '../../../local/graph.ts';
import { programConfig } from '../../e2e/aws/stage.ts';
import { FOLDER, fileOf, outputsOf, pullgate } from '../command.ts';
import { jsonOf, sample } from '../reports/reading.ts';

const TRIVY = ['alpine-310', 'centos-7', 'debian-buster'].map((name) => sample(`reports/trivy-${name}.json`));
const GRYPE = sample('reports/grype-image.json');
const MEDIUM = fileOf('// our policy\n{ "severityThreshold": "medium" }');

describe('simulate', () => {
  test('prints which gates would close, for which findings, and what is exempted until when, and exits with 1', async () => {
    const policy = fileOf(
      JSON.stringify({
        severityThreshold: 'medium',
        unfixable: 'never',
        graceDays: { medium: 3650 },
        exceptions: [{ id: 'DSA-4613-1', package: 'libidn2-0', expires: '2099-01-31', reason: 'not reachable' }],
      }),
    );
    const { code, stdout, stderr } = await pullgate(['simulate', ...TRIVY, GRYPE, '--policy', policy]);
    expect(stdout).toBe(`With the policy ${policy}, 1 of 4 gates would close and 3 would stay open.
4 images, 11 findings: 2 critical, 5 medium, 4 low.

  closes  docker.io/user-input
            CVE-1999-0002 (critical, CVSS 8.5, known exploit, EPSS 0.08) in package-2 2.2.2: unknown whether a fix exists.
  open    ghcr.io/aquasecurity/trivy-test-images:debian-buster
  open    ghcr.io/aquasecurity/trivy-test-images:alpine-310
  open    ghcr.io/aquasecurity/trivy-test-images:centos-7

Exempted findings, which would otherwise violate the policy:
  CVE-2019-1559 in openssl-libs 1:1.0.2k-16.el7  in its grace period until 2029-02-24 23:29 UTC  (ghcr.io/aquasecurity/trivy-test-images:centos-7)
  CVE-2019-1549 in libcrypto1.1 1.1.1c-r0  in its grace period until 2029-09-07 17:15 UTC  (ghcr.io/aquasecurity/trivy-test-images:alpine-310)
  CVE-2019-1549 in libssl1.1 1.1.1c-r0  in its grace period until 2029-09-07 17:15 UTC  (ghcr.io/aquasecurity/trivy-test-images:alpine-310)
  CVE-2019-1551 in libcrypto1.1 1.1.1c-r0  in its grace period until 2029-12-03 18:15 UTC  (ghcr.io/aquasecurity/trivy-test-images:alpine-310)
  CVE-2019-1551 in libssl1.1 1.1.1c-r0  in its grace period until 2029-12-03 18:15 UTC  (ghcr.io/aquasecurity/trivy-test-images:alpine-310)
  CVE-2019-18224 in libidn2-0 2.0.5-1  exempted by an exception until 2099-02-01 00:00 UTC: not reachable  (ghcr.io/aquasecurity/trivy-test-images:debian-buster)
`);
    expect([code, stderr]).toEqual([
      1,
      'pullgate: note: 1 finding has no disclosure date, so graceDays does not exempt it\n',
    ]);
  });

  test('closes on recommendations that contain only CVE ids, as the function does, and notes images without a place', async () => {
    const registry =
      '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/myacr';
    const [here, nowhere] = ['a', 'b'].map((letter) => `sha256:${letter.repeat(64)}`);
    const recommendation = (scope: string, id: string, severity: string, additional: object) => ({
      id: `${scope}/providers/Microsoft.Security/assessments/${id}`,
      properties: {
        status: { code: 'Unhealthy' },
        resourceDetails: { Source: 'Azure', ResourceType: '.containerimage', ...additional },
        additionalData: { SoftwareName: 'openssl', FixStatus: 'NoFix', CvesDetails: [{ CveId: `CVE-2026-000${id}` }] },
        metadata: { severity },
      },
    });
    const subscription = registry.slice(0, registry.indexOf('/resourceGroups'));
    const data = [
      recommendation(registry, '1', 'Critical', { Id: `${registry}/repositories/team/app/images/${here}` }),
      recommendation(subscription, '2', 'Low', { Id: `repositories-team-web-images-${nowhere}` }),
      recommendation(subscription, '3', 'Critical', {}),
    ];
    const policy = fileOf('{ "severityThreshold": "high" }');
    const asked = ['simulate', fileOf(JSON.stringify({ count: 3, data })), '--policy', policy];
    const { code, stdout, stderr } = await pullgate(asked);
    expect(stdout).toBe(`With the policy ${policy}, 1 of 2 gates would close and 1 would stay open.
2 images, 2 findings: 1 critical, 1 low.

  closes  team/app@${here}
            CVE-2026-0001 (critical, inherited from the report) in openssl: no fix yet.
`);
    const notes = [
      "1 image without a registry, or with a repository name in which dashes may be slashes: the function searches the stack's registries for the digests",
      '1 report entry left out: for a container image that is not named',
    ];
    expect([code, stderr]).toEqual([1, notes.map((note) => `pullgate: note: ${note}\n`).join('')]);
  });

  test('exits with 2 if no report names an image, and with 0 if there are no open findings', async () => {
    const policy = fileOf('{ "severityThreshold": "high" }');
    const simulate = (report: object) => pullgate(['simulate', fileOf(JSON.stringify(report)), '--policy', policy]);
    const trivy = {
      SchemaVersion: 2,
      ArtifactName: '/home/me/app',
      ArtifactType: 'filesystem',
      Metadata: {},
      Results: [],
    };
    expect(await simulate(trivy)).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'pullgate: nothing in the reports could be judged (1 entry not for a container image): give reports of images\n',
    });
    const closed = {
      findingArn: 'arn:aws:inspector2:eu-west-1:123456789012:finding/aa',
      status: 'CLOSED',
      resources: [],
    };
    expect((await simulate({ findings: [closed] })).code).toBe(0);
    expect((await simulate({ findings: [] })).code).toBe(0);
  });

  test('--json prints one document, --html writes one page, and no other file is left', async () => {
    const folder = mkdtempSync(join(FOLDER, 'page-'));
    const page = join(folder, 'page.html');
    const half = fileOf('{"findings":[],"nextToken":"abc"}');
    const policy = fileOf('{ "severityThreshold": "medium", "exploited": "critical", "epss": 0.5 }');
    const asked = ['simulate', ...TRIVY, half, '--policy', policy, '--json', '--html', page];
    const { code, stdout, stderr } = await pullgate(asked);
    const notes = [
      `${half} is incomplete: nextToken shows that more pages follow, and their findings are not evaluated. Give all pages in order`,
      "Trivy does not report known exploits, so the policy's `exploited` has no effect on its findings",
      "Trivy does not report EPSS scores, so the policy's `epss` has no effect on its findings",
    ];
    expect([code, stderr]).toEqual([1, notes.map((note) => `pullgate: note: ${note}\n`).join('')]);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({
      source: [...TRIVY, half].join(', '),
      policy: `the policy ${policy}`,
      notes,
      totals: {
        images: 3,
        gates: 3,
        withNothingToSay: 0,
        closes: 3,
        undetermined: 0,
        open: 0,
        findings: { critical: 1, high: 0, medium: 5, low: 3, informational: 0, unknown: 0 },
        leftOut: {},
      },
    });
    expect(answer.gates.map((gate: { name: string; reasons: unknown[] }) => [gate.name, gate.reasons.length])).toEqual([
      ['aquasecurity/trivy-test-images:debian-buster', 1],
      ['aquasecurity/trivy-test-images:alpine-310', 4],
      ['aquasecurity/trivy-test-images:centos-7', 1],
    ]);
    expect(answer.gates[0]).toMatchObject({
      registry: 'ghcr.io',
      repository: 'aquasecurity/trivy-test-images',
      tags: ['debian-buster'],
      outcome: 'closes',
      violating: { critical: 1 },
      reasons: [
        { rule: 'severityThreshold', severity: 'critical', images: 1, finding: { vulnerability: 'CVE-2019-18224' } },
      ],
      moreReasons: 0,
    });
    expect(readdirSync(folder)).toEqual(['page.html']);
    expect(readFileSync(page, 'utf8')).toContain('CVE-2019-18224');
    expect(readFileSync(page, 'utf8')).toContain('is incomplete: nextToken');
  });

  test("compared with the stack's policy, shows what would change, and exits with 0 if no open gate would close", async () => {
    const config = {
      severityThreshold: 'medium',
      maxClosesPerHour: 1,
      aws: { repositories: { exclude: ['sandbox/**'] } },
    };
    const outputs = outputsOf(await graphOf(programConfig(config)));
    const finding = { ...jsonOf('aws/ecr-enhanced-finding-api.json'), fixAvailable: 'NO' };
    const of = (repositoryName: string, severity: string, place: number) => {
      const awsEcrContainerImage = {
        registry: '123456789012',
        repositoryName,
        imageHash: `sha256:${String(place).repeat(64)}`,
        imageTags: ['v1'],
      };
      return {
        ...finding,
        severity,
        resources: [{ type: 'AWS_ECR_CONTAINER_IMAGE', details: { awsEcrContainerImage } }],
      };
    };
    const findings = [
      of('team/app', 'MEDIUM', 1),
      of('team/old', 'CRITICAL', 2),
      of('team/new', 'LOW', 3),
      of('sandbox/x', 'CRITICAL', 4),
    ];
    const report = fileOf(JSON.stringify({ findings }));
    const critical = fileOf('{ "severityThreshold": "critical" }');
    const milder = await pullgate([
      'simulate',
      report,
      '--policy',
      critical,
      '--against',
      'stack',
      '--outputs',
      outputs,
    ]);
    expect(milder.stdout).toMatch(
      /^With the policy \S+, compared with the policy of the stack dev: of 3 gates, 0 would close, 1 would open, 1 would stay closed and 1 would stay open[.]\n3 images, 12 findings: 4 critical, 4 medium, 4 low[.]\n\n {2}opens {9}team\/app {2}\(v1\)\n {18}no longer violates: CVE-2021-33910 \(medium/,
    );
    expect(milder.stdout).toContain('  stays closed  team/old  (v1)\n');
    expect([milder.code, milder.stderr]).toEqual([
      0,
      "pullgate: note: 1 report entry left out: in a repository that the stack's config excludes\n",
    ]);
    const stricter = await pullgate(['simulate', report, '--against', critical, '--outputs', outputs]);
    expect(stricter.stdout).toContain(
      'of 3 gates, 1 would close, 0 would open, 1 would stay closed and 1 would stay open.\n',
    );
    expect(stricter.code).toBe(1);
  });

  test('help names the formats, the forms of a policy and the exit codes', async () => {
    const { code, stdout } = await pullgate(['simulate', '--help']);
    expect(code).toBe(0);
    for (const part of [
      'aws inspector2 list-findings',
      'az graph query',
      'trivy image',
      'grype -o json',
      'pulumi config --json',
      'Exit codes: 0 no gate would close',
    ]) {
      expect(stdout).toContain(part);
    }
  });
});

describe('wrong usage', () => {
  test('is reported in a sentence, and the exit code is 2', async () => {
    expect(await pullgate(['simulate', '-', '--policy', MEDIUM])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'pullgate: stdin is empty: give a report of findings\n',
    });
  });

  const nowhere = join(FOLDER, 'none', 'page.html');
  const rows: readonly (readonly [string, readonly string[], SimulateOptions, string])[] = [
    [
      'neither files nor a stack',
      [],
      { policy: MEDIUM, outputs: fileOf('{}') },
      "the stack's outputs do not come from pullgate",
    ],
    [
      'both files and clouds',
      [GRYPE],
      { aws: true },
      '--aws and --azure select the clouds to observe, but with report files no cloud is observed',
    ],
    [
      'a page in a missing folder',
      [GRYPE],
      { policy: MEDIUM, html: nowhere },
      `${nowhere} cannot be written (ENOENT: `,
    ],
    ['no policy', [GRYPE], { outputs: fileOf('{}') }, "the stack's outputs do not come from pullgate"],
  ];
  test.each(rows)('%s', async (_name, files, options, said) => {
    const error: unknown = await simulateCommand(files, options).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(said);
  });
});
