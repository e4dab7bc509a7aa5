// The conversion of Inspector's findings to the core's types, field by field, and the ListFindings filter that is
// compiled from the policy.
import type { CvssScore, Finding as InspectorFinding, VulnerablePackage } from '@aws-sdk/client-inspector2';
import { describe, expect, it } from 'vitest';
import { findingsFrom, listFindingsFilter } from '../../../aws/function/findings.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { policy } from '../../shared/samples.ts';
import { apiFinding, sampleText } from './samples.ts';

type Details = NonNullable<InspectorFinding['packageVulnerabilityDetails']>;

/** The finding from the documentation with other details. By default, `vulnerablePackages` has one package. */
function detailed(details: Partial<Details>, changes: Partial<InspectorFinding> = {}): InspectorFinding {
  const sample = apiFinding();
  const before = sample.packageVulnerabilityDetails;
  if (before === undefined) throw new Error('the sample has no packageVulnerabilityDetails');
  const vulnerablePackages = [{ name: 'systemd', version: '239' }];
  return { ...sample, packageVulnerabilityDetails: { ...before, vulnerablePackages, ...details }, ...changes };
}

/** The only finding that results from it. */
function only(finding: InspectorFinding): Finding {
  const [first, ...others] = findingsFrom(finding);
  if (first === undefined || others.length > 0)
    throw new Error(`expected one finding, got ${first === undefined ? 0 : others.length + 1}`);
  return first;
}

describe('the finding from the documentation', () => {
  it('becomes one finding per package', () => {
    const shared = {
      vulnerability: 'CVE-2021-33910',
      aliases: [],
      severity: { kind: 'known', severity: 'medium' },
      score: 5.5,
      exploited: false,
      disclosedAt: '2021-07-20T19:15:00.000Z',
      state: 'active',
      link: 'https://nvd.nist.gov/vuln/detail/CVE-2021-33910',
      fix: 'unknown',
    };
    expect(findingsFrom(apiFinding())).toEqual(
      ['systemd-pam', 'systemd', 'systemd-libs', 'systemd-udev'].map((name) => ({
        ...shared,
        package: { name, version: '239-45.el8', fixedVersion: undefined },
      })),
    );
  });

  it('is also parsed from the new format, with its fix and its aliases', () => {
    const { detail } = JSON.parse(sampleText('inspector-finding-2026'));
    const { packageVulnerabilityDetails: details, severity, fixAvailable, exploitAvailable, status } = detail;
    const vendorCreatedAt = new Date('2024-09-03T00:00:00Z');
    const finding = apiFinding({
      severity,
      fixAvailable,
      exploitAvailable,
      status,
      packageVulnerabilityDetails: { ...details, vendorCreatedAt },
    });
    const shared = {
      vulnerability: 'CVE-2024-6119',
      aliases: ['USN-6986-1'],
      severity: { kind: 'known', severity: 'medium' },
      score: undefined,
      exploited: false,
      disclosedAt: '2024-09-03T00:00:00.000Z',
      state: 'active',
      link: 'https://people.canonical.com/~ubuntu-security/cve/2024/CVE-2024-6119.html',
      fix: 'available',
    };
    expect(findingsFrom(finding)).toEqual(
      ['libssl3t64', 'openssl'].map((name) => ({
        ...shared,
        package: { name, version: '3.0.13-0ubuntu3.2', fixedVersion: '3.0.13-0ubuntu3.4' },
      })),
    );
  });
});

describe('whether there is a fix', () => {
  const fixed: VulnerablePackage = { name: 'fixed', version: '1', fixedInVersion: '2' };
  const unfixed: VulnerablePackage = { name: 'unfixed', version: '1' };
  const notAvailable: VulnerablePackage = { name: 'unfixed', version: '1', fixedInVersion: 'NotAvailable' };
  const empty: VulnerablePackage = { name: 'unfixed', version: '1', fixedInVersion: '' };

  it.each<[string, InspectorFinding['fixAvailable'], VulnerablePackage[], readonly string[]]>([
    ['YES: every package has a fix', 'YES', [fixed, unfixed], ['available', 'available']],
    ['NO: no package has a fix', 'NO', [unfixed, notAvailable], ['none', 'none']],
    ['PARTIAL: a package with a fixed version has a fix', 'PARTIAL', [fixed, unfixed], ['available', 'none']],
    ['PARTIAL: a package with NotAvailable has no fix', 'PARTIAL', [notAvailable, fixed], ['none', 'available']],
    ['PARTIAL: a package with an empty fixed version has no fix', 'PARTIAL', [empty, fixed], ['none', 'available']],
    [
      'PARTIAL, and no package names a fixed version: unknown',
      'PARTIAL',
      [unfixed, notAvailable],
      ['unknown', 'unknown'],
    ],
    ['PARTIAL, and every package names a fixed version: unknown', 'PARTIAL', [fixed, fixed], ['unknown', 'unknown']],
    ['PARTIAL with one package: unknown', 'PARTIAL', [fixed], ['unknown']],
    ['PARTIAL without packages: unknown', 'PARTIAL', [], ['unknown']],
    ['absent: a package with a fixed version has a fix', undefined, [fixed, unfixed], ['available', 'unknown']],
    ['absent, and a package has NotAvailable: unknown', undefined, [notAvailable], ['unknown']],
    ['absent, without packages: unknown', undefined, [], ['unknown']],
    ['YES without packages: available', 'YES', [], ['available']],
    ['NO without packages: none', 'NO', [], ['none']],
  ])('%s', (_name, fixAvailable, vulnerablePackages, fixes) => {
    const finding = detailed({ vulnerablePackages }, { fixAvailable });
    expect(findingsFrom(finding).map(({ fix }) => fix)).toEqual(fixes);
  });

  it('does not read NotAvailable as a version', () => {
    const finding = detailed({ vulnerablePackages: [fixed, notAvailable, empty] });
    expect(findingsFrom(finding).map((one) => one.package.fixedVersion)).toEqual(['2', undefined, undefined]);
  });
});

describe('the installed version', () => {
  it.each<[string, Omit<VulnerablePackage, 'name'>, string]>([
    ['epoch, version and release', { epoch: 1, version: '2.4.6', release: '97.el7' }, '1:2.4.6-97.el7'],
    ['an epoch of 0 is omitted', { epoch: 0, version: '239', release: '45.el8' }, '239-45.el8'],
    ['no release', { epoch: 2, version: '8.0' }, '2:8.0'],
    ['an empty release', { version: '8.0', release: '' }, '8.0'],
    ['only a version', { version: '4.17.21' }, '4.17.21'],
  ])('%s', (_name, fields, version) => {
    expect(only(detailed({ vulnerablePackages: [{ name: 'some', ...fields }] })).package.version).toBe(version);
  });
});

describe('the score', () => {
  const cvss = (...scores: [string | undefined, number | undefined][]): CvssScore[] =>
    scores.map(([version, baseScore]) => ({ version, baseScore, scoringVector: 'x', source: 'NVD' }));

  it.each<[string, CvssScore[] | undefined, number | undefined]>([
    ['is the highest of several', cvss(['3.0', 6.5], ['3.1', 8.1], ['4.0', 7.2]), 8.1],
    ['is the CVSS v4 score', cvss(['4.0', 9.3]), 9.3],
    ['is never the CVSS v2 score, even if it is higher', cvss(['2.0', 10], ['3.1', 5.5]), 5.5],
    ['is absent if there is only a CVSS v2 score', cvss(['2.0', 10]), undefined],
    ['is absent if the CVSS version is missing', cvss([undefined, 9.8]), undefined],
    ['is absent if the base score is missing', cvss(['3.1', undefined]), undefined],
    ['can be 0', cvss(['3.1', 0]), 0],
    ['is absent if the list of scores is empty', [], undefined],
    ['is absent if the list of scores is missing', undefined, undefined],
  ])('%s', (_name, scores, score) => {
    expect(only(detailed({ cvss: scores })).score).toBe(score);
  });

  it("is never Inspector's own score, which depends on the environment", () => {
    expect(only(detailed({ cvss: [] }, { inspectorScore: 9.8 })).score).toBeUndefined();
  });
});

describe('the severity', () => {
  it.each([
    ['CRITICAL', { kind: 'known', severity: 'critical' }],
    ['HIGH', { kind: 'known', severity: 'high' }],
    ['MEDIUM', { kind: 'known', severity: 'medium' }],
    ['LOW', { kind: 'known', severity: 'low' }],
    ['INFORMATIONAL', { kind: 'known', severity: 'informational' }],
    ['UNTRIAGED', { kind: 'unknown', label: 'UNTRIAGED' }],
    ['APOCALYPTIC', { kind: 'unknown', label: 'APOCALYPTIC' }],
    ['', { kind: 'unknown', label: '' }],
    [undefined, { kind: 'unknown', label: 'none given' }],
  ])('%s', (word, severity) => {
    const finding: InspectorFinding = JSON.parse(JSON.stringify({ severity: word }));
    expect(only(detailed({}, { severity: finding.severity })).severity).toEqual(severity);
  });
});

describe('the other fields', () => {
  it.each<[InspectorFinding['exploitAvailable'], boolean]>([
    ['YES', true],
    ['NO', false],
    [undefined, false],
  ])('exploitAvailable %s: exploited is %s', (exploitAvailable, exploited) => {
    expect(only(detailed({}, { exploitAvailable })).exploited).toBe(exploited);
  });

  it.each<[InspectorFinding['epss'], number | undefined]>([
    [{ score: 0.92 }, 0.92],
    [{ score: 0 }, 0],
    [undefined, undefined],
  ])('epss %j: the score is %s', (epss, score) => {
    expect(only(detailed({}, { epss })).epss).toBe(score);
  });

  it.each<[InspectorFinding['status'], Finding['state']]>([
    ['ACTIVE', 'active'],
    ['SUPPRESSED', 'suppressed'],
    // pullgate does not request closed findings, and a finding that Inspector closed proves nothing.
    ['CLOSED', 'active'],
    [undefined, 'active'],
  ])('status %s: %s', (status, state) => {
    expect(only(detailed({}, { status })).state).toBe(state);
  });

  it('reads related vulnerabilities as aliases', () => {
    const relatedVulnerabilities = ['USN-6986-1', 'GHSA-xxxx-yyyy-zzzz'];
    expect(only(detailed({ relatedVulnerabilities })).aliases).toEqual(['USN-6986-1', 'GHSA-xxxx-yyyy-zzzz']);
    expect(only(detailed({ relatedVulnerabilities: undefined })).aliases).toEqual([]);
  });

  it('reads only the vendor’s date as the disclosure date', () => {
    expect(only(detailed({ vendorCreatedAt: undefined })).disclosedAt).toBeUndefined();
  });

  it('reports a package without name and version as an unnamed package', () => {
    const nameless: VulnerablePackage = JSON.parse('{}');
    expect(only(detailed({ vulnerablePackages: [nameless] })).package).toEqual({
      name: 'unnamed package',
      version: '',
      fixedVersion: undefined,
    });
  });
});

describe('a finding without a package becomes a finding of the image itself', () => {
  it('a code finding, named by its title', () => {
    const finding = apiFinding({
      packageVulnerabilityDetails: undefined,
      title: 'CWE-798 - Hardcoded credentials',
      severity: 'CRITICAL',
      type: 'CODE_VULNERABILITY',
      exploitAvailable: 'YES',
    });
    expect(findingsFrom(finding)).toEqual([
      {
        vulnerability: 'CWE-798 - Hardcoded credentials',
        aliases: [],
        severity: { kind: 'known', severity: 'critical' },
        score: undefined,
        exploited: true,
        disclosedAt: undefined,
        state: 'active',
        link: undefined,
        package: { name: 'the image', version: '' },
        fix: 'unknown',
      },
    ]);
  });

  it.each<[string, Partial<InspectorFinding>, string]>([
    [
      'named by its ARN if it has no title',
      { title: undefined },
      'arn:aws:inspector2:us-east-1:123456789012:finding/0407d7719da0fc8a8f44991f0bf524d6',
    ],
    ['named "unnamed finding" if it has neither', { title: undefined, findingArn: undefined }, 'unnamed finding'],
  ])('%s', (_name, changes, vulnerability) => {
    expect(only(apiFinding({ packageVulnerabilityDetails: undefined, ...changes })).vulnerability).toBe(vulnerability);
  });

  it('a package finding whose list of packages is empty or missing', () => {
    for (const vulnerablePackages of [[], undefined]) {
      const { vulnerability, package: found } = only(detailed({ vulnerablePackages }));
      expect([vulnerability, found]).toEqual(['CVE-2021-33910', { name: 'the image', version: '' }]);
    }
  });
});

describe('the ListFindings filter', () => {
  it('selects findings of ECR images that are not closed, except for severities that cannot matter', () => {
    expect(listFindingsFilter(policy())).toEqual({
      resourceType: [{ comparison: 'EQUALS', value: 'AWS_ECR_CONTAINER_IMAGE' }],
      findingStatus: [
        { comparison: 'EQUALS', value: 'ACTIVE' },
        { comparison: 'EQUALS', value: 'SUPPRESSED' },
      ],
      severity: [
        { comparison: 'NOT_EQUALS', value: 'INFORMATIONAL' },
        { comparison: 'NOT_EQUALS', value: 'LOW' },
        { comparison: 'NOT_EQUALS', value: 'MEDIUM' },
      ],
    });
  });

  it('omits the severity if every severity can matter', () => {
    expect(listFindingsFilter(policy({ severityThreshold: 'informational' }))).not.toHaveProperty('severity');
  });
});
