// The reconcile loop in a small world: what it closes and notifies.
import { describe, expect, it } from 'vitest';
import { packRecord } from '../../../shared/gate/record-codec.ts';
import { daysLater, digest, exception, finding, GATE, hoursLater, NOW, policy, rules } from '../samples.ts';
import { notified, reconcileOnce, VIOLATING, violating, writes } from './reconciling.ts';

describe('closing', () => {
  it('records the intent, writes, confirms and notifies, in this order', async () => {
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
      'pushed',
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

  it('logs the decision once', async () => {
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
      judged: 3,
      awaited: [],
      expiredExceptions: [old],
    });
    expect(decision.images.map((image) => `${image.digest} ${image.kind}`)).toEqual([
      `${digest(1)} holds`,
      `${digest(3)} none`,
    ]);
  });

  it('counts the judged images in scope only if all of a repository were observed', async () => {
    const world = await violating();
    world.repository().images.set(digest(2), { tags: [], findings: [finding()] });
    expect((await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] })).judged).toBe(1);
    expect((await reconcileOnce(world, { scope: [digest(1)] })).judged).toBeUndefined();
    const image = { gate: { ...GATE, digest: digest(1) }, scope: 'all', triggers: ['sweep'] } as const;
    expect((await reconcileOnce(world, image)).judged).toBeUndefined();
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

  it('our statement removed by a person: the sweep restores it', async () => {
    const world = await violating(true);
    world.repository().ours = 'absent';
    const { action } = await reconcileOnce(world, { scope: 'all', triggers: ['sweep'] });
    expect([action, writes(world), notified(world)]).toEqual(['restored', ['write closed'], ['restored']]);
  });

  it('our statement from an older config: written again, and `since` does not change', async () => {
    const world = await violating(true);
    world.repository().ours = 'otherForm';
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

  it('a registry that refuses: the gate waits, and people are notified once for each cause', async () => {
    const world = await violating();
    world.repository().refuses = 'statement "Build" names a deleted role';
    const decision = await reconcileOnce(world);
    expect(decision).toMatchObject({
      to: { kind: 'waiting', for: 'refused', cause: 'statement "Build" names a deleted role' },
      action: 'refused',
      problem: 'statement "Build" names a deleted role',
    });
    expect([writes(world), notified(world), world.record(GATE)?.state.kind]).toEqual([
      ['write closed'],
      ['waiting'],
      'waiting',
    ]);
    await reconcileOnce(world);
    world.now = daysLater(8);
    await reconcileOnce(world);
    expect(notified(world)).toEqual(['waiting', 'waiting']);
    world.repository().refuses = 'the policy is too long';
    await reconcileOnce(world);
    expect([notified(world).length, world.record(GATE)?.waitingSince]).toEqual([3, NOW]);
  });

  it('a registry that refuses to restore our lock: the record does not claim a lock', async () => {
    const world = await violating(true);
    world.repository().ours = 'absent';
    world.repository().refuses = 'not allowed';
    const claims = [world.record(GATE)?.claimed];
    await reconcileOnce(world);
    expect([...claims, world.record(GATE)?.claimed]).toEqual([true, undefined]);
  });

  it('refused, then fixed by a person: the next reconciliation closes', async () => {
    const world = await violating();
    world.repository().refuses = 'too long';
    await reconcileOnce(world);
    world.repository().refuses = undefined;
    expect([(await reconcileOnce(world)).action, notified(world)]).toEqual(['closed', ['waiting', 'closed']]);
  });
});

describe('a stored record', () => {
  it('is the same after it was stored and loaded', async () => {
    const world = await violating(true);
    const stored = world.record(GATE);
    if (stored === undefined) throw new Error('expected a record, found none');
    expect(JSON.parse(packRecord(stored))).toMatchObject({ format: 1, findings: [{ vulnerability: 'CVE-2024-6119' }] });
  });
});
