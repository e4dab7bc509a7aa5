// How one image is evaluated: a finding closes, and only proof opens.
import { describe, expect, it } from 'vitest';
import { isExploited, MAX_FINDINGS, sameBlocker } from '../../../shared/gate/image-evaluation.ts';
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

describe('an image that was no blocker', () => {
  it.each<[string, Changes, string]>([
    ['holds nothing where it has no findings, scanned or not', {}, 'none: allow'],
    [
      'holds nothing where its findings do not violate',
      { image: present({ findings: [finding({ severity: 'LOW' })] }) },
      'none: allow',
    ],
    ['holds nothing where they are undetermined', { image: present({ findings: [UNTRIAGED] }) }, 'none: undetermined'],
    ['holds the gate where one violates', { image: present({ findings: [finding()] }) }, 'holds: violates'],
    ['holds nothing where it is gone', { image: GONE }, 'none: allow'],
    [
      'holds nothing where it does not count',
      { image: present({ findings: [finding()] }), inScope: false },
      'none: allow',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges({ blocker: undefined, ...changes }))).toBe(expected);
  });
});

describe('a blocker', () => {
  it.each<[string, Changes, string]>([
    ['holds on while a finding violates', { image: present({ findings: [finding()] }) }, 'holds: violates'],
    ['holds on while another finding violates', { image: present({ findings: [OTHER] }) }, 'holds: violates'],
    [
      'UNTRIAGED, no score: undetermined releases no blocker',
      { image: present({ findings: [UNTRIAGED] }), policy: excepted },
      'holds: undetermined',
    ],
    ['its findings went away: only a scan can tell', {}, 'needsScan'],
    [
      'CLOSED event for the only finding; coverage INACTIVE, expired: stays, for want of proof',
      { scan: { kind: 'unproven', detail: 'coverage INACTIVE: SCAN_ELIGIBILITY_EXPIRED' } },
      'holds: unproven: coverage INACTIVE: SCAN_ELIGIBILITY_EXPIRED',
    ],
    [
      'CLOSED event; coverage ACTIVE and SUCCESSFUL, scanned after the closing, nothing violates: released',
      { scan: scanned(-0.5) },
      'released: scanned',
    ],
    [
      'scanned before it was last seen to violate: stays',
      { scan: scanned(-2) },
      'holds: unproven: the last finished scan (2026-06-15T10:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-15T11:00:00.000Z)',
    ],
    [
      'scanned at the very moment that it was seen to violate: stays',
      { scan: scanned(-1) },
      'holds: unproven: the last finished scan (2026-06-15T11:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-15T11:00:00.000Z)',
    ],
    [
      'scanned five minutes before the observation began: released',
      { scan: { kind: 'finished', at: '2026-06-15T11:55:00.000Z' } },
      'released: scanned',
    ],
    [
      'scanned less than five minutes before the observation began: stays until its findings must have come',
      { scan: { kind: 'finished', at: '2026-06-15T11:55:00.001Z' } },
      'holds: recentScan: its scan finished only minutes ago (2026-06-15T11:55:00.001Z); pullgate observes it again soon',
    ],
    [
      'scanned while the observation took its time: stays, since the observation may have begun before',
      { scan: scanned(-0.5), observedAt: hoursLater(-0.55) },
      'holds: recentScan: its scan finished only minutes ago (2026-06-15T11:30:00.000Z); pullgate observes it again soon',
    ],
    [
      'a newer scan, and a finding of today that violates: stays',
      { scan: scanned(0), image: present({ findings: [OTHER] }) },
      'holds: violates',
    ],
    [
      'an exception is added for a finding that Inspector still has: exempted',
      { image: present({ findings: [finding()] }), policy: excepted },
      'inactive: exempted',
    ],
    [
      'an exception is added for a finding that Inspector has meanwhile deleted: exempted, on the recorded finding',
      { policy: excepted },
      'inactive: exempted',
    ],
    [
      'the policy was relaxed: exempted, on the recorded finding',
      { blocker: blocker({ findings: [finding({ severity: 'HIGH' })] }), policy: { severityThreshold: 'critical' } },
      'inactive: exempted',
    ],
    [
      'its finding is suppressed now: exempted',
      { image: present({ findings: [finding({ state: 'suppressed' })] }) },
      'inactive: exempted',
    ],
    [
      'its finding is rated milder now: exempted',
      { image: present({ findings: [finding({ severity: 'LOW' })] }) },
      'inactive: exempted',
    ],
    [
      'one recorded finding is excepted, another merely went away: only a scan can tell',
      { blocker: blocker({ findings: [finding(), OTHER] }), policy: excepted },
      'needsScan',
    ],
    [
      'a recorded finding of unknown severity went away: only a scan can tell',
      { blocker: blocker({ findings: [UNTRIAGED] }) },
      'needsScan',
    ],
    [
      'an exception, but findings that the record had no room for: only a scan can tell',
      { blocker: blocker({ omittedFindings: 1 }), policy: excepted },
      'needsScan',
    ],
    [
      'an exception, a clean scan, and a finding of unknown severity: undetermined releases no blocker',
      { image: present({ findings: [UNTRIAGED] }), scan: scanned(-0.5), policy: excepted },
      'holds: undetermined',
    ],
    ['is deleted: inactive', { image: GONE }, 'inactive: gone'],
    [
      'tag moved to a clean image, the blocker untagged, `images: tagged`: inactive',
      { inScope: false },
      'inactive: outOfScope',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges(changes))).toBe(expected);
  });

  it('keeps since when it holds and what was recorded, and takes the findings and tags of today', () => {
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
      'keeps its last tags where it violates untagged',
      { image: present({ findings: [finding()], tags: [] }) },
      ['1.0'],
    ],
    [
      'keeps its last tags where it holds for want of proof',
      { image: present({ tags: [] }), scan: scanned(-9) },
      ['1.0'],
    ],
    [
      'takes new tags where it holds for want of proof',
      { image: present({ tags: ['2.0'] }), scan: scanned(-9) },
      ['2.0'],
    ],
    [
      'has them sorted',
      { image: present({ findings: [finding()], tags: ['b', 'c', 'a'] }), blocker: undefined },
      ['a', 'b', 'c'],
    ],
    [
      'keeps ten of many',
      { image: present({ tags: [...'lkjihgfedcba'] }), scan: scanned(-9) },
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'],
    ],
    [
      'has none where it never had any',
      { image: present({ findings: [finding()], tags: [] }), blocker: undefined },
      [],
    ],
  ])('%s', (_name, changes, tags) => {
    const evaluation = evaluateChanges(changes);
    expect(evaluation.kind === 'holds' && evaluation.blocker.tags).toEqual(tags);
  });

  it('keeps as many findings as a record has room for, and counts the others', () => {
    const findings = Array.from({ length: MAX_FINDINGS + 2 }, (_, number) =>
      finding({ vulnerability: `CVE-2026-${number}` }),
    );
    const evaluation = evaluateChanges({ image: present({ findings }), blocker: undefined });
    expect(evaluation.kind === 'holds' && evaluation.blocker.findings).toEqual(findings.slice(0, 200));
    expect(evaluation.kind === 'holds' && evaluation.blocker.omittedFindings).toBe(2);
  });

  it('keeps known exploits first, then the worst, whether they are still reported or not', () => {
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

  it('never counts fewer omitted findings while it holds', () => {
    const known = blocker({ omittedFindings: 7 });
    const violating = evaluateChanges({ blocker: known, image: present({ findings: [OTHER] }) });
    const unproven = evaluateChanges({ blocker: known, scan: scanned(-9) });
    expect([violating, unproven].map((one) => one.kind === 'holds' && one.blocker.omittedFindings)).toEqual([7, 7]);
  });
});

describe('a recorded finding that went away while another still violates', () => {
  const both = blocker({ findings: [finding(), OTHER] });

  it('stays recorded, so that it still wants proof when the other is excepted', () => {
    const first = evaluateChanges({ blocker: both, image: present({ findings: [finding()] }) });
    expect(first.kind === 'holds' && first.blocker.findings.map((one) => one.vulnerability)).toEqual([
      finding().vulnerability,
      OTHER.vulnerability,
    ]);
    const held = first.kind === 'holds' ? first.blocker : both;
    expect(inShort(evaluateChanges({ blocker: held, policy: excepted }))).toBe('needsScan');
  });

  it('stays recorded where the policy exempts it for now: that may end', () => {
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
      'are the same where it was seen to violate less than a minute later',
      { violatedAt: '2026-06-15T11:00:59.999Z' },
      true,
    ],
    ['differ where it was seen to violate a minute later', { violatedAt: '2026-06-15T11:01:00.000Z' }, false],
    ['are the same where the findings come in another order', { findings: [b, finding()] }, true],
    ['differ by a finding', { findings: [finding()] }, false],
    ['differ by what is said of a finding', { findings: [finding({ exploited: true }), b] }, false],
    ['differ by the findings that there was no room for', { omittedFindings: 1 }, false],
    ['are the same where the tags come in another order', { tags: ['latest', '1.0'] }, true],
    ['differ by their tags', { tags: ['1.0', 'stable'] }, false],
    ['differ where one is inactive', { inactive: { at: NOW, why: 'gone' } }, false],
  ])('%s', (_name, changes, same) => {
    const one = blocker({ tags: ['1.0', 'latest'], findings: [finding(), b] });
    expect(sameBlocker(one, { ...one, ...changes })).toBe(same);
  });

  it.each<[string, InactiveReason, Blocker['inactive'], boolean]>([
    ['are the same where both are gone', 'gone', { at: NOW, why: 'gone' }, true],
    ['differ where one is gone and one out of scope', 'gone', { at: NOW, why: 'outOfScope' }, false],
    [
      'are the same where both are exempted within a minute',
      'exempted',
      { at: '2026-06-12T12:00:59.999Z', why: 'exempted' },
      true,
    ],
    [
      'differ where one is exempted a minute later',
      'exempted',
      { at: '2026-06-12T12:01:00.000Z', why: 'exempted' },
      false,
    ],
  ])('%s', (_name, why, other, same) => {
    expect(sameBlocker(inactive(3, why), { ...inactive(3), inactive: other })).toBe(same);
  });
});

describe('a known exploit', () => {
  it.each<[string, readonly Blocker[], boolean]>([
    ['is none without blockers', [], false],
    ['is none among ordinary findings', [blocker(), blocker()], false],
    [
      'is found in any finding of any blocker',
      [blocker(), blocker({ findings: [finding(), finding({ exploited: true })] })],
      true,
    ],
  ])('%s', (_name, blockers, exploited) => {
    expect(isExploited(blockers)).toBe(exploited);
  });
});
