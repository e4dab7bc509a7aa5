// The evaluation of one image: a finding closes the gate, and only proof opens it.
import { describe, expect, it } from 'vitest';
import { MAX_FINDINGS, sameBlocker } from '../../../shared/gate/image-evaluation.ts';
import type { Blocker, InactiveReason } from '../../../shared/gate/record.ts';
import { blocker, digest, exception, finding, hoursLater, NOW, present } from '../samples.ts';
import {
  type Changes,
  evaluateChanges,
  excepted,
  GONE,
  inactive,
  inShort,
  OTHER,
  scanned,
  UNTRIAGED,
} from './evaluating.ts';

describe('an image that was not a blocker', () => {
  it.each<[string, Changes, string]>([
    ['is not one if it has no findings, scanned or not', {}, 'none: allow'],
    [
      'is not one if its findings do not violate',
      { image: present({ findings: [finding({ severity: 'LOW' })] }) },
      'none: allow',
    ],
    [
      'is not one if its findings are undetermined',
      { image: present({ findings: [UNTRIAGED] }) },
      'none: undetermined',
    ],
    ['becomes one if a finding violates', { image: present({ findings: [finding()] }) }, 'holds: violates'],
    ['is not one if it is gone', { image: GONE }, 'none: allow'],
    ['is not one if it is out of scope', { image: present({ findings: [finding()] }), inScope: false }, 'none: allow'],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges({ blocker: undefined, ...changes }))).toBe(expected);
  });
});

describe('a blocker', () => {
  it.each<[string, Changes, string]>([
    ['stays active while a finding violates', { image: present({ findings: [finding()] }) }, 'holds: violates'],
    ['stays active while another finding violates', { image: present({ findings: [OTHER] }) }, 'holds: violates'],
    [
      'stays active if its finding is UNTRIAGED without a score, because undetermined is no proof',
      { image: present({ findings: [UNTRIAGED] }), policy: excepted },
      'holds: undetermined',
    ],
    ['needs a scan if its findings disappeared', {}, 'needsScan'],
    [
      'stays active for lack of proof: CLOSED event for the only finding; coverage INACTIVE, expired',
      { scan: { kind: 'unproven', detail: 'coverage INACTIVE: SCAN_ELIGIBILITY_EXPIRED' } },
      'holds: unproven: coverage INACTIVE: SCAN_ELIGIBILITY_EXPIRED',
    ],
    [
      'is released: CLOSED event; coverage ACTIVE and SUCCESSFUL, scanned after the closing, nothing violates',
      { scan: scanned(-0.5) },
      'released: scanned',
    ],
    [
      'stays active if its scan is older than its last violation',
      { scan: scanned(-2) },
      'holds: unproven: the last finished scan (2026-06-15T10:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-15T11:00:00.000Z)',
    ],
    [
      'stays active if its scan is exactly as old as its last violation',
      { scan: scanned(-1) },
      'holds: unproven: the last finished scan (2026-06-15T11:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-15T11:00:00.000Z)',
    ],
    [
      'is released if its scan is five minutes older than the observation',
      { scan: { kind: 'finished', at: '2026-06-15T11:55:00.000Z' } },
      'released: scanned',
    ],
    [
      'stays active if its scan is less than five minutes older than the observation',
      { scan: { kind: 'finished', at: '2026-06-15T11:55:00.001Z' } },
      'holds: recentScan: its scan finished only minutes ago (2026-06-15T11:55:00.001Z); pullgate observes it again soon',
    ],
    [
      'stays active if its scan finished during the observation, which may have started before',
      { scan: scanned(-0.5), observedAt: hoursLater(-0.55) },
      'holds: recentScan: its scan finished only minutes ago (2026-06-15T11:30:00.000Z); pullgate observes it again soon',
    ],
    [
      'stays active if a scan is newer and a current finding violates',
      { scan: scanned(0), image: present({ findings: [OTHER] }) },
      'holds: violates',
    ],
    [
      'is exempt if an exception is added for a finding that Inspector still has',
      { image: present({ findings: [finding()] }), policy: excepted },
      'inactive: exempted',
    ],
    [
      'is exempt, based on the recorded finding, if an exception is added after Inspector deleted the finding',
      { policy: excepted },
      'inactive: exempted',
    ],
    [
      'is exempt, based on the recorded finding, if the policy was relaxed',
      { blocker: blocker({ findings: [finding({ severity: 'HIGH' })] }), policy: { severityThreshold: 'critical' } },
      'inactive: exempted',
    ],
    [
      'is exempt if its finding is suppressed now',
      { image: present({ findings: [finding({ state: 'suppressed' })] }) },
      'inactive: exempted',
    ],
    [
      'is exempt if its finding has a lower severity now',
      { image: present({ findings: [finding({ severity: 'LOW' })] }) },
      'inactive: exempted',
    ],
    [
      'needs a scan if one recorded finding has an exception and another disappeared',
      { blocker: blocker({ findings: [finding(), OTHER] }), policy: excepted },
      'needsScan',
    ],
    [
      'needs a scan if a recorded finding with an unknown severity disappeared',
      { blocker: blocker({ findings: [UNTRIAGED] }) },
      'needsScan',
    ],
    [
      'needs a scan if its finding has an exception but others did not fit into the record',
      { blocker: blocker({ omittedFindings: 1 }), policy: excepted },
      'needsScan',
    ],
    [
      'stays active with an exception and a clean scan if a finding is undetermined',
      { image: present({ findings: [UNTRIAGED] }), scan: scanned(-0.5), policy: excepted },
      'holds: undetermined',
    ],
    ['is inactive if it is deleted', { image: GONE }, 'inactive: gone'],
    ['is inactive with `images: tagged` if its tag moved to a clean image', { inScope: false }, 'inactive: outOfScope'],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges(changes))).toBe(expected);
  });

  it('keeps `since` and its recorded findings, and adds the current findings and tags', () => {
    const image = present({ findings: [OTHER, finding({ severity: 'LOW' })], tags: ['1.0', 'latest'] });
    expect(evaluateChanges({ image })).toMatchObject({
      blocker: {
        digest: digest(1),
        tags: ['1.0', 'latest'],
        since: hoursLater(-24),
        violatedAt: NOW,
        findings: [OTHER, finding()],
        omittedFindings: 0,
      },
    });
  });

  it.each<[string, Changes, readonly string[]]>([
    [
      'keeps its last tags if it violates without tags',
      { image: present({ findings: [finding()], tags: [] }) },
      ['1.0'],
    ],
    [
      'keeps its last tags if it stays active for lack of proof',
      { image: present({ tags: [] }), scan: scanned(-9) },
      ['1.0'],
    ],
    [
      'takes new tags if it stays active for lack of proof',
      { image: present({ tags: ['2.0'] }), scan: scanned(-9) },
      ['2.0'],
    ],
    [
      'sorts its tags',
      { image: present({ findings: [finding()], tags: ['b', 'c', 'a'] }), blocker: undefined },
      ['a', 'b', 'c'],
    ],
    [
      'keeps ten of many tags',
      { image: present({ tags: [...'lkjihgfedcba'] }), scan: scanned(-9) },
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'],
    ],
    [
      'has no tags if it never had any',
      { image: present({ findings: [finding()], tags: [] }), blocker: undefined },
      [],
    ],
  ])('%s', (_name, changes, tags) => {
    const evaluation = evaluateChanges(changes);
    expect(evaluation.kind === 'holds' && evaluation.blocker.tags).toEqual(tags);
  });

  it('keeps as many findings as fit into a record, and counts the others', () => {
    const findings = Array.from({ length: MAX_FINDINGS + 2 }, (_, number) =>
      finding({ vulnerability: `CVE-2026-${number}` }),
    );
    const evaluation = evaluateChanges({ image: present({ findings }), blocker: undefined });
    expect(evaluation.kind === 'holds' && evaluation.blocker.findings).toEqual(findings.slice(0, 200));
    expect(evaluation.kind === 'holds' && evaluation.blocker.omittedFindings).toBe(2);
  });

  it('keeps known exploits first, then the worst findings, whether or not they are still reported', () => {
    const of = (vulnerability: string, severity: string, exploited = false) =>
      finding({ vulnerability, severity, exploited });
    const known = blocker({ findings: [of('absent high', 'HIGH'), of('absent exploit', 'MEDIUM', true)] });
    const findings = [
      of('high', 'HIGH'),
      of('unknown', 'UNTRIAGED'),
      of('exploit', 'HIGH', true),
      of('worst', 'CRITICAL'),
    ];
    const evaluation = evaluateChanges({
      blocker: known,
      image: present({ findings }),
      policy: { unknownSeverity: 'block' },
    });
    expect(evaluation.kind === 'holds' && evaluation.blocker.findings.map((one) => one.vulnerability)).toEqual([
      'exploit',
      'absent exploit',
      'worst',
      'high',
      'absent high',
      'unknown',
    ]);
  });

  it('never lowers the count of omitted findings while it is active', () => {
    const known = blocker({ omittedFindings: 7 });
    const violating = evaluateChanges({ blocker: known, image: present({ findings: [OTHER] }) });
    const unproven = evaluateChanges({ blocker: known, scan: scanned(-9) });
    expect([violating, unproven].map((one) => one.kind === 'holds' && one.blocker.omittedFindings)).toEqual([7, 7]);
  });
});

describe('a recorded finding that disappeared while another still violates', () => {
  const both = blocker({ findings: [finding(), OTHER] });

  it('stays recorded, so that it still needs proof when the other has an exception', () => {
    const first = evaluateChanges({ blocker: both, image: present({ findings: [finding()] }) });
    expect(first.kind === 'holds' && first.blocker.findings.map((one) => one.vulnerability)).toEqual([
      finding().vulnerability,
      OTHER.vulnerability,
    ]);
    const held = first.kind === 'holds' ? first.blocker : both;
    expect(inShort(evaluateChanges({ blocker: held, policy: excepted }))).toBe('needsScan');
  });

  it('stays recorded if the policy exempts it, because the exemption may end', () => {
    const exempts = { exceptions: [exception({ id: OTHER.vulnerability })] };
    const evaluation = evaluateChanges({ blocker: both, policy: exempts, image: present({ findings: [finding()] }) });
    expect(evaluation.kind === 'holds' && evaluation.blocker.findings).toEqual([finding(), OTHER]);
  });
});

describe('two blockers', () => {
  const b = finding({ vulnerability: 'CVE-2026-2' });

  it.each<[string, Partial<Blocker>, boolean]>([
    ['are the same', {}, true],
    [
      'are the same if the last violation is less than a minute later',
      { violatedAt: '2026-06-15T11:00:59.999Z' },
      true,
    ],
    ['differ if the last violation is a minute later', { violatedAt: '2026-06-15T11:01:00.000Z' }, false],
    ['are the same if the findings are in a different order', { findings: [b, finding()] }, true],
    ['differ by a finding', { findings: [finding()] }, false],
    ['differ by the data of a finding', { findings: [finding({ exploited: true }), b] }, false],
    ['differ by the number of omitted findings', { omittedFindings: 1 }, false],
    ['are the same if the tags are in a different order', { tags: ['latest', '1.0'] }, true],
    ['differ by their tags', { tags: ['1.0', 'stable'] }, false],
    ['differ if one is inactive', { inactive: { at: NOW, why: 'gone' } }, false],
  ])('%s', (_name, changes, same) => {
    const one = blocker({ tags: ['1.0', 'latest'], findings: [finding(), b] });
    expect(sameBlocker(one, { ...one, ...changes })).toBe(same);
  });

  it.each<[string, InactiveReason, Blocker['inactive'], boolean]>([
    ['are the same if both are gone', 'gone', { at: NOW, why: 'gone' }, true],
    ['differ if one is gone and one is out of scope', 'gone', { at: NOW, why: 'outOfScope' }, false],
    [
      'are the same if both are exempted within a minute',
      'exempted',
      { at: '2026-06-12T12:00:59.999Z', why: 'exempted' },
      true,
    ],
    [
      'differ if one is exempted a minute later',
      'exempted',
      { at: '2026-06-12T12:01:00.000Z', why: 'exempted' },
      false,
    ],
  ])('%s', (_name, why, other, same) => {
    expect(sameBlocker(inactive(3, why), { ...inactive(3), inactive: other })).toBe(same);
  });
});
