// Reports that the provider suppresses or resolves as a whole: what releases a blocker, what only exempts it, and what
// still wants proof.
import { describe, expect, it } from 'vitest';
import { MAX_FINDINGS, MAX_FINDINGS_OF_IMAGE } from '../../../shared/gate/image-evaluation.ts';
import type { Report, ReportStatus } from '../../../shared/reconcile/observation.ts';
import { notified, reconcileOnce } from '../reconcile/reconciling.ts';
import { newWorld } from '../reconcile/world.ts';
import { blocker, digest, finding, GATE, present } from '../samples.ts';
import { type Changes, evaluateChanges, excepted, inactive, inShort, OTHER, UNTRIAGED } from './evaluating.ts';

const FIRST = finding({ report: 'first' });
const SECOND = { ...OTHER, report: 'second' };
const BOTH = blocker({ findings: [FIRST, SECOND] });
const UNPROVEN = { kind: 'unproven', detail: 'no word of it' } as const;

/** What the provider says of reports as a whole. */
const reportsFrom = (statuses: Readonly<Record<string, ReportStatus>>) =>
  Object.entries(statuses).map(([id, status]): Report => ({ id, status, findings: [] }));

/** An image with these findings of today, and these statuses of its reports. */
const image = (reports: Readonly<Record<string, ReportStatus>>, ...findings: readonly (typeof FIRST)[]) =>
  present({ findings, reports: reportsFrom(reports) });

describe('a blocker whose findings came in reports', () => {
  it.each<[string, Changes, string]>([
    [
      'each of them resolved: released',
      { image: image({ first: 'resolved', second: 'resolved' }) },
      'released: resolved',
    ],
    [
      'one resolved, one suppressed: exempted, and remembered',
      { image: image({ first: 'resolved', second: 'suppressed' }) },
      'inactive: exempted',
    ],
    [
      'each of them suppressed: exempted',
      { image: image({ first: 'suppressed', second: 'suppressed' }) },
      'inactive: exempted',
    ],
    [
      'one suppressed and still shown, one resolved: exempted',
      { image: image({ first: 'suppressed', second: 'resolved' }, { ...FIRST, state: 'suppressed' }) },
      'inactive: exempted',
    ],
    [
      'one resolved, no word of the other: holds',
      { image: image({ first: 'resolved' }) },
      'holds: unproven: no word of it',
    ],
    [
      'one resolved, the other excepted: exempted',
      { image: image({ second: 'resolved' }), policy: excepted },
      'inactive: exempted',
    ],
    ['no word of any: holds', { image: image({}) }, 'holds: unproven: no word of it'],
    [
      'only a report of something else resolved: holds',
      { image: image({ third: 'resolved' }) },
      'holds: unproven: no word of it',
    ],
    [
      'one resolved, the other violates still: holds',
      { image: image({ first: 'resolved' }, SECOND) },
      'holds: violates',
    ],
    [
      'each of them resolved, but findings that the record had no room for: holds',
      { blocker: { ...BOTH, omittedFindings: 1 }, image: image({ first: 'resolved', second: 'resolved' }) },
      'holds: unproven: no word of it',
    ],
    [
      'each of them resolved, and a new finding of unknown severity: undetermined releases no blocker',
      { image: image({ first: 'resolved', second: 'resolved' }, UNTRIAGED) },
      'holds: undetermined',
    ],
    [
      'each of them resolved, and a new finding that does not violate: released',
      {
        image: image(
          { first: 'resolved', second: 'resolved' },
          finding({ vulnerability: 'CVE-2026-3', severity: 'LOW' }),
        ),
      },
      'released: resolved',
    ],
    [
      'a finding without a report is cleared by none: holds',
      { blocker: blocker({ findings: [FIRST, OTHER] }), image: image({ first: 'resolved' }) },
      'holds: unproven: no word of it',
    ],
    [
      'one that was exempted before, resolved now: released',
      { blocker: { ...inactive(3, 'exempted'), findings: [FIRST] }, image: image({ first: 'resolved' }) },
      'released: resolved',
    ],
    [
      'one that was exempted before, no word of it now: holds again',
      { blocker: { ...inactive(3, 'exempted'), findings: [FIRST] }, image: image({}) },
      'holds: unproven: no word of it',
    ],
    [
      'one that was gone, back again, all resolved: released',
      { blocker: { ...inactive(3), findings: [FIRST] }, image: image({ first: 'resolved' }) },
      'released: resolved',
    ],
    [
      'each of them resolved, and it does not count any more: inactive, for it may count again',
      { image: image({ first: 'resolved', second: 'resolved' }), inScope: false },
      'inactive: outOfScope',
    ],
    [
      'resolved, but still shown under another name, and excepted: exempted, and remembered',
      {
        blocker: blocker({ findings: [FIRST] }),
        image: image({ first: 'resolved' }, { ...FIRST, report: 'renamed' }),
        policy: excepted,
      },
      'inactive: exempted',
    ],
    [
      'one that was gone, all resolved, and a finding of unknown severity: not forgotten',
      { blocker: { ...inactive(3), findings: [FIRST] }, image: image({ first: 'resolved' }, UNTRIAGED) },
      'inactive: exempted',
    ],
    [
      'an image that was no blocker: nothing',
      { blocker: undefined, image: image({ first: 'resolved' }) },
      'none: allow',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges({ blocker: BOTH, scan: UNPROVEN, ...changes }))).toBe(expected);
  });

  it.each<[string, ReportStatus | undefined, readonly string[]]>([
    ['is dropped where its report is resolved', 'resolved', [SECOND.vulnerability]],
    ['is kept where its report is suppressed: that may end', 'suppressed', [FIRST.vulnerability, SECOND.vulnerability]],
    ['is kept where there is no word of its report', undefined, [FIRST.vulnerability, SECOND.vulnerability]],
  ])('a recorded finding, while another violates, %s', (_name, how, recorded) => {
    const evaluation = evaluateChanges({
      blocker: BOTH,
      image: image(how === undefined ? {} : { first: how }, SECOND),
    });
    const kept = evaluation.kind === 'holds' ? evaluation.blocker.findings.map((one) => one.vulnerability) : [];
    expect(kept.toSorted()).toEqual(recorded.toSorted());
  });

  it('which are reported anew under another name hold by that one', () => {
    const renamed = { ...FIRST, report: 'renamed' };
    const evaluation = evaluateChanges({
      blocker: blocker({ findings: [FIRST] }),
      image: image({ first: 'resolved' }, renamed),
    });
    expect(evaluation.kind === 'holds' && evaluation.blocker.findings).toEqual([renamed]);
  });
});

describe('a gate whose blocker is resolved', () => {
  it('opens, says how, and forgets the image', async () => {
    const world = newWorld();
    world.repository().images.set(digest(1), { findings: [FIRST] });
    await reconcileOnce(world);
    world.repository().images.set(digest(1), { reports: reportsFrom({ first: 'resolved' }) });
    const { to, images } = await reconcileOnce(world);
    expect([to.kind, images, notified(world), world.record(GATE)?.blockers]).toEqual([
      'open',
      [{ digest: digest(1), kind: 'cleared', how: 'resolved' }],
      ['closed', 'opened'],
      [],
    ]);
    expect(world.notices.at(-1)).toMatchObject({ clearances: [{ digest: digest(1), how: 'resolved' }] });
    expect(world.calls).not.toContain('scans');
  });
});

describe('an image that is a gate of its own', () => {
  const findings = Array.from({ length: MAX_FINDINGS_OF_IMAGE + 3 }, (_, number) =>
    finding({ vulnerability: `CVE-2026-${number}` }),
  );

  it.each([
    [
      'keeps ten times as many findings as one of a repository',
      { ...GATE, digest: digest(1) },
      MAX_FINDINGS_OF_IMAGE,
      3,
    ],
    ['of a repository keeps fewer', GATE, MAX_FINDINGS, MAX_FINDINGS_OF_IMAGE + 3 - MAX_FINDINGS],
  ])('%s', async (_name, gate, kept, omitted) => {
    const world = newWorld();
    world.repository().images.set(digest(1), { findings });
    await reconcileOnce(world, { gate });
    const [only] = world.record(gate)?.blockers ?? [];
    expect([only?.findings.length, only?.omittedFindings]).toEqual([kept, omitted]);
  });

  it('is closed beside another of the same repository, each with its own record', async () => {
    const world = newWorld();
    for (const number of [1, 2]) world.repository().images.set(digest(number), { findings: [FIRST] });
    for (const number of [1, 2]) {
      await reconcileOnce(world, { gate: { ...GATE, digest: digest(number) }, scope: [digest(number)] });
    }
    const blockersOf = (number: number) =>
      world.record({ ...GATE, digest: digest(number) })?.blockers.map((one) => one.digest);
    expect([blockersOf(1), blockersOf(2), world.record(GATE)]).toEqual([[digest(1)], [digest(2)], undefined]);
  });
});
