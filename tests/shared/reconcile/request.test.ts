// Reports in events that the scanner has not confirmed yet: which messages are retried.
import { describe, expect, it } from 'vitest';
import type { ImageObservation, Report } from '../../../shared/reconcile/observation.ts';
import { reconcile } from '../../../shared/reconcile/reconcile.ts';
import type { ReconcileRequest } from '../../../shared/reconcile/request.ts';
import { digest, finding, GATE, hoursLater, NOW, present, rules } from '../samples.ts';
import { reconcileOnce, resultOnce, violating } from './reconciling.ts';
import type { World } from './world.ts';

describe('an event that arrives before the provider’s data', () => {
  const namedReports = [{ id: 'CVE-2024-6119', digest: digest(1) }];
  const SUPPRESSED: readonly Report[] = [{ id: 'new', status: 'suppressed', findings: [] }];

  it.each<[string, (world: World) => void, Partial<ReconcileRequest>, readonly string[], number]>([
    ['a listed finding is confirmed without a call', () => {}, { namedReports }, [], 0],
    [
      'a finding that is listed in a different state than in the event needs a call',
      (world) => world.repository().images.set(digest(1), { reports: SUPPRESSED }),
      { namedReports: [{ id: 'new', digest: digest(1), status: 'active' }] },
      [],
      1,
    ],
    [
      'a listed finding is confirmed in any state without a call if the event has no state',
      (world) => world.repository().images.set(digest(1), { reports: SUPPRESSED }),
      { namedReports: [{ id: 'new', digest: digest(1) }] },
      [],
      0,
    ],
    [
      'a finding that is listed in the state of the event is confirmed without a call',
      () => {},
      { namedReports: [{ id: 'CVE-2024-6119', digest: digest(1), status: 'active' }] },
      [],
      0,
    ],
    [
      'a finding that is neither listed nor known is retried',
      (world) => world.unknownReports.add('new'),
      { namedReports: [{ id: 'new', digest: digest(1) }] },
      ['new'],
      1,
    ],
    [
      'a finding that is known in another state is confirmed if the event has no time',
      () => {},
      { namedReports: [{ id: 'closed', digest: digest(1) }] },
      [],
      1,
    ],
    [
      'a finding that is known in another state is confirmed if the event is two minutes old',
      () => {},
      { namedReports: [{ id: 'closed', digest: digest(1), at: hoursLater(-2 / 60) }] },
      [],
      1,
    ],
    [
      'a finding that is not listed soon after the event is retried without a call',
      () => {},
      { namedReports: [{ id: 'reactivated', digest: digest(1), at: hoursLater(-1 / 60) }] },
      ['reactivated'],
      0,
    ],
    [
      'a finding in two events is retried once, because of the more recent one',
      (world) => world.unknownReports.add('reactivated'),
      {
        namedReports: [
          { id: 'reactivated', digest: digest(1), at: hoursLater(-1.5) },
          { id: 'reactivated', digest: digest(1), at: NOW },
        ],
      },
      ['reactivated'],
      1,
    ],
    [
      'a finding of an image that is gone is not awaited',
      (world) => world.unknownReports.add('new'),
      { namedReports: [{ id: 'new', digest: digest(2) }], scope: [digest(2)] },
      [],
      0,
    ],
    [
      'a finding of an image that was not observed is not awaited',
      (world) => world.unknownReports.add('new'),
      { namedReports: [{ id: 'new', digest: digest(3) }] },
      [],
      0,
    ],
  ])('%s', async (_name, prepare, hint, awaited, asked) => {
    const world = await violating();
    prepare(world);
    const decision = await reconcileOnce(world, hint);
    expect(decision.awaited).toEqual(awaited);
    expect(world.calls.filter((call) => call === 'unknownReports').length).toBe(asked);
  });
});

describe('an event about an image that is gone', () => {
  const namedReports = [{ id: 'new', digest: digest(2) }];

  it.each<[string, readonly Report[] | undefined, readonly string[]]>([
    ['is not awaited if the provider does not report images that are gone', undefined, []],
    ['is retried if the provider does not know its finding', [], ['new']],
    ['is confirmed if the provider knows it', [{ id: 'new', status: 'resolved', findings: [] }], []],
  ])('%s', async (_name, reports, awaited) => {
    const world = await violating();
    world.unknownReports.add('new');
    const gone = { digest: digest(2), presence: 'gone', ...(reports === undefined ? {} : { reports }) } as const;
    const registry = { ...world.ports.registry, observe: async () => [gone] };
    const { decision } = await reconcile(
      { gate: GATE, scope: [digest(2)], triggers: ['finding'], namedReports },
      rules(),
      { ...world.ports, registry },
    );
    expect([decision.awaited, decision.to, decision.action]).toEqual([awaited, { kind: 'open' }, 'nothing']);
  });
});

describe('an event that is newer than the provider’s data', () => {
  const ID = 'CVE-2024-6119';
  const shown = (reportedAt?: string): readonly Report[] => [
    { id: ID, status: 'active', reportedAt, findings: [finding()] },
  ];
  const RETRIED = { id: ID, why: `the scanner still shows ${ID} as it was before the event`, whenUsedUp: 'done' };
  it.each<[string, string | undefined, string | undefined, boolean]>([
    ['is stale if the report is older', hoursLater(-1), NOW, true],
    ['is confirmed by a report of the same time', NOW, NOW, false],
    ['is confirmed by a newer report', hoursLater(1), NOW, false],
    ['is not awaited if it has no time', hoursLater(-1), undefined, false],
    ['is not awaited if the report has no time', undefined, NOW, false],
  ])('%s', async (_name, reportedAt, notBefore, isOutdated) => {
    const observations: readonly ImageObservation[] = [
      present({ reports: shown(reportedAt) }),
      { digest: digest(2), presence: 'gone', reports: shown(reportedAt) },
    ];
    for (const image of observations) {
      const world = await violating();
      const result = await reconcile(
        {
          gate: GATE,
          scope: [image.digest],
          triggers: ['finding'],
          namedReports: [{ id: ID, digest: image.digest, notBefore }],
        },
        rules(),
        { ...world.ports, registry: { ...world.ports.registry, observe: async () => [image] } },
      );
      expect(result).toMatchObject(isOutdated ? { kind: 'retry', reports: [RETRIED] } : { kind: 'done' });
      expect(result.decision.awaited).toEqual([]);
    }
  });

  it('is not awaited for an image that was not observed', async () => {
    const world = await violating();
    const namedReports = [{ id: ID, digest: digest(9), notBefore: NOW }];
    expect(await resultOnce(world, { namedReports })).toMatchObject({ kind: 'done' });
  });

  it('still closes the gate for the findings that are listed', async () => {
    const world = await violating();
    const image = present({ reports: shown(hoursLater(-1)) });
    const result = await reconcile(
      {
        gate: GATE,
        scope: [image.digest],
        triggers: ['finding'],
        namedReports: [{ id: ID, digest: image.digest, notBefore: NOW }],
      },
      rules(),
      { ...world.ports, registry: { ...world.ports.registry, observe: async () => [image] } },
    );
    expect(result).toMatchObject({ kind: 'retry', reports: [RETRIED], decision: { action: 'closed' } });
  });
});
