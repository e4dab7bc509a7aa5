// Notices as data: what they include about a state change, worst first, and how much.
import { describe, expect, it } from 'vitest';
import type { EvaluatedImage, NextBlockers } from '../../../shared/gate/blockers.ts';
import type { Notice, StableState } from '../../../shared/gate/record.ts';
import type { Verdict } from '../../../shared/policy/verdict.ts';
import { createNotice } from '../../../shared/report/notice.ts';
import { blocker, digest, exception, finding, hoursLater, NOW, present, record } from '../samples.ts';

const NOTHING: NextBlockers = { blockers: [], active: [], omitted: 0, clearances: [] };
const CLOSED: StableState = { kind: 'closed' };
const OPEN: StableState = { kind: 'open' };
const CLEAN: Verdict = { kind: 'allow', exempted: [] };

function notice(
  kind: Notice['kind'],
  state: StableState,
  next: Partial<NextBlockers>,
  evaluated: readonly EvaluatedImage[] = [],
): Notice {
  return createNotice(kind, state, {
    record: record(),
    next: { ...NOTHING, ...next },
    evaluated,
    override: undefined,
    inUse: undefined,
    otherLocks: undefined,
    now: NOW,
  });
}

describe('every notice', () => {
  it.each(['opened', 'cleared', 'closed'] as const)('(%s) names the locks of other deployments', (kind) => {
    const input = { record: record(), next: NOTHING, evaluated: [], override: undefined, inUse: undefined, now: NOW };
    const state = kind === 'closed' ? CLOSED : OPEN;
    expect(createNotice(kind, state, { ...input, otherLocks: ['another'] })).toMatchObject({ otherLocks: ['another'] });
    expect(createNotice(kind, state, { ...input, otherLocks: undefined })).not.toHaveProperty('otherLocks');
  });
});

describe('the notice of a closing', () => {
  it('names the blockers and the time of the closing', () => {
    expect(notice('closed', CLOSED, { active: [blocker()] })).toEqual({
      kind: 'closed',
      at: NOW,
      images: [{ digest: digest(1), tags: ['1.0'], findings: [finding()], moreFindings: 0 }],
      moreImages: 0,
      omittedImages: 0,
    });
  });

  it('has the use of each named image, and the sum of all, as observed now', () => {
    const usage = { inUseCount: 1, lastPulledAt: hoursLater(-48) };
    const active = [
      ...[1, 2, 3, 4, 5].map((number) => blocker({ digest: digest(number), usage })),
      blocker({ digest: digest(6), usage: { inUseCount: 0 } }),
      blocker({ digest: digest(7) }),
    ];
    const observed = blocker({ digest: digest(1), usage: { inUseCount: 3, lastInUseAt: hoursLater(-1) } });
    const evaluation = { kind: 'holds', blocker: observed, why: { kind: 'violates' }, verdict: CLEAN } as const;
    const gone = { image: { digest: digest(8), presence: 'gone' }, evaluation: { kind: 'forgotten' } } as const;
    const evaluated = [{ image: present({ digest: digest(1) }), evaluation }, gone];
    const { images, usage: sum } = notice('closed', CLOSED, { active, omitted: 2 }, evaluated);
    expect(images.map((image) => image.usage)).toEqual([observed.usage, usage, usage, usage, usage]);
    expect(sum).toEqual({
      ...{ images: 9, inUse: 5, workloads: 7, unknown: 3 },
      ...{ lastInUseAt: hoursLater(-1), lastPulledAt: hoursLater(-48) },
    });
  });

  it('lists five images and counts the others', () => {
    const active = Array.from({ length: 7 }, (_, number) => blocker({ digest: digest(number) }));
    const { images, moreImages } = notice('closed', CLOSED, { active });
    expect([images.map((image) => image.digest), moreImages]).toEqual([[0, 1, 2, 3, 4].map(digest), 2]);
  });

  it('lists the five worst findings of an image and counts the others', () => {
    const of = (vulnerability: string, severity: string, score?: number) => finding({ vulnerability, severity, score });
    const findings = [
      of('unknown', 'UNTRIAGED'),
      of('low', 'LOW'),
      of('critical', 'CRITICAL'),
      of('never-seen', 'CATASTROPHIC'),
      of('medium', 'MEDIUM'),
      of('derived-critical', 'UNTRIAGED', 9.8),
      of('high', 'HIGH'),
    ] as const;
    const [image] = notice('closed', CLOSED, {
      active: [blocker({ findings: [findings[0], ...findings.slice(1)] })],
    }).images;
    expect(image?.findings.map((one) => one.vulnerability)).toEqual([
      'critical',
      'derived-critical',
      'high',
      'medium',
      'low',
    ]);
    expect(image?.moreFindings).toBe(2);
  });

  it('says what a gate waits for', () => {
    const waiting = notice('waiting', { kind: 'waiting', for: 'brake' }, { active: [blocker()] });
    expect(waiting).toMatchObject({ kind: 'waiting', waiting: { for: 'brake' } });
  });
});

describe('the notice of an opening', () => {
  const allow: Verdict = { kind: 'allow', exempted: [] };
  const excepted: Verdict = {
    kind: 'allow',
    exempted: [{ finding: finding(), exemption: { kind: 'exception', exception: exception() } }],
  };
  const undetermined: Verdict = {
    kind: 'undetermined',
    undetermined: [finding({ severity: 'UNTRIAGED' }), finding()],
    exempted: [],
  };
  function stillPullable(next: Partial<NextBlockers>, evaluated: readonly EvaluatedImage[]) {
    const opened = notice('opened', OPEN, next, evaluated);
    return opened.kind === 'opened' ? opened.stillPullable : [];
  }
  const tagged = (number: number) => present({ digest: digest(number), tags: [`${number}.0`] });

  it('says since when the gate was closed, and how each of up to five blockers was cleared', () => {
    const clearances = Array.from({ length: 6 }, (_, number) => ({ digest: digest(number), how: 'gone' as const }));
    expect(notice('opened', OPEN, { clearances })).toMatchObject({
      closedSince: hoursLater(-24),
      clearances: clearances.slice(0, 5),
    });
  });

  it('lists images that can be pulled although they have findings, but no image that is gone', () => {
    const exempted = blocker({ digest: digest(9), inactive: { at: NOW, why: 'exempted' } });
    const evaluated: readonly EvaluatedImage[] = [
      { image: tagged(1), evaluation: { kind: 'none', verdict: allow } },
      { image: tagged(2), evaluation: { kind: 'none', verdict: excepted } },
      { image: tagged(3), evaluation: { kind: 'released', how: 'scanned', verdict: excepted } },
      { image: tagged(4), evaluation: { kind: 'none', verdict: undetermined } },
      { image: tagged(5), evaluation: { kind: 'forgotten' } },
      { image: tagged(9), evaluation: { kind: 'inactive', how: 'exempted', blocker: exempted, verdict: excepted } },
      { image: { digest: digest(6), presence: 'gone' }, evaluation: { kind: 'none', verdict: allow } },
    ];
    const blockers = [
      blocker({ digest: digest(7), inactive: { at: NOW, why: 'outOfScope' } }),
      blocker({ digest: digest(8), inactive: { at: NOW, why: 'gone' } }),
      exempted,
    ];
    const vulnerabilities = ['CVE-2024-6119'];
    expect(stillPullable({ blockers }, evaluated)).toEqual([
      { digest: digest(7), tags: ['1.0'], why: 'outOfScope', vulnerabilities },
      { digest: digest(9), tags: ['1.0'], why: 'exempted', vulnerabilities },
      { digest: digest(2), tags: ['2.0'], why: 'exempted', vulnerabilities },
      { digest: digest(3), tags: ['3.0'], why: 'exempted', vulnerabilities },
      { digest: digest(4), tags: ['4.0'], why: 'undetermined', vulnerabilities },
    ]);
  });

  it('lists at most five such images, with five vulnerabilities each', () => {
    const exempted = Array.from({ length: 7 }, (_, number) => ({
      finding: finding({ vulnerability: `CVE-2026-${number}` }),
      exemption: { kind: 'suppressed' as const },
    }));
    const evaluated = Array.from({ length: 6 }, (_, number): EvaluatedImage => {
      return { image: tagged(number), evaluation: { kind: 'none', verdict: { kind: 'allow', exempted } } };
    });
    const named = stillPullable({}, evaluated);
    expect(named.map((one) => one.digest)).toEqual([0, 1, 2, 3, 4].map(digest));
    expect(named[0]?.vulnerabilities).toEqual(['CVE-2026-0', 'CVE-2026-1', 'CVE-2026-2', 'CVE-2026-3', 'CVE-2026-4']);
  });

  it('is the only notice that lists them', () => {
    const evaluated: readonly EvaluatedImage[] = [
      { image: tagged(2), evaluation: { kind: 'none', verdict: excepted } },
    ];
    expect(notice('closed', CLOSED, { active: [blocker()] }, evaluated)).not.toHaveProperty('stillPullable');
  });
});
