// The fields of one CVE in a row: how each is converted, and what is never guessed.
import { describe, expect, it } from 'vitest';
import { type Assessment, assessmentFrom, type Row } from '../../../azure/function/assessments.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { judgeBy } from '../../../shared/policy/verdict.ts';
import { findingsIn } from '../../../shared/reconcile/observation.ts';
import { NOW, policy } from '../../shared/samples.ts';
import { CVE, DETAILS, DIGEST, individualRow } from './samples.ts';

function read(row: Row): Assessment {
  const assessment = assessmentFrom(row);
  if (assessment === undefined) throw new Error('expected an assessment, was given none');
  return assessment;
}

/** The one finding of an assessment whose CVE or details have these changes. */
function only(cve: Readonly<Record<string, unknown>>, details: Readonly<Record<string, unknown>> = {}): Finding {
  const findings = findingsIn(
    read(individualRow({ Details: { ...DETAILS, CvesDetails: [{ ...CVE, ...cve }], ...details } })),
  );
  const [first, ...others] = findings;
  if (first === undefined || others.length > 0) throw new Error(`expected one finding, was given ${findings.length}`);
  return first;
}

describe('the severity', () => {
  it.each<[unknown, Finding['severity']]>([
    ['Critical', { kind: 'known', severity: 'critical' }],
    ['HIGH', { kind: 'known', severity: 'high' }],
    ['medium', { kind: 'known', severity: 'medium' }],
    ['Low', { kind: 'known', severity: 'low' }],
    ['Unknown', { kind: 'unknown', label: 'Unknown' }],
    ['Apocalyptic', { kind: 'unknown', label: 'Apocalyptic' }],
    ['', { kind: 'unknown', label: 'none given' }],
    [null, { kind: 'unknown', label: 'none given' }],
    [3, { kind: 'unknown', label: 'none given' }],
    [undefined, { kind: 'unknown', label: 'none given' }],
  ])('of a CVE, and of an assessment without one: %j', (Severity, severity) => {
    expect(only({ Severity }).severity).toEqual(severity);
    expect(findingsIn(read(individualRow({ Severity, Details: null })))[0]?.severity).toEqual(severity);
  });

  it.each<[string, unknown, string]>([
    ['"" and a score of 9.1: critical by derivation', [{ Key: '3', Value: { Base: 9.1 } }], 'block'],
    ['"" and a score of 5: below the threshold', [{ Key: '3', Value: { Base: 5 } }], 'allow'],
  ])('%s, whatever the severity of the recommendation', (_name, Cvss, verdict) => {
    for (const Severity of ['Low', 'Critical']) {
      const row = individualRow({ Severity, Details: { ...DETAILS, CvesDetails: [{ ...CVE, Severity: '', Cvss }] } });
      const assessment = read(row);
      const judge = judgeBy(policy({ severityThreshold: 'critical' }));
      expect(judge(assessment.image, findingsIn(assessment), NOW).kind).toBe(verdict);
    }
  });
});

it('versions have no epoch 0, and the other names of a CVE do not repeat it', () => {
  const Details = {
    ...DETAILS,
    DetectedSoftwareVersions: ['0:1.2', '1:1.2'],
    CvesDetails: [{ ...CVE, FixedVersion: '0:1.3', AdditionalIdentifiers: [CVE['CveId'], 'GHSA-a', 'ghsa-A'] }],
  };
  const [found] = findingsIn(read(individualRow({ Details })));
  expect(found).toMatchObject({ aliases: ['GHSA-a'], package: { version: '1.2, 1:1.2', fixedVersion: '1.3' } });
});

/** The verdict in one word, with the severity that decided. */
function verdictOf(row: Row): string {
  const assessment = read(row);
  const verdict = judgeBy(policy())(assessment.image, findingsIn(assessment), NOW);
  if (verdict.kind !== 'block') return verdict.kind;
  return verdict.reasons
    .map(({ severity, inherited }) => `block as ${severity}${inherited === true ? ', inherited' : ''}`)
    .join('; ');
}

describe('a CVE without a severity and a score inherits the severity of the recommendation', () => {
  const bare = { CveId: 'CVE-2026-0001' };
  const listed = (...cves: readonly object[]) => ({ ...DETAILS, CvesDetails: cves });
  const { CvesDetails: _none, ...unlisted } = DETAILS as Readonly<Record<string, unknown>>;
  it.each<[name: string, details: unknown, ofCritical: string, ofMedium: string]>([
    ['a list of ids only', listed(bare), 'block as critical, inherited', 'allow'],
    [
      'a list of ids only, as text',
      { ...DETAILS, CvesDetails: JSON.stringify([bare]) },
      'block as critical, inherited',
      'allow',
    ],
    [
      'all details as text, with the list as text inside',
      JSON.stringify({ ...DETAILS, CvesDetails: JSON.stringify([bare]) }),
      'block as critical, inherited',
      'allow',
    ],
    ['ids in camelCase', listed({ cveId: 'CVE-2026-0001' }), 'block as critical, inherited', 'allow'],
    [
      'several ids',
      listed(bare, { CveId: 'CVE-2026-0002' }),
      'block as critical, inherited; block as critical, inherited',
      'allow',
    ],
    ['an empty severity', listed({ ...bare, Severity: '' }), 'block as critical, inherited', 'allow'],
    ['Unknown', listed({ ...bare, Severity: 'Unknown', Cvss: [] }), 'block as critical, inherited', 'allow'],
    ['an unknown word', listed({ ...bare, Severity: 'Dire' }), 'block as critical, inherited', 'allow'],
    [
      'a score of CVSS v2 only',
      listed({ ...bare, Cvss: [{ Key: '2.0', Value: { Base: 9.1 } }] }),
      'block as critical, inherited',
      'allow',
    ],
    ['no list: the recommendation is the finding', unlisted, 'block as critical', 'allow'],
    ['an empty list: the recommendation is the finding', listed(), 'block as critical', 'allow'],
    ['no details', null, 'block as critical', 'allow'],
    [
      'a score as a number takes precedence',
      listed({ ...bare, Cvss: [{ Key: '3', Value: { Base: 7.5 } }] }),
      'block as high',
      'block as high',
    ],
    [
      'a score as text takes precedence',
      listed({ ...bare, Cvss: [{ Key: '3', Value: { Base: '7.5' } }] }),
      'block as high',
      'block as high',
    ],
    [
      'a list of scores as text takes precedence',
      listed({ ...bare, Cvss: JSON.stringify([{ Key: '3', Value: { Base: 7.5 } }]) }),
      'block as high',
      'block as high',
    ],
    [
      'a score of 0 without a severity is an empty field',
      listed({ ...bare, Severity: '', Cvss: [{ Key: '3', Value: { Base: 0 } }] }),
      'block as critical, inherited',
      'allow',
    ],
    ['a severity of the CVE takes precedence', listed({ ...bare, Severity: 'High' }), 'block as high', 'block as high'],
    ['a low severity of the CVE takes precedence', listed({ ...bare, Severity: 'Low' }), 'allow', 'allow'],
  ])('%s', (_name, Details, ofCritical, ofMedium) => {
    expect(verdictOf(individualRow({ Severity: 'Critical', Details }))).toBe(ofCritical);
    expect(verdictOf(individualRow({ Severity: 'Medium', Details }))).toBe(ofMedium);
  });

  it.each<[string, Row, string]>([
    ['its column', { Severity: 'Critical', Properties: null }, 'block as critical, inherited'],
    [
      'metadata, if the column is empty',
      { Severity: '', Properties: { metadata: { severity: 'Critical' } } },
      'block as critical, inherited',
    ],
    [
      'metadata, if the column says Unknown',
      { Severity: 'Unknown', Properties: { Metadata: { Severity: 'Critical' } } },
      'block as critical, inherited',
    ],
    [
      'metadata one level down',
      { Severity: null, Properties: { properties: { metadata: { severity: 'High' } } } },
      'block as high, inherited',
    ],
    [
      'properties as text',
      { Severity: '', Properties: '{"metadata":{"severity":"High"}}' },
      'block as high, inherited',
    ],
    [
      'status, as before June 2026',
      { Severity: '', Properties: { status: { severity: 'High' } } },
      'block as high, inherited',
    ],
    ['nowhere: undetermined', { Severity: '', Properties: null }, 'undetermined'],
    [
      'an unknown word everywhere: undetermined',
      { Severity: 'Unknown', Properties: { metadata: { severity: 'Dire' } } },
      'undetermined',
    ],
  ])('the severity of the recommendation is read from %s', (_name, { Properties, ...row }, verdict) => {
    const named = { ContainerRepo: 'team/app', ImageDigest: DIGEST, Properties };
    expect(verdictOf(individualRow({ ...row, ...named, Details: listed(bare) }))).toBe(verdict);
  });
});

describe('the score', () => {
  const list = (...scores: readonly [unknown, unknown][]) => scores.map(([Key, Base]) => ({ Key, Value: { Base } }));
  it.each<[string, unknown, number | undefined]>([
    ['is the highest of a list', list(['3.0', 6.5], ['3.1', 8.1], ['4.0', 7.2]), 8.1],
    ['is the highest of an object', { '3.0': { base: 6.1 }, '4.0': { base: 8.4 }, '2.0': null }, 8.4],
    ['is never that of CVSS v2 in a list, however high', list(['2.0', 10], ['3', 5.5]), 5.5],
    ['is never that of CVSS v2 in an object', { '2.0': { base: 10 }, '3.0': { base: 5.5 } }, 5.5],
    ['is undefined if a list has only CVSS v2', list(['2', 10], ['2.0', 10]), undefined],
    ['is undefined if an object has only CVSS v2', { '2.0': { base: 10 } }, undefined],
    ['is undefined without a version', list([undefined, 9.8], ['', 9.8]), undefined],
    ['may be text', list(['3.1', '9.8']), 9.8],
    ['is undefined without a number', list(['3.1', 'high'], ['3.1', ''], ['3.1', null]), undefined],
    ['may be in a list as text', JSON.stringify(list(['3.1', 8.1])), 8.1],
    ['may be 0', list(['3.1', 0]), 0],
    ['is undefined for an empty list', [], undefined],
    ['is undefined for another kind of value', 'CVSS:3.1/AV:N', undefined],
    ['is undefined if the field is missing', undefined, undefined],
    ['is found among invalid entries', [null, 7, { Key: '3' }, ...list(['3', 4.2])], 4.2],
  ])('%s', (_name, Cvss, score) => {
    expect(only({ Cvss }).score).toBe(score);
  });
});

describe('whether there is a fix', () => {
  it.each<[unknown, string | undefined, Finding['fix']]>([
    ['FixAvailable', '1.2', 'available'],
    ['fixAvailable', undefined, 'available'],
    ['NoFix', undefined, 'none'],
    ['NoFixAvailable', undefined, 'none'],
    ['WillNotFix', '1.2', 'none'],
    ['Scheduled', undefined, 'none'],
    ['Unknown', undefined, 'unknown'],
    ['Unknown', '1.2', 'available'],
    ['AskAgainLater', undefined, 'unknown'],
    ['AskAgainLater', '1.2', 'available'],
    ['', undefined, 'unknown'],
    [undefined, undefined, 'unknown'],
    [undefined, '1.2', 'available'],
  ])('%j with the fixed version %j: %s', (FixStatus, FixedVersion, fix) => {
    expect(only({ FixStatus, FixedVersion }, { FixStatus: undefined, FixedVersion: undefined }).fix).toBe(fix);
    expect(only({ FixStatus: undefined, FixedVersion: undefined }, { FixStatus, FixedVersion }).fix).toBe(fix);
  });

  it('is read from the CVE before the package', () => {
    expect(only({ FixStatus: 'NoFix' }).fix).toBe('none');
  });
});

describe('the date of disclosure', () => {
  it.each<[unknown, string | undefined]>([
    ['2026-10-01T00:00:00Z', '2026-10-01T00:00:00.000Z'],
    ['2020-08-04T00:00:00', '2020-08-04T00:00:00.000Z'],
    ['2020-08-04T10:30:00.1234567', '2020-08-04T10:30:00.123Z'],
    ['2020-08-04T10:30:00+02:00', '2020-08-04T08:30:00.000Z'],
    ['2020-08-04T10:30:00-0330', '2020-08-04T14:00:00.000Z'],
    ['2020-08-04', '2020-08-04T00:00:00.000Z'],
    ['0001-01-01T00:00:00', '0001-01-01T00:00:00.000Z'],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
    [1_600_000_000, undefined],
  ])('%j: %s', (PublishedDate, disclosedAt) => {
    expect(only({ PublishedDate }).disclosedAt).toBe(disclosedAt);
  });
});

describe('the rest of a CVE', () => {
  it.each<[string, unknown, boolean]>([
    ['in an exploit kit', { IsInExploitKit: true }, true],
    ['that is published', { IsPubliclyDisclosed: true, IsInExploitKit: false }, true],
    ['with published steps', { exploitStepsPublished: true }, true],
    ['that is verified', { IsVerified: true }, true],
    ['with verified steps', { ExploitStepsVerified: true }, true],
    ['with every fact false', { IsInExploitKit: false, IsPubliclyDisclosed: false, IsVerified: false }, false],
    ['without details', null, false],
    ['given as the text of true', { IsVerified: 'True' }, true],
    ['given as another word', { IsVerified: 'no' }, false],
    ['given as an object', { IsVerified: { toString: 1 } }, false],
  ])('an exploit %s', (_name, ExploitabilityDetails, exploited) => {
    expect(only({ ExploitabilityDetails }).exploited).toBe(exploited);
  });

  it.each<[unknown, string | undefined]>([
    [[{ Url: 'https://nvd.nist.gov/x' }, { Url: 'https://example.org' }], 'https://nvd.nist.gov/x'],
    [[{ link: 'https://nvd.nist.gov/x' }], 'https://nvd.nist.gov/x'],
    [[{ Url: 'http://nvd.nist.gov/x' }], undefined],
    [[{ Url: 'javascript:alert(1)' }], undefined],
    [[], undefined],
    [null, undefined],
  ])('its link in %j: %s', (References, link) => {
    expect(only({ References }).link).toBe(link);
  });

  it('its aliases, and the versions that were found', () => {
    const DetectedSoftwareVersions = ['3.0.2', '3.0.5'];
    const found = only({ AdditionalIdentifiers: ['GHSA-xxxx-yyyy-zzzz', 5] }, { DetectedSoftwareVersions });
    expect(found.aliases).toEqual(['GHSA-xxxx-yyyy-zzzz']);
    expect(found.package.version).toBe('3.0.2, 3.0.5');
  });

  it('the fixed version of the CVE before that of the package', () => {
    expect(only({ FixedVersion: '9' }).package.fixedVersion).toBe('9');
    expect(only({ FixedVersion: null }).package.fixedVersion).toBe('3.0.2-0ubuntu1.2');
  });
});
