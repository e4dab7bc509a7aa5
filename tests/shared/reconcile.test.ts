// The reconcile loop over a small world: what is closed, opened, kept waiting and told, whatever woke it.
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../shared/decision.ts';
import { type Hint, reconcile } from '../../shared/reconcile.ts';
import { type GateRecord, packRecord } from '../../shared/record.ts';
import type { Rules } from '../../shared/rules.ts';
import {
  closer,
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
} from './samples.ts';
import { newWorld, type World } from './world.ts';

const VIOLATING = { findings: [finding()] };
const EXCEPTED = rules({ policy: policy({ exceptions: [exception()] }) });

function look(world: World, changes: Partial<Hint> = {}, byRules: Rules = rules()): Promise<Decision> {
  const hint: Hint = { gate: GATE, scope: [digest(1)], triggers: ['finding'], activeFindings: [] };
  return reconcile({ ...hint, ...changes }, byRules, world.ports);
}

/** A world whose first image violates; closed already where asked for. */
async function violating(closed = false): Promise<World> {
  const world = newWorld();
  world.repository().images.set(digest(1), VIOLATING);
  if (closed) await look(world);
  world.calls.length = 0;
  world.notices.length = 0;
  world.decisions.length = 0;
  return world;
}

const writes = (world: World) => world.calls.filter((call) => call.startsWith('write'));
const told = (world: World) => world.notices.map((notice) => notice.kind);

describe('closing', () => {
  it('records the intent, writes, confirms and tells, in this order', async () => {
    const world = await violating();
    const decision = await look(world);
    expect(world.calls).toEqual([
      'load',
      'look',
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
      done: 'closed',
      change: { before: 'absent', after: 'current' },
    });
    expect(world.record(GATE)).toMatchObject({ state: { kind: 'closed' }, since: NOW, closedSince: NOW, untold: [] });
    expect(told(world)).toEqual(['closed']);
  });

  it('logs what was decided, once', async () => {
    const world = await violating();
    world.repository().images.set(digest(2), { findings: [finding({ severity: 'LOW' })] });
    world.repository().images.set(digest(3), { findings: [finding({ state: 'suppressed' })] });
    const old = exception({ expiresAt: hoursLater(-1) });
    const decision = await look(
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
    for (let times = 0; times < 1_000; times++) await look(world);
    expect([writes(world), told(world)]).toEqual([['write closed'], ['closed']]);
    expect(world.calls.filter((call) => call === 'save').length).toBe(3);
  });

  it('a second image that violates is added without a write or a notice', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(2), VIOLATING);
    const { done } = await look(world, { scope: [digest(2)] });
    expect([done, writes(world), told(world)]).toEqual(['nothing', [], []]);
    expect(world.record(GATE)?.closers.map((one) => one.digest)).toEqual([digest(1), digest(2)]);
  });

  it('our statement removed by hand: the sweep puts it back', async () => {
    const world = await violating(true);
    world.repository().ours = 'absent';
    const { done } = await look(world, { scope: 'all', triggers: ['sweep'] });
    expect([done, writes(world), told(world)]).toEqual(['restored', ['write closed'], ['restored']]);
  });

  it('our statement written by an older config: written anew, and the gate stays closed since when it was', async () => {
    const world = await violating(true);
    world.repository().ours = 'outdated';
    world.now = hoursLater(5);
    const { done } = await look(world);
    expect([done, writes(world)]).toEqual(['restored', ['write closed']]);
    expect(world.record(GATE)).toMatchObject({ since: NOW, closedSince: NOW });
  });

  it('no repository: nothing to close', async () => {
    const world = await violating(true);
    world.repositories.clear();
    const { to, done } = await look(world, { scope: 'all' });
    expect([to.kind, done, told(world)]).toEqual(['open', 'opened', ['opened']]);
  });

  it('a registry that refuses: told in the decision, not tried again by itself, and the intent stays', async () => {
    const world = await violating();
    world.repository().refuses = 'statement "Build" names a deleted role';
    const decision = await look(world);
    expect(decision).toMatchObject({
      to: { kind: 'closing' },
      done: 'refused',
      problem: 'statement "Build" names a deleted role',
    });
    expect([writes(world), told(world), world.record(GATE)?.state.kind]).toEqual([['write closed'], [], 'closing']);
  });

  it('refused, then mended by a person: the next look closes', async () => {
    const world = await violating();
    world.repository().refuses = 'too long';
    await look(world);
    world.repository().refuses = undefined;
    expect([(await look(world)).done, told(world)]).toEqual(['closed', ['closed']]);
  });
});

describe('opening', () => {
  it('the closer is deleted, another closer remains; then none: stays closed; opens', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(2), VIOLATING);
    await look(world, { scope: [digest(2)] });
    world.repository().images.delete(digest(1));
    const first = await look(world, { triggers: ['delete'] });
    world.repository().images.delete(digest(2));
    const second = await look(world, { scope: [digest(2)], triggers: ['delete'] });
    expect([first.to.kind, second.to.kind, second.done, told(world)]).toEqual(['closed', 'open', 'opened', ['opened']]);
    expect(world.notices[0]).toMatchObject({ closedSince: NOW, accounts: [{ digest: digest(2), how: 'gone' }] });
  });

  it('the deleted closer is pushed again (same digest) within 30 days: closes again, without a new scan', async () => {
    const world = await violating(true);
    world.repository().images.delete(digest(1));
    await look(world, { triggers: ['delete'] });
    world.now = daysLater(20);
    world.repository().images.set(digest(1), { tags: ['1.0'] });
    const { to, done } = await look(world, { triggers: ['push'] });
    expect([to.kind, done]).toEqual(['closed', 'closed']);
  });

  it('CLOSED event for the only finding; coverage INACTIVE, expired: stays closed; the log says that proof is missing', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'unproven', why: 'SCAN_ELIGIBILITY_EXPIRED' } });
    const { to, images } = await look(world);
    expect([to.kind, images]).toMatchObject([
      'closed',
      [{ kind: 'holds', why: { kind: 'unproven', why: 'SCAN_ELIGIBILITY_EXPIRED' } }],
    ]);
  });

  it('CLOSED event; scanned after the closing, nothing violates: opens', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'finished', at: hoursLater(1) } });
    world.now = hoursLater(2);
    const { to, images, isUnsettled } = await look(world);
    expect([to.kind, images, isUnsettled]).toEqual([
      'open',
      [{ digest: digest(1), kind: 'released', how: 'scanned' }],
      false,
    ]);
  });

  it('CLOSED event; scanned only just: stays closed and says that the message comes back; opens five minutes later', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'finished', at: hoursLater(1) } });
    world.now = hoursLater(1.01);
    const first = await look(world);
    world.now = hoursLater(1 + 5 / 60);
    const second = await look(world);
    expect([first.to.kind, first.isUnsettled, first.images]).toMatchObject([
      'closed',
      true,
      [{ kind: 'holds', why: { kind: 'unsettled' } }],
    ]);
    expect([second.to.kind, second.isUnsettled]).toEqual(['open', false]);
  });

  it('scanned only just before the look, and the look takes ten minutes: stays closed', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'finished', at: hoursLater(1) } });
    world.now = hoursLater(1.01);
    world.around = (call, when) => {
      if (call === 'look' && when === 'after') world.now = hoursLater(1.2);
    };
    const { to, isUnsettled } = await look(world);
    expect([to.kind, isUnsettled]).toEqual(['closed', true]);
  });

  it('looks once more between the intent and the write; the intent forgets no closer', async () => {
    const world = await violating(true);
    world.repository().images.delete(digest(1));
    let intent: GateRecord | undefined;
    world.around = (call, when) => {
      if (call === 'write open' && when === 'before') intent = world.record(GATE);
    };
    await look(world, { triggers: ['delete'] });
    expect(world.calls).toEqual(['load', 'look', 'read', 'save', 'look', 'write open', 'save', 'notify', 'save']);
    expect([intent?.state.kind, intent?.closers]).toEqual(['opening', [closer({ since: NOW, violatedAt: NOW })]]);
    expect(world.record(GATE)?.closers).toEqual([
      closer({ since: NOW, violatedAt: NOW, departed: { at: NOW, why: 'gone' } }),
    ]);
  });

  it('what holds the gate comes back just before the write: nothing is written, and the gate stays closed', async () => {
    const world = await violating(true);
    world.repository().images.delete(digest(1));
    world.around = (call, when) => {
      if (call === 'save' && when === 'before') world.repository().images.set(digest(1), VIOLATING);
    };
    const { to } = await look(world, { triggers: ['delete'] });
    expect([to.kind, writes(world), world.record(GATE)]).toMatchObject([
      'closed',
      [],
      { state: { kind: 'closed' }, closedSince: NOW },
    ]);
  });

  it('an exception is added for a finding that Inspector has meanwhile deleted: opens, on the recorded finding', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), {});
    const { to, images } = await look(world, { scope: 'all', triggers: ['sweep'] }, EXCEPTED);
    expect([to.kind, images]).toEqual(['open', [{ digest: digest(1), kind: 'released', how: 'spared' }]]);
    expect(world.calls).not.toContain('scans');
  });

  it('the exception expires, and the finding is not reported any more: closes again, for want of a newer scan', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'finished', at: NOW } });
    await look(world, { scope: 'all', triggers: ['sweep'] }, EXCEPTED);
    world.now = daysLater(40);
    const later = rules({ policy: policy({ exceptions: [exception({ expiresAt: daysLater(41) })] }) });
    const spared = await look(world, { scope: 'all', triggers: ['sweep'] }, later);
    world.now = daysLater(41);
    const { to, images } = await look(world, { scope: 'all', triggers: ['sweep'] }, later);
    expect([spared.to.kind, to.kind, images]).toMatchObject([
      'open',
      'closed',
      [{ kind: 'holds', why: { kind: 'unproven' } }],
    ]);
    expect(world.record(GATE)?.closers).toMatchObject([{ since: daysLater(41), violatedAt: daysLater(40) }]);
  });

  it('the exception expires, and a newer scan shows nothing: stays open, and is forgotten', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { scan: { kind: 'finished', at: hoursLater(1) } });
    await look(world, { scope: 'all', triggers: ['sweep'] }, EXCEPTED);
    world.now = daysLater(1);
    const { to, done } = await look(world, { scope: 'all', triggers: ['sweep'] }, EXCEPTED);
    expect([to.kind, done, world.record(GATE)?.closers]).toEqual(['open', 'nothing', []]);
  });

  it('what was spared stays in the log as long as it is there', async () => {
    const world = await violating(true);
    await look(world, {}, EXCEPTED);
    const { images, allowed } = await look(world, {}, EXCEPTED);
    expect([images, allowed]).toMatchObject([
      [{ digest: digest(1), kind: 'none', verdict: { kind: 'allow', spared: [{ rule: { kind: 'exception' } }] } }],
      0,
    ]);
  });

  it('50 signatures, attestations and expired images beside one closer that is deleted: opens; they hold nothing', async () => {
    const world = await violating(true);
    for (let number = 100; number < 150; number++) world.repository().images.set(digest(number), {});
    world.repository().images.delete(digest(1));
    expect((await look(world, { scope: 'all', triggers: ['sweep'] })).to.kind).toBe('open');
  });

  it('tag moved to a clean image, the closer untagged, `images: tagged`: opens at the push', async () => {
    const world = await violating(true);
    world.repository().images.set(digest(1), { ...VIOLATING, tags: [] });
    world.repository().images.set(digest(2), { tags: ['1.0'] });
    const { to } = await look(world, { scope: [digest(2)], triggers: ['push'] });
    expect([to.kind, world.notices[0]?.stillPullable]).toEqual([
      'open',
      [{ digest: digest(1), tags: ['1.0'], why: 'outOfScope', vulnerabilities: ['CVE-2024-6119'] }],
    ]);
  });

  it.each(['push', 'delete'] as const)(
    'a %s that gives a remembered closer its tag back: closes again',
    async (trigger) => {
      const world = await violating(true);
      world.repository().images.set(digest(1), { ...VIOLATING, tags: [] });
      await look(world, { triggers: ['push'] });
      world.repository().images.set(digest(1), VIOLATING);
      const unrelated = await look(world, { scope: [digest(2)], triggers: ['scan'] });
      const moved = await look(world, { scope: [digest(2)], triggers: [trigger] });
      expect([unrelated.to.kind, moved.to.kind]).toEqual(['open', 'closed']);
    },
  );

  it('a push beside as many closers as are looked at with it, some of them only remembered: sees them all', async () => {
    const world = newWorld();
    const departed = { at: hoursLater(-1), why: 'gone' } as const;
    const closers = Array.from({ length: 100 }, (_, number) =>
      closer({ digest: digest(number), ...(number < 50 ? { departed } : {}) }),
    );
    world.save(record({ closers }));
    world.repository().ours = 'current';
    const { to, images } = await look(world, { scope: [digest(500)], triggers: ['push'] });
    expect([to.kind, images.length]).toEqual(['open', 50]);
  });

  it('a push beside more closers than are looked at with it: the sweep sees them', async () => {
    const world = newWorld();
    const closers = Array.from({ length: 101 }, (_, number) => closer({ digest: digest(number) }));
    world.save(record({ closers }));
    world.repository().ours = 'current';
    const atPush = await look(world, { scope: [digest(500)], triggers: ['push'] });
    const atSweep = await look(world, { scope: 'all', triggers: ['sweep'] });
    expect([atPush.to.kind, atPush.images.length, atSweep.to.kind, atSweep.images.length]).toEqual([
      'closed',
      0,
      'open',
      101,
    ]);
  });

  it('closers that the record had no room for: the gate opens by hand only', async () => {
    const world = newWorld();
    world.save(record({ omittedClosers: 2 }));
    world.repository().ours = 'current';
    const { to, done } = await look(world, { scope: 'all', triggers: ['sweep'] });
    expect([to.kind, done, world.record(GATE)?.omittedClosers]).toEqual(['closed', 'nothing', 2]);
  });

  it.each<[string, Rules, boolean]>([
    ['by hand: then they are accounted for', rules({ mode: 'pause' }), true],
    ['with its repository: then there are none', rules(), false],
  ])('closers that the record had no room for: the gate opens %s', async (_name, byRules, exists) => {
    const world = newWorld();
    world.save(record({ omittedClosers: 2 }));
    if (exists) world.repository().ours = 'current';
    const first = await look(world, { scope: 'all', triggers: ['sweep'] }, byRules);
    const second = await look(world, { scope: 'all', triggers: ['sweep'] });
    expect([first.done, world.record(GATE)?.omittedClosers, second.to.kind]).toEqual(['opened', 0, 'open']);
  });

  it('a record that says nothing any more is taken away after 30 days, and not before', async () => {
    const world = await violating(true);
    world.repository().images.delete(digest(1));
    await look(world);
    world.now = daysLater(29.9);
    await look(world, { scope: 'all' });
    expect(world.record(GATE)?.closers.length).toBe(1);
    world.now = daysLater(30);
    const { images } = await look(world, { scope: 'all' });
    expect([images, world.record(GATE)]).toEqual([[], undefined]);
  });

  it('an image that never violated: nothing is read, written or told', async () => {
    const world = newWorld();
    world.repository().images.set(digest(1), { findings: [finding({ severity: 'LOW' })] });
    const { done, allowed } = await look(world);
    expect([done, allowed, world.calls, world.record(GATE)]).toEqual(['nothing', 1, ['load', 'look'], undefined]);
  });
});

describe('an event that is faster than the provider', () => {
  const activeFindings = [{ id: 'CVE-2024-6119', digest: digest(1) }];

  it.each<[string, (world: World) => void, Partial<Hint>, readonly string[], number]>([
    ['a finding that is shown is confirmed, without asking', () => {}, { activeFindings }, [], 0],
    [
      'a finding that is not shown and not known comes back later',
      (world) => world.unknownFindings.add('new'),
      { activeFindings: [{ id: 'new', digest: digest(1) }] },
      ['new'],
      1,
    ],
    [
      'a finding that is known in another state is confirmed',
      () => {},
      { activeFindings: [{ id: 'closed', digest: digest(1) }] },
      [],
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
    const decision = await look(world, hint);
    expect(decision.unconfirmed).toEqual(unconfirmed);
    expect(world.calls.filter((call) => call === 'unknownFindings').length).toBe(asked);
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
