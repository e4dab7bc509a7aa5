// The reconcile loop over a small world: what is closed and notified, whatever woke it.
import { describe, expect, it } from 'vitest';
import { packRecord } from '../../../shared/gate/record-codec.ts';
import type { ImageObservation, Report } from '../../../shared/reconcile/observation.ts';
import { reconcile } from '../../../shared/reconcile/reconcile.ts';
import type { ReconcileRequest } from '../../../shared/reconcile/request.ts';
import { digest, exception, finding, GATE, hoursLater, NOW, policy, present, rules } from '../samples.ts';
import { notified, reconcileOnce, resultOnce, VIOLATING, violating, writes } from './reconciling.ts';
import type { World } from './world.ts';

describe('closing', () => {
  it('records the intent, writes, confirms and tells, in this order', async () => {
    const world = await violating();
    const decision = await reconcileOnce(world);
    expect(world.calls).toEqual([
      'load',
      'observe',
      'read',
      'load brake',
      'save brake',
      'save',
      'write closed',
      'save',
      'notify',
      'save',
    ]);
    expect(decision).toMatchObject({
      from: { kind: 'open' },
      to: { kind: 'closed' },
      action: 'closed',
      change: { before: 'absent', after: 'current' },
    });
    expect(world.record(GATE)).toMatchObject({ state: { kind: 'closed' }, since: NOW, closedSince: NOW, pending: [] });
    expect(notified(world)).toEqual(['closed']);
  });

  it('logs what was decided, once', async () => {
    const world = await violating();
    world.repository().images.set(digest(2), { findings: [finding({ severity: 'LOW' })] });
    world.repository().images.set(digest(3), { findings: [finding({ state: 'suppressed' })] });
    const old = exception({ expiresAt: hoursLater(-1) });
    const decision = await reconcileOnce(
      world,
      { scope: 'all', triggers: ['sweep'] },
      rules({ policy: policy({ exceptions: [old] }) }),
    );
    expect(world.decisions).toEqual([decision]);
    expect(decision).toMatchObject({
      gate: GATE,
      triggers: ['sweep'],
      mode: 'enforce',
      allowed: 1,
      unconfirmed: [],
      expiredExceptions: [old],
    });
    expect(decision.images.map((image) => `${image.digest} ${image.kind}`)).toEqual([
      `${digest(1)} holds`,
      `${digest(3)} none`,
    ]);
  });

  it('the same event 1,000 times: one write of the policy, one notification', async () => {
    const world = await violating();
    for (let times = 0; times < 1_000; times++) await reconcileOnce(world);
    expect([writes(world), notified(world)]).toEqual([['write closed'], ['closed']]);
    expect(world.calls.filter((call) => call === 'save').length).toBe(3);
  });

  it('a second image that violates is added without a write or a notice', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(2), VIOLATING);
    const { action } = await reconcileOnce(world, { scope: [digest(2)] });
    expect([action, writes(world), notified(world)]).toEqual(['nothing', [], []]);
    expect(world.record(GATE)?.blockers.map((one) => one.digest)).toEqual([digest(1), digest(2)]);
  });

  it('our statement removed by a person: the sweep puts it back', async () => {
    const world = await violating(true);
    world.repository().ours = 'absent';
    const { action } = await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] });
    expect([action, writes(world), notified(world)]).toEqual(['restored', ['write closed'], ['restored']]);
  });

  it('our statement written by an older config: written anew, and the gate stays closed since when it was', async () => {
    const world = await violating(true);
    world.repository().ours = 'outdated';
    world.now = hoursLater(5);
    const { action } = await reconcileOnce(world);
    expect([action, writes(world)]).toEqual(['restored', ['write closed']]);
    expect(world.record(GATE)).toMatchObject({ since: NOW, closedSince: NOW });
  });

  it('no repository: nothing to close', async () => {
    const world = await violating(true);
    world.repositories.clear();
    const { to, action } = await reconcileOnce(world, { scope: 'all' });
    expect([to.kind, action, notified(world)]).toEqual(['open', 'opened', ['opened']]);
  });

  it('a registry that refuses: told in the decision, not tried again by itself, and the intent stays', async () => {
    const world = await violating();
    world.repository().refuses = 'statement "Build" names a deleted role';
    const decision = await reconcileOnce(world);
    expect(decision).toMatchObject({
      to: { kind: 'closing' },
      action: 'refused',
      problem: 'statement "Build" names a deleted role',
    });
    expect([writes(world), notified(world), world.record(GATE)?.state.kind]).toEqual([['write closed'], [], 'closing']);
  });

  it('a registry that refuses to put our closing back: the record does not claim what is not there', async () => {
    const world = await violating(true);
    world.repository().ours = 'absent';
    world.repository().refuses = 'not allowed';
    const claims = [world.record(GATE)?.claimed];
    await reconcileOnce(world);
    expect([...claims, world.record(GATE)?.claimed]).toEqual([true, undefined]);
  });

  it('refused, then fixed by a person: the next observation closes', async () => {
    const world = await violating();
    world.repository().refuses = 'too long';
    await reconcileOnce(world);
    world.repository().refuses = undefined;
    expect([(await reconcileOnce(world)).action, notified(world)]).toEqual(['closed', ['closed']]);
  });
});

describe('an event that is faster than the provider', () => {
  const activeFindings = [{ id: 'CVE-2024-6119', digest: digest(1) }];

  it.each<[string, (world: World) => void, Partial<ReconcileRequest>, readonly string[], number]>([
    ['a finding that is shown is confirmed, without asking', () => {}, { activeFindings }, [], 0],
    [
      'a finding that is not shown and not known is retried',
      (world) => world.unknownFindings.add('new'),
      { activeFindings: [{ id: 'new', digest: digest(1) }] },
      ['new'],
      1,
    ],
    [
      'a finding that is known in another state is confirmed where nobody knows how old the event is',
      () => {},
      { activeFindings: [{ id: 'closed', digest: digest(1) }] },
      [],
      1,
    ],
    [
      'a finding that is known in another state is confirmed where the event is two minutes old',
      () => {},
      { activeFindings: [{ id: 'closed', digest: digest(1), at: hoursLater(-2 / 60) }] },
      [],
      1,
    ],
    [
      'a finding that is not shown so soon after the event is retried, without asking',
      () => {},
      { activeFindings: [{ id: 'reactivated', digest: digest(1), at: hoursLater(-1 / 60) }] },
      ['reactivated'],
      0,
    ],
    [
      'a finding of two events comes back once, for the younger',
      (world) => world.unknownFindings.add('reactivated'),
      {
        activeFindings: [
          { id: 'reactivated', digest: digest(1), at: hoursLater(-1.5) },
          { id: 'reactivated', digest: digest(1), at: NOW },
        ],
      },
      ['reactivated'],
      1,
    ],
    [
      'a finding of an image that is gone is not waited for',
      (world) => world.unknownFindings.add('new'),
      { activeFindings: [{ id: 'new', digest: digest(2) }], scope: [digest(2)] },
      [],
      0,
    ],
    [
      'a finding of an image that was not looked at is not waited for',
      (world) => world.unknownFindings.add('new'),
      { activeFindings: [{ id: 'new', digest: digest(3) }] },
      [],
      0,
    ],
  ])('%s', async (_name, prepare, hint, unconfirmed, asked) => {
    const world = await violating();
    prepare(world);
    const decision = await reconcileOnce(world, hint);
    expect(decision.unconfirmed).toEqual(unconfirmed);
    expect(world.calls.filter((call) => call === 'unknownFindings').length).toBe(asked);
  });
});

describe('an event about an image that is gone', () => {
  const activeFindings = [{ id: 'new', digest: digest(2) }];

  it.each<[string, readonly Report[] | undefined, readonly string[]]>([
    ['is not waited for where the provider is not asked about images that are gone', undefined, []],
    ['is retried if the provider does not know its finding', [], ['new']],
    ['is confirmed if the provider knows it', [{ id: 'new', status: 'resolved', findings: [] }], []],
  ])('%s', async (_name, reports, unconfirmed) => {
    const world = await violating();
    world.unknownFindings.add('new');
    const gone = { digest: digest(2), presence: 'gone', ...(reports === undefined ? {} : { reports }) } as const;
    const registry = { ...world.ports.registry, observe: async () => [gone] };
    const { decision } = await reconcile(
      { gate: GATE, scope: [digest(2)], triggers: ['finding'], activeFindings },
      rules(),
      { ...world.ports, registry },
    );
    expect([decision.unconfirmed, decision.to, decision.action]).toEqual([unconfirmed, { kind: 'open' }, 'nothing']);
  });
});

describe('an event that is newer than what the provider shows', () => {
  const ID = 'CVE-2024-6119';
  const shown = (reportedAt?: string): readonly Report[] => [
    { id: ID, status: 'active', reportedAt, findings: [finding()] },
  ];
  const RETRIED = { id: ID, why: `the scanner shows ${ID} only as it was before the event`, finally: 'done' };
  it.each<[string, string | undefined, string | undefined, boolean]>([
    ['is not what was shown', hoursLater(-1), NOW, true],
    ['is confirmed by what is as new', NOW, NOW, false],
    ['is confirmed by what is newer', hoursLater(1), NOW, false],
    ['is not waited for where it says nothing of its time', hoursLater(-1), undefined, false],
    ['is not waited for where the provider says nothing of its times', undefined, NOW, false],
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
          activeFindings: [{ id: ID, digest: image.digest, notBefore }],
        },
        rules(),
        { ...world.ports, registry: { ...world.ports.registry, observe: async () => [image] } },
      );
      expect(result).toMatchObject(isOutdated ? { kind: 'retry', findings: [RETRIED] } : { kind: 'done' });
      expect(result.decision.unconfirmed).toEqual([]);
    }
  });

  it('says nothing of an image that was not looked at', async () => {
    const world = await violating();
    const activeFindings = [{ id: ID, digest: digest(9), notBefore: NOW }];
    expect(await resultOnce(world, { activeFindings })).toMatchObject({ kind: 'done' });
  });

  it('closes for what is shown all the same', async () => {
    const world = await violating();
    const image = present({ reports: shown(hoursLater(-1)) });
    const result = await reconcile(
      {
        gate: GATE,
        scope: [image.digest],
        triggers: ['finding'],
        activeFindings: [{ id: ID, digest: image.digest, notBefore: NOW }],
      },
      rules(),
      { ...world.ports, registry: { ...world.ports.registry, observe: async () => [image] } },
    );
    expect(result).toMatchObject({ kind: 'retry', findings: [RETRIED], decision: { action: 'closed' } });
  });
});

describe('a stored record', () => {
  it('survives the way to the table and back', async () => {
    const world = await violating(true);
    const stored = world.record(GATE);
    if (stored === undefined) throw new Error('expected a record, found none');
    expect(JSON.parse(packRecord(stored))).toMatchObject({ format: 1, findings: [{ vulnerability: 'CVE-2024-6119' }] });
  });
});
