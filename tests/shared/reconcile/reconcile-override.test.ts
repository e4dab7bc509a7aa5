// Overrides in the reconcile loop: in every mode, with and without findings, when they begin and when they end.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Override, OverrideDelivery, RecordedOverride } from '../../../shared/gate/override.ts';
import { type GateRecord, newRecord } from '../../../shared/gate/record.ts';
import type { Rules } from '../../../shared/reconcile/rules.ts';
import type { Trigger } from '../../../shared/reconcile/trigger.ts';
import { anOverride, blocker, digest, finding, GATE, hoursLater, NOW, record, rules } from '../samples.ts';
import { reconcileOnce } from './reconciling.ts';
import { newWorld, type World, type WorldRepository } from './world.ts';

const VIOLATING = { findings: [finding()] };
const OPEN = anOverride();
const CLOSED = anOverride({ kind: 'closed' });
const NEW: Partial<OverrideDelivery> = { notified: 'nothing', logged: false };
const OVER: Partial<Override> = { until: NOW };
const EXCLUDED = rules({ repositories: { include: ['other/*'], exclude: [] } });
const LAMBDA = { by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' };
const NO_ROOM = rules({ maxClosesPerHour: 0 });

/** A gate: its record and its lock in the registry. */
const OPEN_GATE = newRecord(GATE, hoursLater(-2));
const CLOSED_GATE = record({ claimed: true });
const WAITING = record({
  state: { kind: 'waiting', for: 'override' },
  closedSince: undefined,
  waitingSince: hoursLater(-1),
});

function blind(call: string): void {
  if (call === 'observe') throw new Error('no answer');
}

interface Given {
  readonly record: GateRecord;
  readonly order: RecordedOverride;
  readonly rules?: Rules;
  readonly registry?: Partial<WorldRepository>;
  readonly images?: readonly number[];
}

function worldWith({ record: stored, order, registry, images = [] }: Given): World {
  const world = newWorld();
  const ours = stored.state.kind === 'closed' ? 'current' : 'absent';
  Object.assign(world.repository(), { ours, ...registry });
  for (const number of images) world.repository().images.set(digest(number), VIOLATING);
  world.save({ ...stored, override: order });
  return world;
}

/** The outcome of a reconciliation: the lock, the state, the action, the step and the notices. */
async function outcome(world: World, byRules: Rules = rules(), trigger: Trigger = 'tick') {
  const { action, to, override: step } = await reconcileOnce(world, { triggers: [trigger], scope: 'all' }, byRules);
  const notices = world.created().map(({ kind, override: news }) => (news?.isNews ? `${kind}: ${news.step}` : kind));
  const state = to.kind === 'waiting' ? `waiting: ${to.for}` : to.kind;
  return [world.repository().ours, state, action, step?.step, notices.join()];
}

describe('a gate that an override keeps open', () => {
  it.each<[string, Given, readonly unknown[]]>([
    [
      'is opened although it has blockers',
      { record: CLOSED_GATE, order: anOverride(NEW), images: [1] },
      ['absent', 'waiting: override', 'opened', 'begins', 'opened: begins'],
    ],
    [
      'is notified although it was already open',
      { record: OPEN_GATE, order: anOverride(NEW) },
      ['absent', 'open', 'nothing', 'begins', 'override: begins'],
    ],
    [
      'is not closed by a new finding, which is notified',
      { record: OPEN_GATE, order: OPEN, images: [1] },
      ['absent', 'waiting: override', 'waiting', 'runs', 'waiting'],
    ],
    [
      'is not closed by another image, which is notified too',
      { record: WAITING, order: OPEN, images: [1, 2] },
      ['absent', 'waiting: override', 'waiting', 'runs', 'waiting'],
    ],
    [
      'stays open without a notice while nothing changes',
      { record: WAITING, order: OPEN, images: [1] },
      ['absent', 'waiting: override', 'nothing', 'runs', ''],
    ],
    [
      'is cleared once it has no blocker',
      { record: WAITING, order: OPEN },
      ['absent', 'open', 'cleared', 'runs', 'cleared'],
    ],
    [
      'waits for audit mode in audit mode',
      { record: CLOSED_GATE, order: anOverride(NEW), images: [1], rules: rules({ mode: 'audit' }) },
      ['absent', 'waiting: audit', 'opened', 'begins', 'opened: begins'],
    ],
    [
      'waits for the pause in a pause',
      { record: WAITING, order: OPEN, images: [1], rules: rules({ mode: 'pause' }) },
      ['absent', 'waiting: pause', 'nothing', 'runs', ''],
    ],
    [
      'does not remove a foreign lock',
      { record: OPEN_GATE, order: anOverride(NEW), images: [1], registry: { ours: 'unmarked' } },
      ['unmarked', 'waiting: foreignLock', 'waiting', 'begins', 'waiting: begins'],
    ],
    [
      'is opened if its lock is unmarked and claimed by the record',
      { record: CLOSED_GATE, order: anOverride(NEW), images: [1], registry: { ours: 'current', bearsNoMarks: true } },
      ['absent', 'waiting: override', 'opened', 'begins', 'opened: begins'],
    ],
    [
      'stays open if it serves Lambda functions',
      { record: WAITING, order: OPEN, images: [1], registry: { inUse: LAMBDA } },
      ['absent', 'waiting: override', 'nothing', 'runs', ''],
    ],
    [
      'for longer than a day is closed',
      { record: WAITING, order: anOverride({ until: hoursLater(48) }), images: [1] },
      ['current', 'closed', 'restored', 'ends', 'restored: ends'],
    ],
    [
      'closes at the end if it has blockers',
      { record: WAITING, order: anOverride(OVER), images: [1] },
      ['current', 'closed', 'restored', 'ends', 'restored: ends'],
    ],
    [
      'closes at the end without the brake',
      { record: WAITING, order: anOverride(OVER), images: [1], rules: NO_ROOM },
      ['current', 'closed', 'restored', 'ends', 'restored: ends'],
    ],
    [
      'stays open at the end if it has no blocker',
      { record: OPEN_GATE, order: anOverride(OVER) },
      ['absent', 'open', 'nothing', 'ends', 'override: ends'],
    ],
    [
      'stays open at the end in audit mode',
      { record: WAITING, order: anOverride(OVER), images: [1], rules: rules({ mode: 'audit' }) },
      ['absent', 'waiting: audit', 'nothing', 'ends', 'override: ends'],
    ],
    [
      'closes at the end although it serves Lambda functions, because it was closed before',
      { record: WAITING, order: anOverride(OVER), images: [1], registry: { inUse: LAMBDA } },
      ['current', 'closed', 'restored', 'ends', 'restored: ends'],
    ],
    [
      'closes without another notice if a command notified the end',
      { record: CLOSED_GATE, order: anOverride({ ...OVER, notified: 'end' }), images: [1] },
      ['current', 'closed', 'nothing', 'ends', ''],
    ],
    [
      'closes at once if an override that closes replaces it',
      { record: WAITING, order: anOverride({ ...NEW, kind: 'closed' }), images: [1], rules: NO_ROOM },
      ['current', 'closed', 'restored', 'begins', 'restored: begins'],
    ],
  ])('%s', async (_name, given, expected) => {
    expect(await outcome(worldWith(given), given.rules)).toEqual(expected);
  });
});

describe('a gate that an override keeps closed', () => {
  it.each<[string, Given, readonly unknown[]]>([
    [
      'is closed although it has no blocker, without the brake',
      { record: OPEN_GATE, order: anOverride({ ...NEW, kind: 'closed' }), rules: NO_ROOM },
      ['current', 'closed', 'closed', 'begins', 'closed: begins'],
    ],
    [
      'is notified although it was already closed',
      { record: CLOSED_GATE, order: anOverride({ ...NEW, kind: 'closed' }), images: [1] },
      ['current', 'closed', 'nothing', 'begins', 'override: begins'],
    ],
    [
      'is not opened when its last blocker is cleared',
      { record: CLOSED_GATE, order: CLOSED },
      ['current', 'closed', 'nothing', 'runs', ''],
    ],
    [
      'is closed again if its lock was removed',
      { record: record({ blockers: [] }), order: CLOSED, registry: { ours: 'absent' } },
      ['current', 'closed', 'restored', 'runs', 'restored'],
    ],
    [
      'is closed in audit mode, too',
      { record: OPEN_GATE, order: anOverride({ ...NEW, kind: 'closed' }), rules: rules({ mode: 'audit' }) },
      ['current', 'closed', 'closed', 'begins', 'closed: begins'],
    ],
    [
      'opens when the stack is paused',
      { record: record({ blockers: [] }), order: CLOSED, rules: rules({ mode: 'pause' }) },
      ['absent', 'waiting: pause', 'opened', 'runs', 'opened'],
    ],
    [
      'opens if the config excludes its repository',
      { record: record({ blockers: [] }), order: CLOSED, rules: EXCLUDED },
      ['absent', 'open', 'opened', 'runs', 'opened'],
    ],
    [
      'is closed although it serves Lambda functions',
      { record: OPEN_GATE, order: anOverride({ ...NEW, kind: 'closed' }), registry: { inUse: LAMBDA } },
      ['current', 'closed', 'closed', 'begins', 'closed: begins'],
    ],
    [
      'waits for a foreign lock',
      { record: OPEN_GATE, order: anOverride({ ...NEW, kind: 'closed' }), registry: { ours: 'unmarked' } },
      ['unmarked', 'waiting: foreignLock', 'waiting', 'begins', 'waiting: begins'],
    ],
    [
      'opens at the end if it has no blocker',
      { record: record({ blockers: [] }), order: anOverride({ ...OVER, kind: 'closed' }) },
      ['absent', 'open', 'opened', 'ends', 'opened: ends'],
    ],
    [
      'stays closed at the end if it has blockers',
      { record: CLOSED_GATE, order: anOverride({ ...OVER, kind: 'closed' }), images: [1] },
      ['current', 'closed', 'nothing', 'ends', 'override: ends'],
    ],
    [
      'opens at once if an override that opens replaces it',
      { record: record({ blockers: [] }), order: anOverride(NEW) },
      ['absent', 'open', 'opened', 'begins', 'opened: begins'],
    ],
  ])('%s', async (_name, given, expected) => {
    expect(await outcome(worldWith(given), given.rules)).toEqual(expected);
  });

  it.each<['pause' | 'release', string]>([
    ['pause', 'of the stack'],
    ['release', 'of one gate'],
  ])('opens in a %s %s, and the override ends', async (mode) => {
    const world = worldWith({ record: record({ blockers: [] }), order: CLOSED });
    expect(await outcome(world, rules({ mode }), mode)).toEqual(['absent', 'open', 'opened', 'ends', 'opened: ends']);
    expect(await outcome(world)).toEqual(['absent', 'open', 'nothing', 'ends', 'opened: ends']);
    expect(world.record(GATE)?.override).toBeUndefined();
  });
});

describe('a release of one gate', () => {
  it('opens it without an observation, and the next reconciliation closes it again', async () => {
    const world = worldWith({ record: CLOSED_GATE, order: OPEN, images: [1] });
    world.save(CLOSED_GATE);
    const { to } = await reconcileOnce(world, { triggers: ['release'], scope: [] }, rules({ mode: 'release' }));
    expect([to, world.repository().ours, world.calls.includes('scans')]).toEqual([
      { kind: 'waiting', for: 'release' },
      'absent',
      false,
    ]);
    expect((await outcome(world)).slice(0, 3)).toEqual(['current', 'closed', 'restored']);
  });

  it('clears the omitted blockers', async () => {
    const world = worldWith({ record: CLOSED_GATE, order: OPEN });
    world.save({ ...CLOSED_GATE, blockers: [], omittedBlockers: 7 });
    await reconcileOnce(world, { triggers: ['release'], scope: [] }, rules({ mode: 'release' }));
    expect(world.record(GATE)).toMatchObject({ omittedBlockers: 0 });
    expect((await outcome(world)).slice(0, 2)).toEqual(['absent', 'open']);
  });
});

describe('an override', () => {
  it('is logged by the function, whether or not a command began it, and is then not due until its end', async () => {
    const world = worldWith({ record: CLOSED_GATE, order: anOverride(NEW), images: [1] });
    expect(await outcome(world, rules(), 'override')).toEqual([
      'absent',
      'waiting: override',
      'opened',
      'begins',
      'opened: begins',
    ]);
    expect(world.record(GATE)?.override).toMatchObject({ delivery: { notified: 'begin', logged: false } });
    expect((await outcome(world))[3]).toBe('begins');
    expect(world.record(GATE)?.override).toMatchObject({ delivery: { notified: 'begin', logged: true } });
    expect((await outcome(world))[3]).toBe('runs');
    world.now = hoursLater(3);
    expect((await outcome(world)).slice(0, 4)).toEqual(['current', 'closed', 'restored', 'ends']);
    expect(world.record(GATE)?.override).toBeUndefined();
    expect(world.created().map(({ kind }) => kind)).toEqual(['opened', 'restored']);
  });

  it.each(['open', 'closed'] as const)(
    'that the registry refuses (%s) stays recorded, and the tick does not try again',
    async (kind) => {
      const given = kind === 'open' ? CLOSED_GATE : OPEN_GATE;
      const world = worldWith({
        record: given,
        order: anOverride({ ...NEW, kind }),
        images: kind === 'open' ? [1] : [],
      });
      world.repository().refuses = 'no';
      expect((await outcome(world)).slice(1, 3)).toEqual([kind === 'open' ? 'opening' : 'waiting: refused', 'refused']);
      expect(world.record(GATE)).toMatchObject({
        blockers: given.blockers.map((one) => ({ digest: one.digest })),
        override: { delivery: { refused: true, notified: kind === 'open' ? 'nothing' : 'begin' } },
      });
      world.repository().refuses = undefined;
      expect((await outcome(world)).at(-1)).toBe(kind === 'open' ? 'opened: begins' : 'override: begins,closed');
      expect(world.record(GATE)?.override?.delivery.refused).toBeUndefined();
    },
  );

  it.each(['save', 'write open', 'notify'])(
    'begins once, even if a worker crashes before or after "%s"',
    async (call) => {
      for (const when of ['before', 'after'] as const) {
        const world = worldWith({ record: CLOSED_GATE, order: anOverride(NEW), images: [1] });
        let isAlive = true;
        world.around = (name, moment) => {
          if (name !== call || moment !== when || !isAlive) return;
          isAlive = false;
          throw new Error('the worker dies');
        };
        await reconcileOnce(world, { triggers: ['override'], scope: [] }).catch(() => {});
        await reconcileOnce(world, { triggers: ['tick'], scope: 'all' });
        expect(world.record(GATE)).toMatchObject({
          state: { for: 'override' },
          pending: [],
          override: { delivery: { notified: 'begin' } },
        });
        expect(world.repository().ours).toBe('absent');
        const begun = world.notices.filter(({ override: news }) => news?.isNews && news.step === 'begins');
        expect(begun.length).toBe(call === 'notify' && when === 'after' ? 2 : 1);
      }
    },
  );

  it('that has ended closes the gate based on the record if the scanner does not answer, and the message is retried', async () => {
    const world = worldWith({ record: WAITING, order: anOverride(OVER), images: [1] });
    world.around = blind;
    await expect(reconcileOnce(world, { triggers: ['tick'], scope: 'all' })).rejects.toThrow('no answer');
    expect([world.repository().ours, world.record(GATE)?.state.kind]).toEqual(['current', 'closed']);
    expect(world.record(GATE)?.override).toBeUndefined();
    expect(world.notices.map(({ kind, override: news }) => [kind, news?.step])).toEqual([['restored', 'ends']]);
    expect(world.decisions).toMatchObject([{ action: 'restored', images: [], override: { step: 'ends' } }]);
    await expect(reconcileOnce(world, { triggers: ['tick'], scope: 'all' })).rejects.toThrow('no answer');
    expect(world.repository().ours).toBe('current');
  });

  it('that has ended also closes the gate if the record only has omitted blockers', async () => {
    const { blockers: _blockers, ...rest } = WAITING;
    const world = worldWith({ record: { ...rest, blockers: [], omittedBlockers: 2 }, order: anOverride(OVER) });
    world.around = blind;
    await expect(reconcileOnce(world, { triggers: ['tick'], scope: 'all' })).rejects.toThrow('no answer');
    expect(world.repository().ours).toBe('current');
  });

  it.each<[string, GateRecord, RecordedOverride, Trigger]>([
    ['that has not ended', WAITING, OPEN, 'tick'],
    ['that closes and has ended', CLOSED_GATE, anOverride({ ...OVER, kind: 'closed' }), 'tick'],
    ['that has ended, for a gate without blockers', OPEN_GATE, anOverride(OVER), 'tick'],
    ['that has ended, in a command', WAITING, anOverride(OVER), 'override'],
  ])('%s changes nothing if the scanner does not answer', async (_name, stored, order, trigger) => {
    const world = worldWith({ record: stored, order, images: [1] });
    const before = structuredClone([world.repository().ours, world.record(GATE)]);
    world.around = blind;
    await expect(reconcileOnce(world, { triggers: [trigger], scope: 'all' })).rejects.toThrow('no answer');
    expect([world.repository().ours, world.record(GATE)]).toEqual(before);
    expect(world.decisions).toEqual([]);
  });

  it('and a release for a deleted repository observe nothing', async () => {
    const world = worldWith({ record: CLOSED_GATE, order: anOverride({ ...NEW, kind: 'closed' }) });
    world.repositories.clear();
    const decision = await reconcileOnce(world, { triggers: ['release'], scope: [] }, rules({ mode: 'release' }));
    expect([decision.to, decision.action, world.record(GATE)?.state.kind]).toEqual([
      { kind: 'open' },
      'opened',
      'open',
    ]);
  });

  it('is also processed for a deleted repository', async () => {
    const world = worldWith({ record: WAITING, order: anOverride(OVER) });
    world.repositories.clear();
    const { to, override: step } = await reconcileOnce(world, { triggers: ['tick'], scope: 'all' });
    expect([to, step?.step, world.record(GATE)?.override]).toEqual([{ kind: 'open' }, 'ends', undefined]);
  });

  it('keeps a record from being removed, and its end resets the age of the record', async () => {
    const old = { ...newRecord(GATE, hoursLater(-24 * 31)), blockers: [] };
    const world = worldWith({ record: old, order: OPEN });
    await outcome(world);
    expect(world.record(GATE)?.override).toEqual(OPEN);
    world.save({ ...old, override: anOverride({ ...OVER, notified: 'end' }) });
    await outcome(world);
    expect(world.record(GATE)).toMatchObject({ since: NOW, state: { kind: 'open' } });
  });

  it('that opens does not clear a blocker whose scan is no proof', async () => {
    const world = worldWith({ record: { ...WAITING, blockers: [blocker()] }, order: OPEN });
    world.repository().images.set(digest(1), {});
    await outcome(world);
    expect(world.record(GATE)).toMatchObject({ blockers: [{ digest: digest(1) }], state: { for: 'override' } });
  });
});

describe('with any sequence of events', () => {
  const steps = fc.array(
    fc.record({
      /** Which images violate and which are clean. The others are gone. */
      images: fc.dictionary(fc.constantFrom('1', '2', '3'), fc.boolean()),
      trigger: fc.constantFrom<Trigger>('finding', 'push', 'sweep', 'tick', 'override'),
      number: fc.integer({ min: 1, max: 3 }),
      dies: fc.constantFrom('', 'save', 'write open', 'write closed', 'notify'),
    }),
    { minLength: 1, maxLength: 6 },
  );

  it.each(['open', 'closed'] as const)(
    'an override that keeps a gate %s is in force until its end, and leaves nothing behind',
    (kind) =>
      fc.assert(
        fc.asyncProperty(steps, fc.boolean(), async (events, isClosedBefore) => {
          const world = worldWith({
            record: isClosedBefore ? CLOSED_GATE : OPEN_GATE,
            order: anOverride({ ...NEW, kind }),
          });
          if (isClosedBefore) world.repository().images.set(digest(1), VIOLATING);
          await reconcileOnce(world, { triggers: ['tick'], scope: 'all' });
          for (const { images, trigger, number, dies } of events) {
            const now = Object.entries(images);
            world.repository().images.clear();
            for (const [name, violates] of now)
              world.repository().images.set(digest(Number(name)), violates ? VIOLATING : {});
            let isAlive = dies !== '';
            world.around = (call, when) => {
              if (!isAlive || call !== dies || when !== 'after') return;
              isAlive = false;
              throw new Error('the worker dies');
            };
            const scope = trigger === 'sweep' ? 'all' : [digest(number)];
            await reconcileOnce(world, { triggers: [trigger], scope }).catch(() => {});
            expect(world.repository().ours).toBe(kind === 'open' ? 'absent' : 'current');
          }
          world.around = () => {};
          world.now = hoursLater(3);
          const { to } = await reconcileOnce(world, { triggers: ['tick'], scope: 'all' });
          const isHeld = world.record(GATE)?.blockers.some(({ inactive }) => inactive === undefined) ?? false;
          const expected = isHeld ? ['closed', 'current', undefined] : ['open', 'absent', undefined];
          expect([to.kind, world.repository().ours, world.record(GATE)?.override]).toEqual(expected);
          const news = world.notices.flatMap(({ override: one }) => (one?.isNews ? [one.step] : []));
          expect([...new Set(news)]).toEqual(['begins', 'ends']);
        }),
        { numRuns: 60 },
      ),
  );
});
