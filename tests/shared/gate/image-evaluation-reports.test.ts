// Reports that the provider suppresses or resolves as a whole: which statuses release a blocker, which exempt it, and
// which need proof.
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

/** The provider's statuses for whole reports. */
const reportsFrom = (statuses: Readonly<Record<string, ReportStatus>>) =>
  Object.entries(statuses).map(([id, status]): Report => ({ id, status, findings: [] }));

/** An image with these current findings and these report statuses. */
const image = (reports: Readonly<Record<string, ReportStatus>>, ...findings: readonly (typeof FIRST)[]) =>
  present({ findings, reports: reportsFrom(reports) });

describe('a blocker whose findings have reports', () => {
  it.each<[string, Changes, string]>([
    [
      'is released if every report is resolved',
      { image: image({ first: 'resolved', second: 'resolved' }) },
      'released: resolved',
    ],
    [
      'is exempt and remembered if one report is resolved and one suppressed',
      { image: image({ first: 'resolved', second: 'suppressed' }) },
      'inactive: exempted',
    ],
    [
      'is exempt if every report is suppressed',
      { image: image({ first: 'suppressed', second: 'suppressed' }) },
      'inactive: exempted',
    ],
    [
      'is exempt if one report is suppressed but still listed and one is resolved',
      { image: image({ first: 'suppressed', second: 'resolved' }, { ...FIRST, state: 'suppressed' }) },
      'inactive: exempted',
    ],
    [
      'stays active if one report is resolved and one has no status',
      { image: image({ first: 'resolved' }) },
      'holds: unproven: no word of it',
    ],
    [
      'is exempt if one report is resolved and the other finding has an exception',
      { image: image({ second: 'resolved' }), policy: excepted },
      'inactive: exempted',
    ],
    ['stays active if no report has a status', { image: image({}) }, 'holds: unproven: no word of it'],
    [
      'stays active if only another report is resolved',
      { image: image({ third: 'resolved' }) },
      'holds: unproven: no word of it',
    ],
    [
      'stays active if one report is resolved and the other finding still violates',
      { image: image({ first: 'resolved' }, SECOND) },
      'holds: violates',
    ],
    [
      'stays active if every report is resolved but some findings did not fit into the record',
      { blocker: { ...BOTH, omittedFindings: 1 }, image: image({ first: 'resolved', second: 'resolved' }) },
      'holds: unproven: no word of it',
    ],
    [
      'stays active if every report is resolved and a new finding is undetermined',
      { image: image({ first: 'resolved', second: 'resolved' }, UNTRIAGED) },
      'holds: undetermined',
    ],
    [
      'is released if every report is resolved and a new finding does not violate',
      {
        image: image(
          { first: 'resolved', second: 'resolved' },
          finding({ vulnerability: 'CVE-2026-3', severity: 'LOW' }),
        ),
      },
      'released: resolved',
    ],
    [
      'stays active if a finding has no report',
      { blocker: blocker({ findings: [FIRST, OTHER] }), image: image({ first: 'resolved' }) },
      'holds: unproven: no word of it',
    ],
    [
      'is released if it was exempt before and is resolved now',
      { blocker: { ...inactive(3, 'exempted'), findings: [FIRST] }, image: image({ first: 'resolved' }) },
      'released: resolved',
    ],
    [
      'is active again if it was exempt before and has no status now',
      { blocker: { ...inactive(3, 'exempted'), findings: [FIRST] }, image: image({}) },
      'holds: unproven: no word of it',
    ],
    [
      'is released if it was gone, is back, and every report is resolved',
      { blocker: { ...inactive(3), findings: [FIRST] }, image: image({ first: 'resolved' }) },
      'released: resolved',
    ],
    [
      'is inactive if every report is resolved and it is out of scope',
      { image: image({ first: 'resolved', second: 'resolved' }), inScope: false },
      'inactive: outOfScope',
    ],
    [
      'is exempt and remembered if it is resolved but listed in another report and has an exception',
      {
        blocker: blocker({ findings: [FIRST] }),
        image: image({ first: 'resolved' }, { ...FIRST, report: 'renamed' }),
        policy: excepted,
      },
      'inactive: exempted',
    ],
    [
      'is remembered if it was gone, every report is resolved, and a finding is undetermined',
      { blocker: { ...inactive(3), findings: [FIRST] }, image: image({ first: 'resolved' }, UNTRIAGED) },
      'inactive: exempted',
    ],
    [
      'has no effect if it was not a blocker before',
      { blocker: undefined, image: image({ first: 'resolved' }) },
      'none: allow',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges({ blocker: BOTH, scan: UNPROVEN, ...changes }))).toBe(expected);
  });

  it.each<[string, ReportStatus | undefined, readonly string[]]>([
    ['is dropped if its report is resolved', 'resolved', [SECOND.vulnerability]],
    [
      'is kept if its report is suppressed, because that may end',
      'suppressed',
      [FIRST.vulnerability, SECOND.vulnerability],
    ],
    ['is kept if its report has no status', undefined, [FIRST.vulnerability, SECOND.vulnerability]],
  ])('a recorded finding %s while another violates', (_name, how, recorded) => {
    const evaluation = evaluateChanges({
      blocker: BOTH,
      image: image(how === undefined ? {} : { first: how }, SECOND),
    });
    const kept = evaluation.kind === 'holds' ? evaluation.blocker.findings.map((one) => one.vulnerability) : [];
    expect(kept.toSorted()).toEqual(recorded.toSorted());
  });

  it('stays active if its finding is reported again in another report', () => {
    const renamed = { ...FIRST, report: 'renamed' };
    const evaluation = evaluateChanges({
      blocker: blocker({ findings: [FIRST] }),
      image: image({ first: 'resolved' }, renamed),
    });
    expect(evaluation.kind === 'holds' && evaluation.blocker.findings).toEqual([renamed]);
  });
});

describe('a gate whose blocker is resolved', () => {
  it('opens, reports how, and forgets the image', async () => {
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

describe('an image gate', () => {
  const findings = Array.from({ length: MAX_FINDINGS_OF_IMAGE + 3 }, (_, number) =>
    finding({ vulnerability: `CVE-2026-${number}` }),
  );

  it.each([
    [
      'keeps ten times as many findings as an image of a repository gate',
      { ...GATE, digest: digest(1) },
      MAX_FINDINGS_OF_IMAGE,
      3,
    ],
    [
      'keeps more findings than an image of a repository gate',
      GATE,
      MAX_FINDINGS,
      MAX_FINDINGS_OF_IMAGE + 3 - MAX_FINDINGS,
    ],
  ])('%s', async (_name, gate, kept, omitted) => {
    const world = newWorld();
    world.repository().images.set(digest(1), { findings });
    await reconcileOnce(world, { gate });
    const [only] = world.record(gate)?.blockers ?? [];
    expect([only?.findings.length, only?.omittedFindings]).toEqual([kept, omitted]);
  });

  it('has its own record, next to another image gate of the repository', async () => {
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
