// The desired state of a gate: every rule in order, each with the rules before it.
import { describe, expect, it } from 'vitest';
import { nextBlockers } from '../../../shared/gate/blockers.ts';
import type { BrakeState } from '../../../shared/gate/brake.ts';
import { newRecord } from '../../../shared/gate/record.ts';
import { type DesiredStateInput, findDesiredState } from '../../../shared/reconcile/desired-state.ts';
import type { OwnedReading } from '../../../shared/reconcile/owner.ts';
import type { Row } from '../../../shared/reconcile/ports.ts';
import type { Rules } from '../../../shared/reconcile/rules.ts';
import { anOverride, blocker, finding, GATE, NOW, record, rules } from '../samples.ts';

const OPEN_GATE = newRecord(GATE, NOW);
const LAMBDA = { by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' };
const step = (kind: 'open' | 'closed', name: 'runs' | 'ends' = 'runs') => {
  const { order } = anOverride({ kind });
  return { step: name, order, notified: 'begin', isNews: false, next: undefined } as const;
};
const reading = (changes: Partial<OwnedReading<unknown>> = {}): OwnedReading<unknown> => ({
  lock: 'absent',
  snapshot: undefined,
  ...changes,
});
/** One blocker, no lock and no override. */
const held = (changes: Partial<DesiredStateInput> = {}): DesiredStateInput => ({
  record: OPEN_GATE,
  next: nextBlockers({ ...OPEN_GATE, blockers: [blocker()] }, []),
  reading: reading(),
  override: undefined,
  now: NOW,
  ...changes,
});
const CLEAR = nextBlockers(OPEN_GATE, []);
const NO_ROOM = rules({ maxClosesPerHour: 0 });
const EXPLOITED = nextBlockers({ ...OPEN_GATE, blockers: [blocker({ findings: [finding({ exploited: true })] })] }, []);

/** The desired state as text, and how often the brake was asked. */
async function desired(input: DesiredStateInput, byRules: Rules) {
  let asked = 0;
  const brake: Row<BrakeState> = {
    async load() {
      asked++;
      return { value: undefined, version: 0 };
    },
    save: async () => 1,
  };
  const state = await findDesiredState(input, byRules, { brake, inTurn: (work) => work() });
  return [state.kind === 'waiting' ? `waiting: ${state.for}` : state.kind, asked];
}

describe('a gate should be', () => {
  it.each<[string, DesiredStateInput, Rules, string, number]>([
    ['open if it is gone', held({ reading: undefined, override: step('closed') }), rules(), 'open', 0],
    ['open if it has no blocker', held({ next: CLEAR }), rules(), 'open', 0],
    ['open in a pause if it has no blocker', held({ next: CLEAR }), rules({ mode: 'pause' }), 'open', 0],
    [
      'waiting in a pause, regardless of an override',
      held({ override: step('closed') }),
      rules({ mode: 'pause' }),
      'waiting: pause',
      0,
    ],
    [
      'waiting in audit mode',
      held({ reading: reading({ lock: 'current' }) }),
      rules({ mode: 'audit' }),
      'waiting: audit',
      0,
    ],
    [
      'waiting for a foreign lock',
      held({ reading: reading({ lock: 'foreign' }), override: step('open') }),
      rules(),
      'waiting: foreignLock',
      0,
    ],
    [
      'waiting for an override that keeps it open',
      held({ reading: reading({ lock: 'current' }), override: step('open') }),
      rules(),
      'waiting: override',
      0,
    ],
    ['closed with our lock in place', held({ reading: reading({ lock: 'current' }) }), NO_ROOM, 'closed', 0],
    ['closed with our lock in another form', held({ reading: reading({ lock: 'otherForm' }) }), NO_ROOM, 'closed', 0],
    ['closed if our lock was removed', held({ record: record({ blockers: [] }) }), NO_ROOM, 'closed', 0],
    ['waiting if it is in use', held({ reading: reading({ inUse: LAMBDA }) }), rules(), 'waiting: inUse', 0],
    [
      'closed although it is in use, if the config says so',
      held({ reading: reading({ inUse: LAMBDA }) }),
      rules({ closesInUse: true }),
      'closed',
      1,
    ],
    [
      'closed by an override, without asking the brake',
      held({ next: CLEAR, override: step('closed') }),
      NO_ROOM,
      'closed',
      0,
    ],
    [
      'open if the config excludes the repository of an override that closes',
      held({ next: CLEAR, override: step('closed') }),
      rules({ repositories: { include: ['other/*'], exclude: [] } }),
      'open',
      0,
    ],
    [
      'closed once an override that kept it open has ended',
      held({ override: step('open', 'ends') }),
      NO_ROOM,
      'closed',
      0,
    ],
    ['closed for a known exploit, without asking the brake', held({ next: EXPLOITED }), NO_ROOM, 'closed', 0],
    ['waiting for the brake if its limit is reached', held(), NO_ROOM, 'waiting: brake', 1],
    ['closed if the brake admits it', held(), rules(), 'closed', 1],
  ])('%s', async (_name, input, byRules, state, asked) => {
    expect(await desired(input, byRules)).toEqual([state, asked]);
  });
});
