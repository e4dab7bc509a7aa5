// The reconcile loop in a small world: what opens a closed gate, what does not, and what closes it again.
import { describe, expect, it } from 'vitest';
import type { GateRecord } from '../../../shared/gate/record.ts';
import type { Rules } from '../../../shared/reconcile/rules.ts';
import {
  blocker,
  daysLater,
  digest,
  exception,
  finding,
  GATE,
  hoursLater,
  NOW,
  policy,
  record,
  rules,
} from '../samples.ts';
import { EXCEPTED, notified, reconcileOnce, resultOnce, VIOLATING, violating, writes } from './reconciling.ts';
import { newWorld } from './world.ts';

describe('opening', () => {
  it('the blocker is deleted and another remains: stays closed; then none remains: opens', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(2), VIOLATING);
    await reconcileOnce(world, { scope: [digest(2)] });
    world.repository().images.delete(digest(1));
    const first = await reconcileOnce(world, { triggers: ['delete'] });
    world.repository().images.delete(digest(2));
    const second = await reconcileOnce(world, { scope: [digest(2)], triggers: ['delete'] });
    expect([first.to.kind, second.to.kind, second.action, notified(world)]).toEqual([
      'closed',
      'open',
      'opened',
      ['opened'],
    ]);
    expect(world.notices[0]).toMatchObject({ closedSince: NOW, clearances: [{ digest: digest(2), how: 'gone' }] });
  });

  it('the deleted blocker is pushed again (same digest) within 30 days: closes again, without a new scan', async () => {
    const world = await violating(true);
    world.repository().images.delete(digest(1));
    await reconcileOnce(world, { triggers: ['delete'] });
    world.now = daysLater(20);
    world.repository().images.set(digest(1), { tags: ['1.0'] });
    const { to, action } = await reconcileOnce(world, { triggers: ['push'] });
    expect([to.kind, action]).toEqual(['closed', 'restored']);
  });

  it('CLOSED event for the only finding; coverage INACTIVE, expired: stays closed; the log says that proof is missing', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'unproven', detail: 'SCAN_ELIGIBILITY_EXPIRED' } });
    const { to, images } = await reconcileOnce(world);
    expect([to.kind, images]).toMatchObject([
      'closed',
      [{ kind: 'holds', why: { kind: 'unproven', detail: 'SCAN_ELIGIBILITY_EXPIRED' } }],
    ]);
  });

  it('CLOSED event; scanned after the closing, nothing violates: opens', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'finished', at: hoursLater(1) } });
    world.now = hoursLater(2);
    const { kind, decision } = await resultOnce(world);
    expect([kind, decision.to.kind, decision.images]).toEqual([
      'done',
      'open',
      [{ digest: digest(1), kind: 'cleared', how: 'scanned' }],
    ]);
  });

  it('CLOSED event; a scan has just finished: stays closed and the message is retried; opens five minutes later', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'finished', at: hoursLater(1) } });
    world.now = hoursLater(1.01);
    const first = await resultOnce(world);
    world.now = hoursLater(1 + 5 / 60);
    const second = await resultOnce(world);
    expect(first).toMatchObject({
      kind: 'retry',
      reports: 'all',
      decision: { to: { kind: 'closed' }, images: [{ kind: 'holds', why: { kind: 'recentScan' } }] },
    });
    expect(second).toMatchObject({ kind: 'done', decision: { to: { kind: 'open' } } });
  });

  it('a scan finished just before an observation that takes ten minutes: stays closed', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'finished', at: hoursLater(1) } });
    world.now = hoursLater(1.01);
    world.around = (call, when) => {
      if (call === 'observe' && when === 'after') world.now = hoursLater(1.2);
    };
    const { kind, decision } = await resultOnce(world);
    expect([kind, decision.to.kind]).toEqual(['retry', 'closed']);
  });

  it('reads the lock under the older ids in the record, and the notice names the locks of other deployments', async () => {
    const world = await violating(true);
    const closed = world.record(GATE);
    if (closed !== undefined) world.save({ ...closed, lockIds: ['old'] });
    world.repository().otherLocks = ['another'];
    world.repository().images.delete(digest(1));
    await reconcileOnce(world, { triggers: ['delete'] });
    expect(world.calls).toContain('read also old');
    expect(world.notices.at(-1)).toMatchObject({ kind: 'opened', otherLocks: ['another'] });
    expect(world.record(GATE)?.lockIds).toEqual(['old']);
  });

  it('observes again between the intent and the write; the intent keeps all blockers', async () => {
    const world = await violating(true);
    world.repository().images.delete(digest(1));
    let intent: GateRecord | undefined;
    world.around = (call, when) => {
      if (call === 'write open' && when === 'before') intent = world.record(GATE);
    };
    await reconcileOnce(world, { triggers: ['delete'] });
    expect(world.calls).toEqual(['load', 'observe', 'read', 'save', 'observe', 'write open', 'save', 'notify', 'save']);
    const recorded = { since: NOW, violatedAt: NOW, closedAt: NOW };
    expect([intent?.state.kind, intent?.blockers]).toEqual(['opening', [blocker(recorded)]]);
    expect(world.record(GATE)?.blockers).toEqual([blocker({ ...recorded, inactive: { at: NOW, why: 'gone' } })]);
  });

  it('the blocker comes back just before the write: nothing is written, and the gate stays closed', async () => {
    const world = await violating(true);
    world.repository().images.delete(digest(1));
    world.around = (call, when) => {
      if (call === 'save' && when === 'before') world.repository().images.set(digest(1), VIOLATING);
    };
    const { to } = await reconcileOnce(world, { triggers: ['delete'] });
    expect([to.kind, writes(world), world.record(GATE)]).toMatchObject([
      'closed',
      [],
      { state: { kind: 'closed' }, closedSince: NOW },
    ]);
  });

  it('an exception is added after Inspector deleted the finding: opens, based on the recorded finding', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), {});
    const { to, images } = await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] }, EXCEPTED);
    expect([to.kind, images]).toEqual(['open', [{ digest: digest(1), kind: 'cleared', how: 'exempted' }]]);
    expect(world.calls).not.toContain('scans');
  });

  it('the exception expires and the finding is no longer reported: closes again for lack of a newer scan', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'finished', at: NOW } });
    await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] }, EXCEPTED);
    world.now = daysLater(40);
    const later = rules({ policy: policy({ exceptions: [exception({ expiresAt: daysLater(41) })] }) });
    const exempted = await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] }, later);
    world.now = daysLater(41);
    const { to, images } = await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] }, later);
    expect([exempted.to.kind, to.kind, images]).toMatchObject([
      'open',
      'closed',
      [{ kind: 'holds', why: { kind: 'unproven' } }],
    ]);
    expect(world.record(GATE)?.blockers).toMatchObject([{ since: daysLater(41), violatedAt: daysLater(40) }]);
  });

  it('the exception expires and a newer scan is clean: stays open, and the image is forgotten', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'finished', at: hoursLater(1) } });
    await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] }, EXCEPTED);
    world.now = daysLater(1);
    const { to, action } = await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] }, EXCEPTED);
    expect([to.kind, action, world.record(GATE)?.blockers]).toEqual(['open', 'nothing', []]);
  });

  it('an exempt finding stays in the log as long as it is reported', async () => {
    const world = await violating(true);
    await reconcileOnce(world, {}, EXCEPTED);
    const { images, allowed } = await reconcileOnce(world, {}, EXCEPTED);
    expect([images, allowed]).toMatchObject([
      [
        {
          digest: digest(1),
          kind: 'none',
          verdict: { kind: 'allow', exempted: [{ exemption: { kind: 'exception' } }] },
        },
      ],
      0,
    ]);
  });

  it('the only blocker among 50 signatures, attestations and expired images is deleted: opens', async () => {
    const world = await violating(true);
    for (let number = 100; number < 150; number++) world.repository().images.set(digest(number), {});
    world.repository().images.delete(digest(1));
    expect((await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] })).to.kind).toBe('open');
  });

  it('tag moved to a clean image, the blocker untagged, `images: tagged`: opens at the push', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { ...VIOLATING, tags: [] });
    world.repository().images.set(digest(2), { tags: ['1.0'] });
    const { to } = await reconcileOnce(world, { scope: [digest(2)], triggers: ['push'] });
    expect(to.kind).toBe('open');
    expect(world.notices[0]).toMatchObject({
      stillPullable: [{ digest: digest(1), tags: ['1.0'], why: 'outOfScope', vulnerabilities: ['CVE-2024-6119'] }],
    });
  });

  it.each(['push', 'delete'] as const)(
    'a %s that gives an inactive blocker its tag back: closes again',
    async (trigger) => {
      const world = await violating(true);
      world.repository().images.set(digest(1), { ...VIOLATING, tags: [] });
      await reconcileOnce(world, { triggers: ['push'] });
      world.repository().images.set(digest(1), VIOLATING);
      const unrelated = await reconcileOnce(world, { scope: [digest(2)], triggers: ['scan'] });
      const moved = await reconcileOnce(world, { scope: [digest(2)], triggers: [trigger] });
      expect([unrelated.to.kind, moved.to.kind]).toEqual(['open', 'closed']);
    },
  );

  it('a push with the most blockers that it observes, some inactive: observes them all', async () => {
    const world = newWorld();
    const inactive = { at: hoursLater(-1), why: 'gone' } as const;
    const blockers = Array.from({ length: 100 }, (_, number) =>
      blocker({ digest: digest(number), ...(number < 50 ? { inactive } : {}) }),
    );
    world.save(record({ blockers }));
    world.repository().ours = 'current';
    const { to, images } = await reconcileOnce(world, { scope: [digest(500)], triggers: ['push'] });
    expect([to.kind, images.length]).toEqual(['open', 50]);
  });

  it('a push with more blockers than it observes: the sweep observes them', async () => {
    const world = newWorld();
    const blockers = Array.from({ length: 101 }, (_, number) => blocker({ digest: digest(number) }));
    world.save(record({ blockers }));
    world.repository().ours = 'current';
    const atPush = await reconcileOnce(world, { scope: [digest(500)], triggers: ['push'] });
    const atSweep = await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] });
    expect([atPush.to.kind, atPush.images.length, atSweep.to.kind, atSweep.images.length]).toEqual([
      'closed',
      0,
      'open',
      101,
    ]);
  });

  it('omitted blockers: only a command opens the gate', async () => {
    const world = newWorld();
    world.save(record({ omittedBlockers: 2 }));
    world.repository().ours = 'current';
    const { to, action } = await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] });
    expect([to.kind, action, world.record(GATE)?.omittedBlockers]).toEqual(['closed', 'nothing', 2]);
  });

  it.each<[string, Rules, boolean]>([
    ['by a pause, and they are cleared', rules({ mode: 'pause' }), true],
    ['when its repository is deleted, and they are cleared', rules(), false],
  ])('omitted blockers: the gate opens %s', async (_name, byRules, exists) => {
    const world = newWorld();
    world.save(record({ omittedBlockers: 2 }));
    if (exists) world.repository().ours = 'current';
    const first = await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] }, byRules);
    const second = await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] });
    expect([first.action, world.record(GATE)?.omittedBlockers, second.to.kind]).toEqual(['opened', 0, 'open']);
  });

  it('an empty record is removed after 30 days, and not before', async () => {
    const world = await violating(true);
    world.repository().images.delete(digest(1));
    await reconcileOnce(world);
    world.now = daysLater(29.9);
    await reconcileOnce(world, { scope: 'all' });
    expect(world.record(GATE)?.blockers.length).toBe(1);
    world.now = daysLater(30);
    const { images } = await reconcileOnce(world, { scope: 'all' });
    expect([images, world.record(GATE)]).toEqual([[], undefined]);
  });

  it('an image that never violated: nothing is read, written or notified', async () => {
    const world = newWorld();
    world.repository().images.set(digest(1), { findings: [finding({ severity: 'LOW' })] });
    const { action, allowed } = await reconcileOnce(world);
    expect([action, allowed, world.calls, world.record(GATE)]).toEqual(['nothing', 1, ['load', 'observe'], undefined]);
  });
});
