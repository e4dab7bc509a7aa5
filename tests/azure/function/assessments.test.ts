// Rows of the query, converted to assessments: their image, findings and state.
import { describe, expect, it } from 'vitest';
import { type Assessment, assessmentFrom, type Row } from '../../../azure/function/assessments.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { findingsIn } from '../../../shared/reconcile/observation.ts';
import {
  ASSESSMENT,
  AT,
  CVE,
  DETAILS,
  DIGEST,
  GRAPH_CVE,
  GROUPED_ASSESSMENT,
  GROUPED_DETAILS,
  GROUPED_DIGEST,
  GROUPED_REPOSITORY,
  groupedRow,
  individualRow,
  REGISTRY,
} from './samples.ts';

function read(row: Row): Assessment {
  const assessment = assessmentFrom(row);
  if (assessment === undefined) throw new Error('expected an assessment, was given none');
  return assessment;
}

/** The status of each report that is no longer active. */
function settledIn({ reports }: Assessment): ReadonlyMap<string | undefined, string> {
  return new Map(reports.filter(({ status }) => status !== 'active').map(({ id, status }) => [id, status]));
}

/** Every key in the other casing. */
function recased(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => recased(one, rename));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [rename(key), recased(one, rename)]));
}
const camel = (key: string) => key.charAt(0).toLowerCase() + key.slice(1);
const pascal = (key: string) => key.charAt(0).toUpperCase() + key.slice(1);

/** When the rows were created. */
const REPORTED_AT = new Date(AT).toISOString();
const OPENSSL: Finding = {
  vulnerability: 'CVE-2026-0001',
  aliases: [],
  package: { name: 'openssl', version: '3.0.2-0ubuntu1.1', fixedVersion: '3.0.2-0ubuntu1.2' },
  severity: { kind: 'known', severity: 'critical' },
  score: 9.8,
  fix: 'available',
  exploited: false,
  disclosedAt: '2026-10-01T00:00:00.000Z',
  link: undefined,
  report: ASSESSMENT,
  state: 'active',
};
const NCURSES: Finding = {
  vulnerability: 'CVE-2021-39537',
  aliases: [],
  package: { name: 'libncursesw5', version: '6.2-0ubuntu2', fixedVersion: '6.2-0ubuntu2.1' },
  severity: { kind: 'known', severity: 'high' },
  score: 7.8,
  fix: 'available',
  exploited: false,
  disclosedAt: '2020-08-04T00:00:00.000Z',
  link: 'https://nvd.nist.gov/vuln/detail/CVE-2021-39537',
  report: GROUPED_ASSESSMENT,
  state: 'active',
};
/** If the details cannot be parsed, only the title is left. */
const UNREAD = { name: 'Update openssl', version: '', fixedVersion: undefined };
const ABOUT = { resourceAdditionalData: { RepositoryDetails: { RepositoryName: 'team/app' }, Digest: DIGEST } };
const SUMMARY: Finding = {
  vulnerability: `assessment:${ASSESSMENT}`,
  aliases: [],
  package: { name: 'openssl', version: '3.0.2-0ubuntu1.1', fixedVersion: '3.0.2-0ubuntu1.2' },
  severity: { kind: 'known', severity: 'high' },
  fix: 'available',
  exploited: false,
  report: `${ASSESSMENT}#summary`,
  state: 'active',
};

describe('an individual assessment', () => {
  it('is one finding for each CVE of its package', () => {
    expect(assessmentFrom(individualRow())).toEqual({
      registry: REGISTRY,
      name: ASSESSMENT,
      image: { repository: 'team/app', digest: DIGEST },
      registryName: 'myacr',
      registryHost: '',
      isPlaced: true,
      at: AT,
      isSnapshot: false,
      state: 'active',
      reports: [
        { id: ASSESSMENT, status: 'active', reportedAt: REPORTED_AT, findings: [OPENSSL] },
        { id: `${ASSESSMENT}#summary`, status: 'resolved', reportedAt: REPORTED_AT, findings: [] },
      ],
    });
  });

  it.each<[string, unknown, readonly Finding[]]>([
    ['in camelCase', recased(DETAILS, camel), [OPENSSL]],
    ['in small letters', recased(DETAILS, (key) => key.toLowerCase()), [OPENSSL]],
    ['with CvesDetails as JSON text', { ...DETAILS, CvesDetails: JSON.stringify([CVE]) }, [OPENSSL]],
    [
      'with CvesDetails as JSON text in camelCase',
      { ...DETAILS, CvesDetails: JSON.stringify(recased([CVE], camel)) },
      [OPENSSL],
    ],
    ['without CvesDetails', { ...DETAILS, CvesDetails: undefined }, [SUMMARY]],
    ['with no CVE in them', { ...DETAILS, CvesDetails: [] }, [SUMMARY]],
    ['with the text of an empty list', { ...DETAILS, CvesDetails: '[]' }, [SUMMARY]],
    [
      'with truncated text: the missing part may be worse',
      { ...DETAILS, CvesDetails: '[{"CveId":"CVE-2026-0001","Sev' },
      [
        SUMMARY,
        {
          ...SUMMARY,
          vulnerability: `assessment:${ASSESSMENT}:details`,
          severity: { kind: 'unknown', label: 'unreadable' },
        },
      ],
    ],
    [
      'given as truncated text: the missing part may be worse, and is a finding with its own name',
      JSON.stringify(DETAILS).slice(0, 200),
      [
        { ...SUMMARY, package: UNREAD, fix: 'unknown' },
        {
          ...SUMMARY,
          package: UNREAD,
          fix: 'unknown',
          vulnerability: `assessment:${ASSESSMENT}:details`,
          severity: { kind: 'unknown', label: 'unreadable' },
        },
      ],
    ],
    ['with a CVE without a name', { ...DETAILS, CvesDetails: [{ ...CVE, CveId: '' }] }, [SUMMARY]],
    ['with invalid CVEs', { ...DETAILS, CvesDetails: [null, 'CVE-2026-0001', 5] }, [SUMMARY]],
    [
      'with one CVE without a name among others',
      { ...DETAILS, CvesDetails: [CVE, { ...CVE, CveId: null, Severity: 'Low' }] },
      [
        OPENSSL,
        { ...OPENSSL, vulnerability: `assessment:${ASSESSMENT}`, severity: { kind: 'known', severity: 'low' } },
      ],
    ],
    [
      'without details: the severity and the title of the recommendation are used',
      null,
      [
        {
          ...SUMMARY,
          package: { name: 'Update openssl', version: '', fixedVersion: undefined },
          fix: 'unknown',
        },
      ],
    ],
  ])('%s', (_name, Details, findings) => {
    expect(findingsIn(read(individualRow({ Details })))).toEqual(findings);
  });

  it('without details and a title names the image as its package', () => {
    expect(findingsIn(read(individualRow({ Details: null, Title: '' })))[0]?.package.name).toBe('the image');
  });

  it('without CVEs clears nothing, because they may arrive later', () => {
    expect(settledIn(read(individualRow({ Details: null })))).toEqual(new Map());
  });

  it('reads a CVE in the form of Azure Resource Graph', () => {
    const Details = { ...DETAILS, CvesDetails: [GRAPH_CVE] };
    expect(findingsIn(read(individualRow({ Details })))).toEqual([
      {
        ...OPENSSL,
        vulnerability: 'CVE-2024-6179',
        severity: { kind: 'known', severity: 'medium' },
        score: 6.1,
        epss: 0.00253,
        disclosedAt: '2024-06-20T01:53:11.588Z',
        // The reference is shortened in the published sample, but is still a URL.
        link: 'https://…',
      },
    ]);
  });
});

describe('a grouped sub-assessment', () => {
  it('that is Unhealthy is one finding', () => {
    expect(assessmentFrom(groupedRow({ State: 'Unhealthy' }))).toEqual({
      registry: { ...REGISTRY, resourceGroup: 'PytorchEnterprise', name: 'ptebic' },
      name: GROUPED_ASSESSMENT,
      image: { repository: GROUPED_REPOSITORY, digest: GROUPED_DIGEST },
      registryName: 'ptebic',
      registryHost: 'ptebic.azurecr.io',
      isPlaced: true,
      at: AT,
      isSnapshot: false,
      state: 'active',
      reports: [
        { id: GROUPED_ASSESSMENT, status: 'active', reportedAt: REPORTED_AT, findings: [NCURSES] },
        { id: `${GROUPED_ASSESSMENT}#summary`, status: 'resolved', reportedAt: REPORTED_AT, findings: [] },
      ],
    });
  });

  it('that is NotApplicable (Exempt), as in the documentation, is a suppressed finding', () => {
    const assessment = read(groupedRow());
    expect(findingsIn(assessment)).toEqual([{ ...NCURSES, state: 'suppressed' }]);
    expect(settledIn(assessment)).toEqual(
      new Map([
        [GROUPED_ASSESSMENT, 'suppressed'],
        [`${GROUPED_ASSESSMENT}#summary`, 'suppressed'],
      ]),
    );
  });

  it('in PascalCase is the same', () => {
    const Details = recased(GROUPED_DETAILS, pascal);
    expect(findingsIn(read(groupedRow({ State: 'Unhealthy', Details })))).toEqual([NCURSES]);
  });

  it('reads a score that only has the key of the older model', () => {
    const { vulnerabilityDetails, ...rest } = GROUPED_DETAILS;
    const Details = { ...rest, vulnerabilityDetails: { ...Object(vulnerabilityDetails), cvss: null } };
    expect(findingsIn(read(groupedRow({ State: 'Unhealthy', Details })))[0]?.score).toBe(7.8);
  });
});

describe('the state', () => {
  const all = (how: string) =>
    new Map([
      [ASSESSMENT, how],
      [`${ASSESSMENT}#summary`, how],
    ]);
  const summary = new Map([[`${ASSESSMENT}#summary`, 'resolved']]);
  it.each<[string, readonly Finding['state'][], ReadonlyMap<string, string>]>([
    ['Unhealthy', ['active'], summary],
    ['unhealthy', ['active'], summary],
    ['Healthy', [], all('resolved')],
    ['HEALTHY', [], all('resolved')],
    ['Removed', ['active'], summary],
    ['Healthy?', ['active'], summary],
    ['', ['active'], summary],
  ])('%j: %j', (State, states, settled) => {
    const assessment = read(individualRow({ State }));
    expect(findingsIn(assessment).map(({ state }) => state)).toEqual(states);
    expect(settledIn(assessment)).toEqual(settled);
  });
});

describe('NotApplicable', () => {
  const exempted = [['suppressed'], 'suppressed'] as const;
  const off = [[], 'off'] as const;
  it.each<[string, Row, readonly [readonly string[], Assessment['state']]]>([
    ['Exempt, in the column', { Cause: 'Exempt' }, exempted],
    ['exempt, in small letters', { Cause: 'exempt' }, exempted],
    [
      'Exempt, in the properties',
      { Properties: { ...ABOUT, status: { code: 'NotApplicable', cause: 'Exempt' } } },
      exempted,
    ],
    [
      'Exempt, in PascalCase',
      { Properties: { ...ABOUT, Status: { Code: 'NotApplicable', Cause: 'Exempt' } } },
      exempted,
    ],
    ['OffByPolicy, in the column', { Cause: 'OffByPolicy' }, off],
    ['OffByPolicy, in the properties', { Properties: { ...ABOUT, status: { cause: 'OffByPolicy' } } }, off],
    [
      'OffByPolicy in the column, whatever the properties say',
      { Cause: 'OffByPolicy', Properties: { ...ABOUT, status: { cause: 'Exempt' } } },
      off,
    ],
    ['without a cause', {}, off],
    ['with the cause null', { Cause: null }, off],
  ])('%s', (_name, changes, [states, state]) => {
    for (const State of ['NotApplicable', 'notApplicable']) {
      const assessment = read(individualRow({ State, ...changes }));
      expect(findingsIn(assessment).map((one) => one.state)).toEqual(states);
      expect(assessment.state).toBe(state);
      expect([...settledIn(assessment).values()]).toEqual(state === 'off' ? [] : ['suppressed', 'suppressed']);
    }
  });
});

describe('the image', () => {
  const about = { RepositoryDetails: { RepositoryName: 'team/app' }, Digest: DIGEST };
  const nowhere = { Properties: null, ContainerRepo: '', ImageDigest: '', Details: null };
  const image = { repository: 'team/app', digest: DIGEST };
  it.each<[string, Row, Assessment['image'] | undefined]>([
    ['in the properties', { ...nowhere, Properties: { ResourceAdditionalData: about } }, image],
    [
      'in properties inside properties',
      { ...nowhere, Properties: { properties: { resourceAdditionalData: about } } },
      image,
    ],
    ['in the details', { ...nowhere, Details: { resourceAdditionalData: about } }, image],
    [
      'in the details of the older model',
      { ...nowhere, Details: { artifactDetails: { repositoryName: 'team/app', digest: DIGEST } } },
      image,
    ],
    ['in the resource', { ...nowhere, Resource: `/x/repositories/team/app/images/${DIGEST}` }, image],
    ["in the properties' id", { ...nowhere, Properties: { Id: `/repositories/team/app/images/${DIGEST}` } }, image],
    ['in the columns of the query', { ...nowhere, ContainerRepo: 'team/app', ImageDigest: DIGEST }, image],
    ['nowhere', nowhere, undefined],
    [
      'with an invalid name',
      { ...nowhere, Properties: { resourceAdditionalData: { ...about, RepositoryDetails: { RepositoryName: 'A' } } } },
      undefined,
    ],
    [
      'with an invalid digest',
      { ...nowhere, Properties: { resourceAdditionalData: { ...about, Digest: 'latest' } } },
      undefined,
    ],
  ])('%s', (_name, changes, wanted) => {
    expect(assessmentFrom(individualRow(changes))?.image).toEqual(wanted);
  });

  it.each<[string, Row]>([
    ['without an id', { AssessmentId: '' }],
    ['without a time', { TimeGenerated: null }],
    ['with a time that is text', { TimeGenerated: '2026-03-02T08:00:00Z' }],
  ])('is undefined for a row %s', (_name, changes) => {
    expect(assessmentFrom(individualRow(changes))).toBeUndefined();
  });
});
