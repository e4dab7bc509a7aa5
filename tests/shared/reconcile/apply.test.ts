// Applying a desired state under failure: a crash at every call, and a concurrent worker at every call.
import { describe, expect, it } from 'vitest';
import { newRecord } from '../../../shared/gate/record.ts';
import { apply } from '../../../shared/reconcile/apply.ts';
import { reconcile } from '../../../shared/reconcile/reconcile.ts';
import type { Decision } from '../../../shared/report/decision.ts';
import { daysLater, digest, finding, GATE, gateRules, hoursLater, NOW, record, rules } from '../samples.ts';
import { newWorld, type World } from './world.ts';

const VIOLATING = { findings: [finding()] };

async function reconcileOnce(world: World, ...digests: readonly string[]): Promise<Decision> {
  const request = { gate: GATE, scope: digests, triggers: ['finding'], namedReports: [] } as const;
  return (await reconcile(request, rules(), world.ports)).decision;
}

/** A gate that is about to be closed or opened. */
async function aboutTo(turn: 'close' | 'open'): Promise<World> {
  const world = newWorld();
  world.repository().images.set(digest(1), VIOLATING);
  if (turn === 'open') {
    await reconcileOnce(world, digest(1));
    world.repository().images.delete(digest(1));
  }
  world.calls.length = 0;
  world.notices.length = 0;
  return world;
}

/** The calls of one reconciliation without failures. */
async function callsOf(turn: 'close' | 'open'): Promise<readonly string[]> {
  const world = await aboutTo(turn);
  await reconcileOnce(world, digest(1));
  return world.calls;
}

describe('a crash', async () => {
  const crashes = (['close', 'open'] as const).flatMap((turn) =>
    (['before', 'after'] as const).map((when) => [turn, when] as const),
  );
  const rows = (
    await Promise.all(
      crashes.map(async ([turn, when]) =>
        (await callsOf(turn)).map((call, place) => [turn, when, place, call] as const),
      ),
    )
  ).flat();

  it('is tested at every call of a closing and an opening', () => {
    expect(rows.filter(([turn, when]) => turn === 'close' && when === 'before').length).toBe(11);
    expect(rows.filter(([turn, when]) => turn === 'open' && when === 'before').length).toBe(9);
  });

  it.each(rows)(
    'while about to %s, %s call %i (%s): the next reconciliation completes it; notified at least once',
    async (turn, when, place) => {
      const world = await aboutTo(turn);
      const crashAt = (_call: string, at: 'before' | 'after') => {
        if (at === when && world.calls.length === place + 1) throw new Error('crash');
      };
      world.around = crashAt;
      // A notice or a search for a fix that fails does not end a reconciliation. A crash there has the same effect.
      expect(
        await reconcileOnce(world, digest(1)).then(
          ({ notifyError, remedyError }) => notifyError ?? remedyError,
          String,
        ),
      ).toBe('Error: crash');
      world.around = () => {};
      await reconcileOnce(world, digest(1));
      const expected = turn === 'close' ? ['current', 'closed', []] : ['absent', 'open', []];
      const stored = world.record(GATE);
      expect([world.repository().ours, stored?.state.kind, stored?.pending]).toEqual(expected);
      expect(world.notices.map((notice) => notice.kind)).toContain(turn === 'close' ? 'closed' : 'opened');
    },
  );
});

describe('a second crash', () => {
  const dieAfter = (world: World, call: RegExp) => {
    world.around = (made, when) => {
      if (when === 'after' && call.test(made)) throw new Error('crash');
    };
  };

  // The registry was changed and changed back, and neither change was confirmed in the record.
  it.each([
    ['an opening that was written is reverted', 'open', ['opened', 'restored']],
    ['a closing that was written is reverted', 'close', ['closed', 'opened']],
  ] as const)('between intent and confirmation, where %s: people hear of both', async (_name, turn, expected) => {
    const world = await aboutTo(turn);
    const images = world.repository().images;
    const turnBack = () => (turn === 'open' ? images.set(digest(1), VIOLATING) : images.delete(digest(1)));
    dieAfter(world, /^write/);
    await expect(reconcileOnce(world, digest(1))).rejects.toThrow('crash');
    turnBack();
    dieAfter(world, /^write/);
    await expect(reconcileOnce(world, digest(1))).rejects.toThrow('crash');
    world.around = () => {};
    await reconcileOnce(world, digest(1));
    expect(world.notices.map(({ kind }) => kind)).toEqual(expected);
    const [stored, ours] = [world.record(GATE), world.repository().ours];
    const ends = turn === 'open' ? ['closed', 'current', NOW] : ['open', 'absent', undefined];
    expect([stored?.state.kind, ours, stored?.closedSince, stored?.pending]).toEqual([...ends, []]);
  });

  it('before the second write: only the reverted change is notified', async () => {
    const world = await aboutTo('open');
    dieAfter(world, /^write/);
    await expect(reconcileOnce(world, digest(1))).rejects.toThrow('crash');
    world.repository().images.set(digest(1), VIOLATING);
    dieAfter(world, /^save$/);
    await expect(reconcileOnce(world, digest(1))).rejects.toThrow('crash');
    expect([world.record(GATE)?.state.kind, world.repository().ours]).toEqual(['closing', 'absent']);
    world.repository().images.delete(digest(1));
    world.around = () => {};
    await reconcileOnce(world, digest(1));
    expect([world.notices.map(({ kind }) => kind), world.record(GATE)?.state.kind]).toEqual([['opened'], 'open']);
  });
});

describe('a notice that cannot be sent', () => {
  it('does not undo the change: the decision has the error, and the next reconciliation notifies', async () => {
    const world = await aboutTo('close');
    world.around = (call) => {
      if (call === 'notify') throw 'the mail service is away';
    };
    const { action, notifyError } = await reconcileOnce(world, digest(1));
    expect([action, notifyError, world.decisions.length]).toEqual(['closed', 'the mail service is away', 1]);
    expect(world.record(GATE)?.pending.map(({ kind }) => kind)).toEqual(['closed']);
    world.around = () => {};
    const next = await reconcileOnce(world, digest(1));
    expect([next.action, next.notifyError, world.record(GATE)?.pending]).toEqual(['nothing', undefined, []]);
    expect(world.notices.map(({ kind }) => kind)).toEqual(['closed']);
  });
});

describe('another worker', () => {
  it.each([
    ['before the intent', 1],
    ['before the confirmation', 2],
    ['before the notice is removed', 3],
  ])('that saves first, %s: the loop starts again, and the gate is closed in the end', async (_name, nth) => {
    const world = await aboutTo('close');
    let saves = 0;
    world.around = (call, when) => {
      if (call !== 'save' || when !== 'before' || ++saves !== nth) return;
      world.save(world.record(GATE) ?? newRecord(GATE, NOW));
    };
    const { to } = await reconcileOnce(world, digest(1));
    expect([to.kind, world.repository().ours, world.record(GATE)?.state.kind]).toEqual(['closed', 'current', 'closed']);
    expect(world.calls.filter((call) => call === 'observe').length).toBe(2);
  });

  it('that saves first while the registry refuses: the loop starts again, and the gate waits in the end', async () => {
    const world = await aboutTo('close');
    world.repository().refuses = 'the policy is too long';
    let saves = 0;
    world.around = (call, when) => {
      if (call === 'save' && when === 'before' && ++saves === 2) world.save(world.record(GATE) ?? newRecord(GATE, NOW));
    };
    const { action, to } = await reconcileOnce(world, digest(1));
    expect([action, to.kind, world.record(GATE)?.state]).toMatchObject(['refused', 'waiting', { for: 'refused' }]);
    expect(world.calls.filter((call) => call === 'observe').length).toBe(2);
    expect(world.created().map(({ kind }) => kind)).toEqual(['waiting']);
  });

  it('that saves first before a record is removed: the loop starts again', async () => {
    const world = newWorld();
    world.repository();
    const forgettable = record({
      state: { kind: 'open' },
      since: daysLater(-31),
      closedSince: undefined,
      blockers: [],
    });
    world.save(forgettable);
    let removals = 0;
    world.around = (call, when) => {
      if (call === 'remove' && when === 'before' && ++removals === 1) world.save(forgettable);
    };
    await reconcileOnce(world, digest(1));
    expect([removals, world.record(GATE)]).toEqual([2, undefined]);
  });

  it('that writes the lock right after us: the loop starts again, and the gate is closed in the end', async () => {
    const world = await aboutTo('close');
    world.repository().overtaken = 2;
    const { to } = await reconcileOnce(world, digest(1));
    expect([to.kind, world.repository().ours, world.record(GATE)?.state.kind]).toEqual(['closed', 'current', 'closed']);
    expect(world.calls.filter((call) => call === 'observe').length).toBe(3);
  });

  it('that saves first in every attempt: an error, so that the message is retried', async () => {
    const world = await aboutTo('close');
    world.around = (call, when) => {
      if (call === 'save' && when === 'before') world.save(world.record(GATE) ?? newRecord(GATE, NOW));
    };
    await expect(reconcileOnce(world, digest(1))).rejects.toThrow(
      '123456789012/team/app: other workers changed its record or lock first in all 12 attempts; the message is retried',
    );
    expect(world.decisions).toEqual([]);
  });
});

describe('a gate without a row', () => {
  it('and an empty new record: no row is written or removed', async () => {
    const world = newWorld();
    const old = newRecord(GATE, hoursLater(-24 * 31));
    const next = { blockers: [], active: [], omitted: 0, clearances: [] };
    const request = { gate: GATE, scope: [], triggers: ['sweep'], namedReports: [] } as const;
    const stored = { value: old, version: 0 };
    const applied = await apply(
      {
        request,
        stored,
        scope: [],
        evaluated: [],
        next,
        reading: undefined,
        unexplainedSince: undefined,
        override: undefined,
        hasClosed: false,
        now: NOW,
      },
      gateRules(),
      world.ports,
    );
    const expected = {
      kind: 'applied',
      to: { kind: 'open' },
      action: 'nothing',
      change: undefined,
      found: { remedy: undefined },
    };
    expect([applied, world.calls]).toEqual([expected, []]);
  });
});
