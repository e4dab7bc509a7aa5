// What is no report is refused in a sentence: what was found, where, and what to give in its place.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { UsageError } from '../../../cli/terminal/ending.ts';
import { jsonOf, read, readText } from './reading.ts';

const TRIVY = JSON.stringify(jsonOf('reports/trivy-alpine-310.json'));
const READS = '\nIt reads:\n  inspector  Amazon Inspector (aws inspector2 list-findings)\n';
const folder = mkdtempSync(join(tmpdir(), 'pullgate-reports-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('what is refused', () => {
  const utf16 = Buffer.from(`\uFEFF${TRIVY}`, 'utf16le');
  const rows: readonly (readonly [name: string, input: unknown, said: string])[] = [
    ['nothing', '', 'stdin is empty: give a report of findings'],
    ['only blanks', ' \n', 'stdin is not a report that pullgate knows: it is an object without any keys'],
    [
      'a table',
      'Total: 4 (UNKNOWN: 0, LOW: 0)',
      'stdin is not JSON (at byte 0). Give the report as the scanner wrote it, in UTF-8',
    ],
    ['JSON with a slip', '{"findings": [{"a": 1,}]}', 'stdin is not JSON (at byte 22)'],
    ['a text that ends too early', TRIVY.slice(0, -400), 'stdin ends in the middle: it was not written to its end'],
    ['no UTF-8', Buffer.from('{"gr\u00fc\u00dfe an alle": 1}', 'latin1'), 'stdin is not JSON'],
    [
      'UTF-16',
      utf16,
      "stdin is in UTF-16, as Windows PowerShell's > writes it: write it in UTF-8 (| Out-File -Encoding utf8)",
    ],
    [
      'an object of something else',
      { hello: 'world', list: [] },
      `stdin is not a report that pullgate knows: it is an object with "hello", "list".${READS}`,
    ],
    ['a list of something else', [{ hello: 1 }], `it is a list with "hello".${READS}`],
    ['SARIF', { runs: [] }, 'it looks like a SARIF report: give the JSON of the scanner itself'],
    [
      "ECR's own answer",
      { imageScanFindings: {} },
      'describe-image-scan-findings` prints: give what `aws inspector2 list-findings` prints.',
    ],
    ['Security Hub', { Findings: [] }, 'it looks like findings of AWS Security Hub'],
    ['a bill of materials', { bomFormat: 'CycloneDX' }, 'it looks like a bill of materials, which has no findings'],
    [
      'a finding without its ARN',
      { findings: [{ resources: [] }] },
      'stdin: finding 1.findingArn is missing: expected the ARN of a finding of Amazon Inspector',
    ],
    ['a finding that is none', { findings: [7] }, 'stdin: finding 1 is 7: expected a finding of Amazon Inspector'],
    ['a page of something else', '{"findings": []} {"matches": []}', 'goes on with a document without "findings"'],
    ['rows of a query with `project`', { data: [{ cve: 'CVE-1' }] }, 'let the query give whole rows (no `project`)'],
    [
      'a page of another query',
      '{"data": []} {"value": []}',
      'stdin goes on with a document without "data": give pages of one query',
    ],
    [
      'an error in the place of findings',
      { findings: 'AccessDenied' },
      'stdin: findings is "AccessDenied": expected a list',
    ],
    ['findings that are an object', { findings: {} }, 'stdin: findings is {}: expected a list. Give a complete report'],
    ['rows that are null', { data: null }, 'stdin: data is null: expected a list'],
    ['matches that are null', { matches: null }, 'stdin: matches is null: expected a list'],
    [
      'results of Trivy that are none',
      { SchemaVersion: 2, ArtifactName: 'x', Results: 'timeout' },
      'stdin: Results is "timeout": expected a list',
    ],
    [
      'a page that is none, after one that is',
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
      'Trivy, and then something else',
      `${TRIVY} {"a": 1}`,
      'begins as a report of Trivy and goes on with a document without "SchemaVersion"',
    ],
    [
      'Grype, and then something else',
      '{"matches": []} {"a": 1}',
      'begins as a report of Grype and goes on with a document without "matches"',
    ],
  ];
  test.each(rows)('%s', async (_name, input, said) => {
    const error: unknown = await readText(input).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(said);
  });

  test('the format that was asked for is believed, and its reader says what is wrong', async () => {
    await expect(readText(TRIVY, { format: 'grype' })).rejects.toThrow('goes on with a document without "matches"');
    expect((await readText(TRIVY, { format: 'trivy' })).findings).toHaveLength(4);
  });

  test('a file that is not there, and a folder', async () => {
    const missing = join(folder, 'missing.json');
    await expect(read(missing)).rejects.toThrow(`${missing} cannot be read (ENOENT: `);
    await expect(read(folder)).rejects.toThrow(`${folder} is a folder: give the reports in it as files`);
  });

  test('a key that would change an object is text like any other', async () => {
    const { findings } = await readText(TRIVY.replace('"SchemaVersion"', '"__proto__":{"polluted":1},"SchemaVersion"'));
    expect(findings).toHaveLength(4);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });
});
