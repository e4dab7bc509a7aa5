// The query leaves out details in which no severity can matter, and nothing else.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WINDOWS } from '../../../azure/function/findings.ts';
import type { Json, Row } from '../../../local/azure/tables.ts';
import { START } from '../../../local/clock.ts';
import { type Threshold, UNKNOWN_SEVERITY } from '../../../shared/policy/policy.ts';
import { SEVERITIES, type Severity } from '../../../shared/policy/severity.ts';
import { judgeBy } from '../../../shared/policy/verdict.ts';
import { findingsIn } from '../../../shared/reconcile/observation.ts';
import { digest, NOW, policy } from '../../shared/samples.ts';
import { ASSESSMENT_ID, CVE, DETAILS, DIGEST, GROUPED_DIGEST, imageProperties, individualTableRow } from './samples.ts';
import { found, MYACR, QUERY, scannerOver, workspaceOf } from './scanner.ts';

describe('details that cannot matter are left out', () => {
  const mild = { ...CVE, Severity: 'Low' };
  const detailed = (details: Json, severity = 'Low') =>
    individualTableRow({ RecommendationSeverity: severity, RecommendationAdditionalData: details });
  const withCves = (...cves: readonly Json[]): Json => ({ ...DETAILS, CvesDetails: cves });
  it.each<[string, Row, 'left out' | 'kept']>([
    ['all CVEs are mild', detailed(withCves(mild, { ...mild, Severity: 'medium' })), 'left out'],
    ['all CVEs are mild, in camelCase', detailed({ cvesDetails: [{ cveId: 'CVE-1', severity: 'low' }] }), 'left out'],
    [
      'all CVEs are mild, as JSON text',
      detailed({ ...DETAILS, CvesDetails: JSON.stringify([mild, mild]) }),
      'left out',
    ],
    ['one CVE is not mild', detailed(withCves(mild, CVE)), 'kept'],
    ['one CVE is not mild, as JSON text', detailed({ CvesDetails: JSON.stringify([mild, CVE]) }), 'kept'],
    ['the severity of the row is not mild', detailed(withCves(mild), 'High'), 'kept'],
    ['the severity of the row is unknown', detailed(withCves(mild), ''), 'kept'],
    ['one CVE has an empty severity', detailed(withCves(mild, { ...mild, Severity: '' })), 'kept'],
    ['one CVE has the severity null', detailed(withCves(mild, { ...mild, Severity: null })), 'kept'],
    ['one CVE has an unknown severity', detailed(withCves({ ...mild, Severity: 'Negligible' })), 'kept'],
    ['one CVE has no severity', detailed(withCves({ CveId: 'CVE-1', Cvss: CVE['Cvss'] ?? null })), 'kept'],
    [
      'one CVE has no severity, but an object in it does',
      detailed(withCves({ CveId: 'CVE-1', Cvss: CVE['Cvss'] ?? null, Vendor: { Severity: 'Low' } })),
      'kept',
    ],
    [
      'one CVE has no severity, but its description mentions one',
      detailed(withCves({ CveId: 'CVE-1', Description: 'as "severity": "low" has it' })),
      'kept',
    ],
    [
      'a CVE that is not mild has no name',
      detailed(withCves(mild, { Severity: 'Critical', PublishedDate: null })),
      'kept',
    ],
    [
      'the severity does not directly follow the name',
      detailed(withCves({ CveId: 'CVE-1', Status: '', Severity: 'Low' })),
      'kept',
    ],
    ['there are no CVEs', detailed({ ...DETAILS, CvesDetails: [] }), 'kept'],
  ])('if %s: %s', async (_name, row, wanted) => {
    const { scanner, answers } = scannerOver(workspaceOf({ SecurityRecommendation: [row] }));
    await scanner.reportsOf(MYACR, { repository: 'team/app', digest: 'all', window: WINDOWS.event });
    const [given] = answers[0]?.rows ?? [];
    expect(given?.['Details']).toEqual(wanted === 'kept' ? row['RecommendationAdditionalData'] : null);
  });

  it.each<[string, string, readonly string[] | undefined, 'left out' | 'kept']>([
    ['for every image, if all are queried', 'all', undefined, 'left out'],
    ['not for the queried image', DIGEST, undefined, 'kept'],
    ['not for an image that is queried unfiltered', 'all', [GROUPED_DIGEST, DIGEST], 'kept'],
    ['for an image that is not queried unfiltered', 'all', [GROUPED_DIGEST], 'left out'],
  ])('%s', async (_name, image, whole, wanted) => {
    const { scanner, answers } = scannerOver(workspaceOf({ SecurityRecommendation: [detailed(withCves(mild))] }));
    await scanner.reportsOf(MYACR, {
      repository: 'team/app',
      digest: image,
      window: WINDOWS.event,
      unfilteredDigests: whole,
    });
    expect(answers[0]?.rows.map((row) => row['Details'] !== null)).toEqual([wanted === 'kept']);
  });

  it('and the image is still known, although only the details name it', async () => {
    const resourceAdditionalData = { RepositoryDetails: { RepositoryName: 'team/app' }, Digest: DIGEST };
    const row = { ...detailed({ ...Object(withCves(mild)), resourceAdditionalData }), Properties: null };
    expect([...(await found({ SecurityRecommendation: [row] }, MYACR, 'team/app')).keys()]).toEqual([DIGEST]);
  });

  it('and no verdict changes, for any rows and policy', async () => {
    const word = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('Medium', 'low', 'Informational') },
      { weight: 1, arbitrary: fc.constantFrom('Critical', 'HIGH', 'Unknown', 'Odd', '', null) },
    );
    /** Mostly the usual value, so that many details are left out, and sometimes one that must keep them. */
    const mostly = <T>(usual: T, ...odd: readonly T[]) =>
      fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) });
    const score = fc.option(fc.constantFrom(0, 3.9, 5, 7.5, 9.8));
    const cve = fc
      .record({
        name: mostly<string | null>('CVE-1', 'GHSA-3', '', null),
        severity: word,
        says: mostly(true, false),
        score,
        isExploited: fc.boolean(),
        text: mostly('', 'plain', '"severity":"low"', '"cveId":"x","severity":"low"', '\\"cveid\\"', 'Severity'),
        noise: mostly<Json>(null, { Severity: 'Low' }, [{ CveId: 'CVE-9', Severity: 'low' }], 'Low'),
        isFirst: mostly(true, false),
        isCamel: fc.boolean(),
      })
      .map(({ name, severity, says, score: Base, isExploited, text, noise, isFirst, isCamel }): Json => {
        const id: [string, Json][] = name === null ? [] : [['CveId', name]];
        // A CVE without a name has at least a severity.
        const rated: [string, Json][] = says || !name ? [['Severity', severity]] : [];
        const rest: [string, Json][] = [
          ['Cvss', Base === null ? [] : [{ Key: '3.1', Value: { Base } }]],
          ['ExploitabilityDetails', { IsVerified: isExploited }],
          ['Description', text],
          ['Noise', noise],
        ];
        const entries = isFirst ? [...id, ...rated, ...rest] : [...rest, ...rated, ...id];
        return Object.fromEntries(
          entries.map(([key, value]) => [isCamel ? key.charAt(0).toLowerCase() + key.slice(1) : key, value]),
        );
      });
    const row = fc
      .record({
        assessment: fc.nat(2),
        image: fc.nat(9),
        state: fc.constantFrom('Unhealthy', 'Healthy', 'NotApplicable', 'Odd'),
        severity: word,
        minutes: fc.nat(600),
        cves: fc.option(fc.array(cve, { minLength: 1, maxLength: 3 })),
        isText: fc.boolean(),
      })
      .map(({ assessment, image, state, severity, minutes, cves, isText }): Row => {
        const CvesDetails: Json = isText ? JSON.stringify(cves) : cves;
        return individualTableRow({
          TimeGenerated: START.getTime() - minutes * 60_000,
          RecommendationId: `${ASSESSMENT_ID}${assessment}`,
          RecommendationState: state,
          RecommendationSeverity: severity,
          Properties: imageProperties('team/app', digest(image)),
          RecommendationAdditionalData: { SoftwareName: 'openssl', FixStatus: 'Unknown', CvesDetails },
        });
      });
    const threshold = mostly<Threshold>('never', ...SEVERITIES);
    const rules = fc
      .record({
        severityThreshold: fc.constantFrom<Severity>('critical', 'high', 'medium'),
        unfixable: threshold,
        exploited: threshold,
        unknownSeverity: fc.constantFrom(...UNKNOWN_SEVERITY),
      })
      .map(policy);
    const whole = QUERY.replace('iff(Matters, Details, dynamic(null))', 'Details');
    expect(whole).not.toBe(QUERY);
    let leftOut = 0;

    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 20, maxLength: 40 }), rules, async (SecurityRecommendation, by) => {
        const workspace = workspaceOf({ SecurityRecommendation });
        const judge = judgeBy(by);
        const verdicts = async (query: string) => {
          const { scanner, answers } = scannerOver(workspace, by, query);
          const answer = await scanner.reportsOf(MYACR, {
            repository: 'team/app',
            digest: 'all',
            window: WINDOWS.event,
          });
          if (query === QUERY) leftOut += answers[0]?.rows.filter((one) => one['Details'] === null).length ?? 0;
          return [...answer].map(([image, reports]) => {
            const ids = reports.map(({ id }) => id);
            const verdict = judge({ repository: 'team/app', digest: image }, findingsIn({ reports }), NOW);
            const reasons = verdict.kind === 'block' ? verdict.reasons : [];
            const undetermined = verdict.kind === 'allow' ? [] : verdict.undetermined;
            return { image, ids, kind: verdict.kind, reasons, undetermined };
          });
        };
        expect(await verdicts(QUERY)).toEqual(await verdicts(whole));
      }),
      // Each run parses two queries, so shrinking a failure takes minutes.
      { numRuns: 60, endOnFailure: true },
    );
    expect(leftOut).toBeGreaterThan(100);
  });
});
