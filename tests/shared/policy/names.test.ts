// The names in a finding have one form on every scanner.
import { expect, it } from 'vitest';
import { findingsFrom } from '../../../aws/function/findings.ts';
import { grypeFinding } from '../../../cli/reports/grype.ts';
import { trivyFinding } from '../../../cli/reports/trivy.ts';
import { findingKey } from '../../../shared/policy/finding.ts';
import { otherNames, plainVersion } from '../../../shared/policy/names.ts';

it.each([
  ['0:1.2.11-40.el9', '1.2.11-40.el9'],
  ['00:1.2', '1.2'],
  ['1:1.2', '1:1.2'],
  ['10:1.2', '10:1.2'],
  ['1.0:2', '1.0:2'],
  ['0:1.2, 0:1.3', '1.2, 1.3'],
  ['1.2-0:3', '1.2-0:3'],
  ['0:', '0:'],
  ['', ''],
])('the version %j is %j', (version, expected) => {
  expect(plainVersion(version)).toBe(expected);
});

it.each<[readonly string[], readonly string[]]>([
  [[], []],
  [['CVE-2026-1', 'GHSA-a'], ['GHSA-a']],
  [['cve-2026-1'], []],
  [
    ['GHSA-a', '', 'ghsa-A', 'DSA-1'],
    ['GHSA-a', 'DSA-1'],
  ],
])('the other names of CVE-2026-1 in %j are %j', (names, expected) => {
  expect(otherNames('CVE-2026-1', names)).toEqual(expected);
});

it('a finding is the same with and without the epoch 0', () => {
  const finding = trivyFinding({ VulnerabilityID: 'CVE-2026-1', PkgName: 'zlib', InstalledVersion: '1.2' }, false);
  const stored = { ...finding, package: { ...finding.package, version: '0:1.2' } };
  expect(findingKey(stored)).toBe(findingKey(finding));
});

it('each scanner leaves out the epoch 0 and names that are repeated', () => {
  const packages = [{ name: 'zlib', version: '0:1.2', fixedInVersion: '0:1.3' }];
  const details = { vulnerabilityId: 'CVE-2026-1', relatedVulnerabilities: ['CVE-2026-1', 'GHSA-a', 'GHSA-a'] };
  const [inspector] = findingsFrom({
    findingArn: 'arn',
    packageVulnerabilityDetails: { ...details, source: 'NVD', vulnerablePackages: packages },
  } as unknown as Parameters<typeof findingsFrom>[0]);
  const trivy = trivyFinding(
    {
      VulnerabilityID: 'CVE-2026-1',
      VendorIDs: ['CVE-2026-1', 'GHSA-a', 'GHSA-a'],
      PkgName: 'zlib',
      InstalledVersion: '0:1.2',
      FixedVersion: '0:1.3',
    },
    false,
  );
  const grype = grypeFinding({
    vulnerability: { id: 'CVE-2026-1', fix: { versions: ['0:1.3'] } },
    relatedVulnerabilities: [{ id: 'CVE-2026-1' }, { id: 'GHSA-a' }, { id: 'GHSA-a' }],
    artifact: { name: 'zlib', version: '0:1.2' },
  });
  const expected = { aliases: ['GHSA-a'], package: { name: 'zlib', version: '1.2', fixedVersion: '1.3' } };
  expect([inspector, trivy, grype]).toMatchObject([expected, expected, expected]);
});
