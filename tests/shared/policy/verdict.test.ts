// The verdict for one image: thresholds, unknown severities, fixes, grace periods and exploits.
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../shared/policy/finding.ts';
import type { Policy } from '../../../shared/policy/policy.ts';
import { judgeBy, type Verdict } from '../../../shared/policy/verdict.ts';
import { daysLater, digest, finding, NOW, policy } from '../samples.ts';

const IMAGE = { repository: 'team/app', digest: digest(1) };

function verdict(changes: Partial<Policy>, findings: readonly Finding[], now = NOW): Verdict {
  return judgeBy(policy(changes))(IMAGE, findings, now);
}

/** The verdict as one line: the kind, then each relevant finding with its rule and the severity that counted. */
function inShort(answer: Verdict): string {
  const reasons =
    answer.kind === 'block'
      ? answer.reasons.map(
          ({ finding: one, rule, severity, inherited }) =>
            `${one.vulnerability} by ${rule} as ${severity}${inherited === true ? ', inherited' : ''}`,
        )
      : [];
  const undetermined =
    answer.kind === 'allow' ? [] : answer.undetermined.map((one) => `${one.vulnerability} undetermined`);
  const exempted = answer.exempted.map(
    ({ finding: one, exemption }) => `${one.vulnerability} exempted by ${exemption.kind}`,
  );
  return [answer.kind, ...reasons, ...undetermined, ...exempted].join('; ');
}

const CRITICAL = finding({ vulnerability: 'CRITICAL', severity: 'CRITICAL' });
const HIGH = finding({ vulnerability: 'HIGH', severity: 'HIGH' });
const MEDIUM = finding({ vulnerability: 'MEDIUM', severity: 'MEDIUM' });
const LOW = finding({ vulnerability: 'LOW', severity: 'LOW' });
const INFORMATIONAL = finding({ vulnerability: 'INFORMATIONAL', severity: 'INFORMATIONAL' });
const ALL = [CRITICAL, HIGH, MEDIUM, LOW, INFORMATIONAL];
const UNFIXABLE = ALL.map((one): Finding => ({ ...one, vulnerability: `UNFIXABLE-${one.vulnerability}`, fix: 'none' }));
const UNTRIAGED = finding({ vulnerability: 'UNTRIAGED', severity: 'UNTRIAGED' });

describe('severityThreshold and unfixable', () => {
  it.each<[string, Partial<Policy>, readonly string[]]>([
    ['critical', { severityThreshold: 'critical' }, ['CRITICAL', 'UNFIXABLE-CRITICAL']],
    ['high, the default', {}, ['CRITICAL', 'HIGH', 'UNFIXABLE-CRITICAL', 'UNFIXABLE-HIGH']],
    [
      'low for fixable, critical for the others',
      { severityThreshold: 'low', unfixable: 'critical' },
      ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'UNFIXABLE-CRITICAL'],
    ],
    ['high for fixable, never for the others', { unfixable: 'never' }, ['CRITICAL', 'HIGH']],
    [
      'critical for fixable, medium for the others',
      { severityThreshold: 'critical', unfixable: 'medium' },
      ['CRITICAL', 'UNFIXABLE-CRITICAL', 'UNFIXABLE-HIGH', 'UNFIXABLE-MEDIUM'],
    ],
    [
      'informational',
      { severityThreshold: 'informational', unfixable: 'never' },
      ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'INFORMATIONAL'],
    ],
  ])('%s', (_name, changes, violating) => {
    const answer = verdict(changes, [...ALL, ...UNFIXABLE]);
    expect(answer.kind === 'block' && answer.reasons.map((reason) => reason.finding.vulnerability)).toEqual(violating);
  });
});

describe('a verdict', () => {
  it.each<[string, Partial<Policy>, readonly Finding[], string]>([
    ['no finding at all', {}, [], 'allow'],
    ['severity equals the threshold', {}, [HIGH], 'block; HIGH by severityThreshold as high'],
    ['severity below the threshold', {}, [MEDIUM], 'allow'],
    [
      'several findings that violate',
      {},
      [HIGH, MEDIUM, CRITICAL],
      'block; HIGH by severityThreshold as high; CRITICAL by severityThreshold as critical',
    ],
    [
      'UNTRIAGED, highest base score 9.8',
      {},
      [{ ...UNTRIAGED, score: 9.8 }],
      'block; UNTRIAGED by severityThreshold as critical',
    ],
    ['UNTRIAGED, a score below the threshold', {}, [{ ...UNTRIAGED, score: 6.9 }], 'allow'],
    [
      'UNTRIAGED, a score of 0',
      { severityThreshold: 'informational' },
      [{ ...UNTRIAGED, score: 0 }],
      'block; UNTRIAGED by severityThreshold as informational',
    ],
    ['UNTRIAGED, no score', {}, [UNTRIAGED], 'undetermined; UNTRIAGED undetermined'],
    [
      'UNTRIAGED, no score, together with one that violates',
      {},
      [UNTRIAGED, HIGH],
      'block; HIGH by severityThreshold as high; UNTRIAGED undetermined',
    ],
    [
      'UNTRIAGED, in a critical report',
      {},
      [{ ...UNTRIAGED, reportSeverity: 'critical' }],
      'block; UNTRIAGED by severityThreshold as critical, inherited',
    ],
    ['UNTRIAGED, in a report below the threshold', {}, [{ ...UNTRIAGED, reportSeverity: 'medium' }], 'allow'],
    [
      'UNTRIAGED, a score below the threshold, in a critical report',
      {},
      [{ ...UNTRIAGED, score: 5, reportSeverity: 'critical' }],
      'allow',
    ],
    [
      'UNTRIAGED, a score at the threshold, in a low report',
      {},
      [{ ...UNTRIAGED, score: 7, reportSeverity: 'low' }],
      'block; UNTRIAGED by severityThreshold as high',
    ],
    [
      'UNTRIAGED, exploited, in a medium report',
      { exploited: 'medium' },
      [{ ...UNTRIAGED, exploited: true, reportSeverity: 'medium' }],
      'block; UNTRIAGED by exploited as medium, inherited',
    ],
    [
      'UNTRIAGED, no fix, in a high report',
      { unfixable: 'critical' },
      [{ ...UNTRIAGED, fix: 'none', reportSeverity: 'high' }],
      'allow',
    ],
    [
      'UNTRIAGED, in a critical report, `unknownSeverity: block`',
      { unknownSeverity: 'block' },
      [{ ...UNTRIAGED, reportSeverity: 'critical' }],
      'block; UNTRIAGED by unknownSeverity as unknown',
    ],
    [
      'UNTRIAGED, in a critical report, `unknownSeverity: ignore`',
      { unknownSeverity: 'ignore' },
      [{ ...UNTRIAGED, reportSeverity: 'critical' }],
      'allow; UNTRIAGED exempted by unknownIgnored',
    ],
    ['its own severity counts, not that of its report', {}, [{ ...MEDIUM, reportSeverity: 'critical' }], 'allow'],
    [
      'UNTRIAGED, `unknownSeverity: block`',
      { unknownSeverity: 'block' },
      [{ ...UNTRIAGED, score: 1 }],
      'block; UNTRIAGED by unknownSeverity as unknown',
    ],
    [
      'UNTRIAGED, `unknownSeverity: ignore`',
      { unknownSeverity: 'ignore' },
      [{ ...UNTRIAGED, score: 9.8 }],
      'allow; UNTRIAGED exempted by unknownIgnored',
    ],
    [
      'a severity label that is not on the scale',
      {},
      [finding({ vulnerability: 'NEW', severity: 'CATASTROPHIC' })],
      'undetermined; NEW undetermined',
    ],
    [
      'unknown whether a fix exists: counts as fixable',
      { unfixable: 'never' },
      [{ ...HIGH, fix: 'unknown' }],
      'block; HIGH by severityThreshold as high',
    ],
    [
      'no fix: the threshold `unfixable` applies',
      { severityThreshold: 'critical', unfixable: 'high' },
      [{ ...HIGH, fix: 'none' }],
      'block; HIGH by unfixable as high',
    ],
    ['no fix, `unfixable: never`', { unfixable: 'never' }, [{ ...CRITICAL, fix: 'none' }], 'allow'],
    [
      'fixAvailable PARTIAL, packages told apart by fixedInVersion: each by its own threshold',
      { unfixable: 'critical' },
      [
        { ...HIGH, package: { name: 'fixed', version: '1', fixedVersion: '2' } },
        { ...HIGH, package: { name: 'unfixed', version: '1' }, fix: 'none' },
      ],
      'block; HIGH by severityThreshold as high',
    ],
    [
      'known exploit at or above the threshold `exploited`',
      { exploited: 'medium' },
      [{ ...MEDIUM, exploited: true }],
      'block; MEDIUM by exploited as medium',
    ],
    ['known exploit below the threshold `exploited`', { exploited: 'medium' }, [{ ...LOW, exploited: true }], 'allow'],
    ['known exploit, `exploited: never`', {}, [{ ...MEDIUM, exploited: true }], 'allow'],
    [
      'known exploit without a fix',
      { exploited: 'medium', unfixable: 'never' },
      [{ ...CRITICAL, exploited: true, fix: 'none' }],
      'block; CRITICAL by exploited as critical',
    ],
    [
      'known exploit with a derived severity',
      { exploited: 'medium' },
      [{ ...UNTRIAGED, exploited: true, score: 5 }],
      'block; UNTRIAGED by exploited as medium',
    ],
    ['SUPPRESSED', {}, [{ ...HIGH, state: 'suppressed' }], 'allow; HIGH exempted by suppressed'],
    ['suppressed and below the threshold', {}, [{ ...LOW, state: 'suppressed' }], 'allow'],
    [
      'UNTRIAGED, no score, suppressed',
      {},
      [{ ...UNTRIAGED, state: 'suppressed' }],
      'allow; UNTRIAGED exempted by suppressed',
    ],
  ])('%s', (_name, changes, findings, expected) => {
    expect(inShort(verdict(changes, findings))).toBe(expected);
  });

  it('SUPPRESSED, then ACTIVE: exempted, then violates', () => {
    const answers = (['suppressed', 'active'] as const).map((state) => inShort(verdict({}, [{ ...HIGH, state }])));
    expect(answers).toEqual(['allow; HIGH exempted by suppressed', 'block; HIGH by severityThreshold as high']);
  });

  it('reads findings from any iterable, only once', () => {
    const findings = (function* () {
      yield HIGH;
    })();
    expect(judgeBy(policy())(IMAGE, findings, NOW).kind).toBe('block');
  });
});

describe('a grace period', () => {
  const graced: Partial<Policy> = { graceDays: { high: 7 }, exploited: 'medium' };
  const disclosedAt = (days: number) => ({ ...HIGH, disclosedAt: daysLater(-days) });

  it('disclosed 3 days ago, 7 days of grace: exempted with its end date', () => {
    const known = disclosedAt(3);
    expect(verdict(graced, [known])).toEqual({
      kind: 'allow',
      exempted: [{ finding: known, exemption: { kind: 'grace', until: '2026-06-19T12:00:00.000Z' } }],
    });
  });

  it.each<[string, Finding, string]>([
    ['disclosed 8 days ago: violates', disclosedAt(8), 'block; HIGH by severityThreshold as high'],
    ['disclosed exactly 7 days ago: violates', disclosedAt(7), 'block; HIGH by severityThreshold as high'],
    [
      'disclosed a millisecond less than 7 days ago: exempted',
      { ...HIGH, disclosedAt: '2026-06-08T12:00:00.001Z' },
      'allow; HIGH exempted by grace',
    ],
    ['no disclosure date: violates', HIGH, 'block; HIGH by severityThreshold as high'],
    [
      'no grace days for this severity: violates',
      { ...CRITICAL, disclosedAt: daysLater(-1) },
      'block; CRITICAL by severityThreshold as critical',
    ],
    [
      'known exploit, `exploited: medium`, in its grace period: violates',
      { ...disclosedAt(3), exploited: true },
      'block; HIGH by exploited as high',
    ],
    [
      'UNTRIAGED has the grace period of its derived severity',
      { ...UNTRIAGED, score: 7.5, disclosedAt: daysLater(-3) },
      'allow; UNTRIAGED exempted by grace',
    ],
    ['disclosed in the future: violates', disclosedAt(-1), 'block; HIGH by severityThreshold as high'],
    ['no fix, in its grace period: exempted', { ...disclosedAt(3), fix: 'none' }, 'allow; HIGH exempted by grace'],
    ['below the threshold: not reported', { ...LOW, disclosedAt: daysLater(-3) }, 'allow'],
  ])('%s', (_name, one, expected) => {
    expect(inShort(verdict(graced, [one]))).toBe(expected);
  });
});
