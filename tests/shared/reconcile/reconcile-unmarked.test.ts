// Gates in a registry whose locks do not name their owner: pullgate opens the gates that it closed, and never others.
import { describe, expect, it } from 'vitest';
import { type GateRecord, newRecord } from '../../../shared/gate/record.ts';
import { digest, GATE, hoursLater, NOW, rules } from '../samples.ts';
import { notified, reconcileOnce, VIOLATING, writes } from './reconciling.ts';
import { newWorld, type World, type WorldRepository } from './world.ts';

const PAUSE = rules({ mode: 'pause' });

/** A repository whose first image violates. */
function unmarked(ours: WorldRepository['ours'] = 'absent'): World {
  const world = newWorld();
  Object.assign(world.repository(), { bearsNoMarks: true, ours });
  world.repository().images.set(digest(1), VIOLATING);
  return world;
}

const repair = (world: World) => void world.repository().images.delete(digest(1));

/** Everything that the next reconciliation may depend on, with one image and a stopped clock. */
interface State {
  readonly record: GateRecord | undefined;
  readonly ours: WorldRepository['ours'];
  readonly violates: boolean;
}

function restored({ record, ours, violates }: State): World {
  const world = unmarked(ours);
  if (record !== undefined) world.save(record);
  if (!violates) repair(world);
  return world;
}

function stateIn(world: World): State {
  const stored = world.record(GATE);
  const { ours, images } = world.repository();
  // Notices and restorations are left out, because their number has no limit.
  return {
    record: stored === undefined ? undefined : { ...stored, pending: [], restorations: undefined },
    ours,
    violates: images.size > 0,
  };
}

/** Does the record claim the lock, if there is one? */
const isClaimed = ({ record }: State) => record?.claimed === true;

const RECONCILES = [
  ['reconcile', rules(), undefined],
  ['reconcile in a pause', PAUSE, undefined],
  ['reconcile while the registry refuses', rules(), 'not allowed'],
] as const;

/** What may happen to a gate between two of pullgate's calls. */
async function successorsOf(state: State): Promise<readonly (readonly [string, State])[]> {
  const { ours, violates } = state;
  // A foreign lock on a gate that pullgate has closed, or is about to close, makes no visible difference.
  const others = isClaimed(state) ? 'current' : 'unmarked';
  const found: (readonly [string, State])[] = [
    violates ? ['it is repaired', { ...state, violates: false }] : ['it violates', { ...state, violates: true }],
    ours === 'absent' ? ['others close', { ...state, ours: others }] : ['others open', { ...state, ours: 'absent' }],
  ];
  for (const [name, byRules, refuses] of RECONCILES) {
    const worldNow = () => {
      const world = restored(state);
      world.repository().refuses = refuses;
      return world;
    };
    const world = worldNow();
    await reconcileOnce(world, {}, byRules);
    found.push([name, stateIn(world)]);
    for (const [place, call] of world.calls.entries()) {
      for (const when of ['before', 'after'] as const) {
        const crashing = worldNow();
        crashing.around = (_call, at) => {
          if (at === when && crashing.calls.length === place + 1) throw new Error('crash');
        };
        // A notice that fails does not end a reconciliation, so a crash there has the same effect.
        expect(
          await reconcileOnce(crashing, {}, byRules).then(
            ({ notifyError, remedyError }) => notifyError ?? remedyError,
            String,
          ),
        ).toBe('Error: crash');
        found.push([`${name}, and crash ${when} ${call}`, stateIn(crashing)]);
      }
    }
  }
  return found;
}

/** Every state that a gate can reach, with one path to it. */
async function reachable(): Promise<ReadonlyMap<string, { readonly state: State; readonly way: readonly string[] }>> {
  const start = stateIn(unmarked());
  const found = new Map([[JSON.stringify(start), { state: start, way: [] as readonly string[] }]]);
  for (const { state, way } of found.values()) {
    for (const [name, next] of await successorsOf(state)) {
      const key = JSON.stringify(next);
      if (!found.has(key)) found.set(key, { state: next, way: [...way, name] });
    }
  }
  return found;
}

describe('with any events between two calls, in any order', async () => {
  const states = [...(await reachable()).values()];

  it('all states are explored', () => {
    expect(states.length).toBeGreaterThan(50);
  });

  it.each([
    ['the next reconciliation closes the gate if it has blockers and opens it if not', rules()],
    ['the next reconciliation in a pause opens the gate', PAUSE],
  ])('%s, but never removes a foreign lock', async (_name, byRules) => {
    for (const { state, way } of states) {
      const world = restored(state);
      await reconcileOnce(world, {}, byRules);
      const own = byRules === PAUSE || !state.violates ? 'absent' : 'current';
      expect([way, world.repository().ours]).toEqual([way, state.ours === 'unmarked' ? 'unmarked' : own]);
    }
  });
});

describe('a foreign lock', () => {
  it('is left alone and notified once', async () => {
    const world = unmarked('unmarked');
    const first = await reconcileOnce(world);
    const second = await reconcileOnce(world);
    expect([first.to, first.action, second.action]).toEqual([
      { kind: 'waiting', for: 'foreignLock' },
      'waiting',
      'nothing',
    ]);
    expect(writes(world)).toEqual([]);
    expect(world.created()).toMatchObject([{ kind: 'waiting', waiting: { for: 'foreignLock' } }]);
    expect(world.brake.value).toBe(undefined);
  });

  it('that is removed while the gate has a blocker: pullgate closes the gate', async () => {
    const world = unmarked('unmarked');
    await reconcileOnce(world);
    world.repository().ours = 'absent';
    expect([(await reconcileOnce(world)).action, world.repository().ours, world.record(GATE)?.claimed]).toEqual([
      'closed',
      'current',
      true,
    ]);
  });

  it('stays when the blocker is cleared: the gate is cleared, and still locked', async () => {
    const world = unmarked('unmarked');
    await reconcileOnce(world);
    repair(world);
    expect([(await reconcileOnce(world)).action, world.repository().ours, notified(world)]).toEqual([
      'cleared',
      'unmarked',
      ['waiting', 'cleared'],
    ]);
  });

  it('that is set after pullgate opened the gate stays, with or without blockers', async () => {
    const world = unmarked();
    await reconcileOnce(world);
    repair(world);
    await reconcileOnce(world);
    world.repository().ours = 'unmarked';
    world.repository().images.set(digest(1), VIOLATING);
    const violating = await reconcileOnce(world);
    repair(world);
    await reconcileOnce(world);
    expect([violating.to, world.repository().ours]).toEqual([{ kind: 'waiting', for: 'foreignLock' }, 'unmarked']);
  });

  it('that is set after the registry refused pullgate is not claimed', async () => {
    const world = unmarked();
    world.repository().refuses = 'not allowed';
    await reconcileOnce(world);
    expect([world.record(GATE)?.state.kind, world.record(GATE)?.claimed]).toEqual(['waiting', undefined]);
    world.repository().refuses = undefined;
    world.repository().ours = 'unmarked';
    const { to } = await reconcileOnce(world);
    repair(world);
    await reconcileOnce(world);
    expect([to, world.repository().ours]).toEqual([{ kind: 'waiting', for: 'foreignLock' }, 'unmarked']);
  });

  it('that is set while pullgate keeps the gate closed counts as ours, because they cannot be told apart', async () => {
    const world = unmarked();
    await reconcileOnce(world);
    repair(world);
    expect([(await reconcileOnce(world)).action, world.repository().ours]).toEqual(['opened', 'absent']);
  });
});

describe('our lock', () => {
  it('is restored if someone removed it', async () => {
    const world = unmarked();
    await reconcileOnce(world);
    world.repository().ours = 'absent';
    world.now = hoursLater(1);
    expect([(await reconcileOnce(world)).action, world.repository().ours, notified(world)]).toEqual([
      'restored',
      'current',
      ['closed', 'restored'],
    ]);
  });

  it('that was written after another worker cleared the gate is removed by the worker that wrote it', async () => {
    const world = unmarked();
    let others = 0;
    world.around = async (call, when) => {
      if (call !== 'write closed' || when !== 'before' || others++ > 0) return;
      repair(world);
      await reconcileOnce(world);
    };
    const { to } = await reconcileOnce(world);
    expect([to.kind, writes(world), world.repository().ours, world.record(GATE)?.claimed]).toEqual([
      'open',
      ['write closed', 'write open'],
      'absent',
      undefined,
    ]);
  });

  it('that was written after another worker cleared the gate is removed by the next reconciliation after a crash', async () => {
    const world = unmarked();
    let others = 0;
    world.around = async (call, when) => {
      if (call === 'write open' && when === 'before') throw new Error('crash');
      if (call !== 'write closed' || when !== 'before' || others++ > 0) return;
      repair(world);
      await reconcileOnce(world);
    };
    await expect(reconcileOnce(world)).rejects.toThrow('crash');
    world.around = () => {};
    await reconcileOnce(world);
    expect([world.repository().ours, world.record(GATE)?.state.kind]).toEqual(['absent', 'open']);
  });
});

describe('a missing lock', () => {
  it('that is restored while another worker opens the gate is removed again', async () => {
    const world = unmarked();
    await reconcileOnce(world);
    world.repository().ours = 'absent';
    world.around = (call, when) => {
      if (call !== 'write closed' || when !== 'before') return;
      world.around = () => {};
      repair(world);
      world.save({ ...newRecord(GATE, NOW), since: NOW });
    };
    await reconcileOnce(world, { scope: 'all', triggers: ['lock'] });
    expect([world.repository().ours, world.record(GATE)?.state]).toEqual(['absent', { kind: 'open' }]);
  });
});
