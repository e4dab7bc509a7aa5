// Tests that an invalid report is rejected in one sentence: what was found, where, and what to give instead.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { UsageError } from '../../../cli/terminal/ending.ts';
import { jsonOf, read, readText } from './reading.ts';

const TRIVY = JSON.stringify(jsonOf('reports/trivy-alpine-310.json'));
const SUPPORTED = '\nSupported formats:\n  inspector  Amazon Inspector (aws inspector2 list-findings)\n';
const BILL_OF_MATERIALS =
  'it looks like a bill of materials, from which pullgate reads no findings: give the report of a scan';
const CSV = 'stdin is CSV, such as an export of the Azure portal: give JSON, the output of `az graph query`';
const folder = mkdtempSync(join(tmpdir(), 'pullgate-reports-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('rejected reports', () => {
  const utf16 = Buffer.from(`\uFEFF${TRIVY}`, 'utf16le');
  const rows: readonly (readonly [name: string, input: unknown, said: string])[] = [
    ['empty input', '', 'stdin is empty: give a report of findings'],
    ['only whitespace', ' \n', 'stdin is not a supported report: it is an object without any keys'],
    [
      'a table',
      'Total: 4 (UNKNOWN: 0, LOW: 0)',
      'stdin is not JSON (at byte 0). Give the complete report as the scanner wrote it, in UTF-8',
    ],
    ['invalid JSON', '{"findings": [{"a": 1,}]}', 'stdin is not JSON (at byte 22)'],
    ['truncated JSON', TRIVY.slice(0, -400), 'stdin ends in the middle of a document'],
    ['text that is not UTF-8', Buffer.from('{"gr\u00fc\u00dfe an alle": 1}', 'latin1'), 'stdin is not JSON'],
    [
      'UTF-16',
      utf16,
      'stdin is encoded in UTF-16, which is what > writes in Windows PowerShell: write it in UTF-8 (| Out-File -Encoding utf8)',
    ],
    [
      'an unrelated object',
      { hello: 'world', list: [] },
      `stdin is not a supported report: it is an object with "hello", "list".${SUPPORTED}`,
    ],
    ['an unrelated list', [{ hello: 1 }], `it is a list with "hello".${SUPPORTED}`],
    ['SARIF', { runs: [] }, "it looks like a SARIF report: give the scanner's own JSON"],
    [
      'scan findings of ECR',
      { imageScanFindings: {} },
      'describe-image-scan-findings`: give the output of `aws inspector2 list-findings`.',
    ],
    ['Security Hub', { Findings: [] }, 'it looks like findings from AWS Security Hub'],
    ['a bill of materials', { bomFormat: 'CycloneDX' }, BILL_OF_MATERIALS],
    ['CycloneDX with vulnerabilities', { bomFormat: 'CycloneDX', vulnerabilities: [] }, BILL_OF_MATERIALS],
    ['SPDX', { spdxVersion: 'SPDX-2.3', packages: [] }, BILL_OF_MATERIALS],
    ['SPDX 3', { '@context': 'https://spdx.org/rdf/3.0.1/spdx-context.jsonld', '@graph': [] }, BILL_OF_MATERIALS],
    [
      'an event of EventBridge',
      { version: '0', id: 'aa', 'detail-type': 'Inspector2 Finding', source: 'aws.inspector2', detail: {} },
      'it looks like an event of EventBridge, which may leave out other findings: give the output of `aws inspector2',
    ],
    [
      'the detail of an event of Security Hub',
      {
        findings: [{ SchemaVersion: '2018-10-08', ProductArn: 'arn:aws:securityhub:eu-west-1::product/aws/inspector' }],
      },
      'it looks like findings from AWS Security Hub: give the output of `aws inspector2 list-findings`',
    ],
    [
      'a list of the same',
      [{ SchemaVersion: '2018-10-08', ProductArn: 'arn' }],
      'it looks like findings from AWS Security',
    ],
    [
      'Trivy before schema 2',
      [{ Target: 'app:1', Vulnerabilities: [] }],
      'a report of Trivy before version 0.20: scan',
    ],
    [
      'trivy k8s',
      { ClusterName: 'prod', Findings: [] },
      'it looks like a report of `trivy k8s`: scan the images one by one',
    ],
    [
      'trivy-operator',
      { apiVersion: 'aquasecurity.github.io/v1alpha1', kind: 'VulnerabilityReport', report: {} },
      'it looks like an object of Kubernetes, such as the VulnerabilityReport of trivy-operator: scan',
    ],
    [
      'Harbor',
      { 'application/vnd.security.vulnerability.report; version=1.1': { vulnerabilities: [] } },
      "it looks like a report of Harbor: give the scanner's own JSON",
    ],
    ['null', 'null', 'stdin is not a supported report: it is a value without any keys'],
    ['a text', '"hello"', 'it is a value without any keys'],
    ['the CSV of the portal', '\u{feff}"exportedTimestamp","state"\r\n"2026-11-01","Unhealthy"\r\n', CSV],
    ['CSV without quotes', 'exportedTimestamp,subscriptionId,state\n2026-11-01,0,Unhealthy\n', CSV],
    [
      'a finding without its ARN',
      { findings: [{ resources: [] }] },
      'stdin: finding 1.findingArn is missing: expected the ARN of a finding of Amazon Inspector',
    ],
    [
      'a finding that is not an object',
      { findings: [7] },
      'stdin: finding 1 is 7: expected a finding of Amazon Inspector',
    ],
    ['a page in another format', '{"findings": []} {"matches": []}', 'contains a document without "findings"'],
    ['rows of a query with `project`', { data: [{ cve: 'CVE-1' }] }, 'return whole rows from the query (no `project`)'],
    [
      'a page of another query',
      '{"data": []} {"value": []}',
      'stdin contains a document without "data": give only pages of one query',
    ],
    [
      'an error instead of findings',
      { findings: 'AccessDenied' },
      'stdin: findings is "AccessDenied": expected a list',
    ],
    ['findings that are an object', { findings: {} }, 'stdin: findings is {}: expected a list. Give a complete report'],
    ['rows that are null', { data: null }, 'stdin: data is null: expected a list'],
    ['matches that are null', { matches: null }, 'stdin: matches is null: expected a list'],
    [
      'results of Trivy that are not a list',
      { SchemaVersion: 2, ArtifactName: 'x', Results: 'timeout' },
      'stdin: Results is "timeout": expected a list',
    ],
    [
      'a valid page and then an invalid page',
      '{"findings": []} {"findings": null}',
      'stdin: findings is null: expected a list',
    ],
    [
      'a vulnerability without an id',
      { SchemaVersion: 2, ArtifactName: 'x', Results: [{ Vulnerabilities: [{ PkgName: 'y' }] }] },
      'stdin: Vulnerabilities[].VulnerabilityID is missing: expected the id of a vulnerability',
    ],
    [
      'a match without a package',
      { matches: [{ vulnerability: { id: 'CVE-1' } }] },
      'stdin: matches[].artifact is missing: expected a package',
    ],
    [
      'a report of Trivy and then an unrelated object',
      `${TRIVY} {"a": 1}`,
      'begins with a report of Trivy but contains a document without "SchemaVersion"',
    ],
    [
      'a report of Grype and then an unrelated object',
      '{"matches": []} {"a": 1}',
      'begins with a report of Grype but contains a document without "matches"',
    ],
  ];
  test.each(rows)('%s', async (_name, input, said) => {
    const error: unknown = await readText(input).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(said);
  });

  test('--format takes precedence over detection, and the reader of that format reports the error', async () => {
    await expect(readText(TRIVY, { format: 'grype' })).rejects.toThrow('contains a document without "matches"');
    expect((await readText(TRIVY, { format: 'trivy' })).findings).toHaveLength(4);
  });

  test('a missing file and a folder', async () => {
    const missing = join(folder, 'missing.json');
    await expect(read(missing)).rejects.toThrow(`${missing} cannot be read (ENOENT: `);
    await expect(read(folder)).rejects.toThrow(`${folder} is a folder: give the reports in it as files`);
  });

  test('a __proto__ key does not change any object', async () => {
    const { findings } = await readText(TRIVY.replace('"SchemaVersion"', '"__proto__":{"polluted":1},"SchemaVersion"'));
    expect(findings).toHaveLength(4);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });
});
