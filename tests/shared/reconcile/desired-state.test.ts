// The desired state of a gate: every rule in order, each with the rules before it.
import { describe, expect, it } from 'vitest';
import { nextBlockers } from '../../../shared/gate/blockers.ts';
import type { BrakeState } from '../../../shared/gate/brake.ts';
import { type Blocker, newRecord } from '../../../shared/gate/record.ts';
import { type DesiredStateInput, findDesiredState } from '../../../shared/reconcile/desired-state.ts';
import type { OwnedReading } from '../../../shared/reconcile/owner.ts';
import type { Row } from '../../../shared/reconcile/ports.ts';
import type { GateRules } from '../../../shared/reconcile/rules.ts';
import { anOverride, blocker, digest, exception, finding, GATE, gateRules, NOW, policy } from '../samples.ts';

const OPEN_GATE = newRecord(GATE, NOW);
const UNEXPLAINED = { ...OPEN_GATE, unexplainedSince: NOW };
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
  scope: 'all',
  evaluated: [],
  next: nextBlockers({ ...OPEN_GATE, blockers: [blocker()] }, []),
  reading: reading(),
  override: undefined,
  now: NOW,
  ...changes,
});
const CLEAR = nextBlockers(OPEN_GATE, []);
const NO_ROOM = gateRules({ maxClosesPerHour: 0 });
const blockedBy = (...blockers: readonly Blocker[]) => nextBlockers({ ...OPEN_GATE, blockers }, []);
const EXPLOITED = blockedBy(blocker({ findings: [finding({ exploited: true })] }));
const WAS_CLOSED = blockedBy(blocker(), blocker({ digest: digest(2), closedAt: NOW }));
const EXPLOITS_VIOLATE = policy({ exploited: 'high' });

/** The desired state as text, and how often the brake was asked. */
async function desired(input: DesiredStateInput, byRules: GateRules) {
  let asked = 0;
  const brake: Row<BrakeState> = {
    async load() {
      asked++;
      return { value: undefined, version: 0 };
    },
    save: async () => 1,
  };
  const state = await findDesiredState(input, byRules, {
    brake,
    inTurn: (work) => work(),
    registry: { scans: async () => new Map() },
  });
  return [state.kind === 'waiting' ? `waiting: ${state.for}` : state.kind, asked];
}

describe('a gate should be', () => {
  it.each<[string, DesiredStateInput, GateRules, string, number]>([
    ['open if it is gone', held({ reading: undefined, override: step('closed') }), gateRules(), 'open', 0],
    ['open if it has no blocker', held({ next: CLEAR }), gateRules(), 'open', 0],
    [
      'unexplained without a blocker if the record does not explain our lock',
      held({ next: CLEAR, record: UNEXPLAINED, reading: reading({ lock: 'current' }) }),
      gateRules(),
      'unexplained',
      0,
    ],
    [
      'closed with a blocker, although the record does not explain our lock',
      held({ record: UNEXPLAINED, reading: reading({ lock: 'current' }) }),
      gateRules(),
      'closed',
      0,
    ],
    [
      'open if an override opens it, although the record does not explain our lock',
      held({ next: CLEAR, record: UNEXPLAINED, reading: reading({ lock: 'current' }), override: step('open') }),
      gateRules(),
      'open',
      0,
    ],
    ['open in a pause if it has no blocker', held({ next: CLEAR }), gateRules({ mode: 'pause' }), 'open', 0],
    [
      'waiting in a pause, regardless of an override',
      held({ override: step('closed') }),
      gateRules({ mode: 'pause' }),
      'waiting: pause',
      0,
    ],
    [
      'waiting in audit mode',
      held({ reading: reading({ lock: 'current' }) }),
      gateRules({ mode: 'audit' }),
      'waiting: audit',
      0,
    ],
    [
      'waiting for a foreign lock',
      held({ reading: reading({ lock: 'foreign' }), override: step('open') }),
      gateRules(),
      'waiting: foreignLock',
      0,
    ],
    [
      'waiting for an override that keeps it open',
      held({ reading: reading({ lock: 'current' }), override: step('open') }),
      gateRules(),
      'waiting: override',
      0,
    ],
    ['closed with our lock in place', held({ reading: reading({ lock: 'current' }) }), NO_ROOM, 'closed', 0],
    ['closed with our lock in another form', held({ reading: reading({ lock: 'otherForm' }) }), NO_ROOM, 'closed', 0],
    ['closed again if a blocker was closed before', held({ next: WAS_CLOSED }), NO_ROOM, 'closed', 0],
    [
      'closed again although it is in use now',
      held({ next: WAS_CLOSED, reading: reading({ inUse: LAMBDA }) }),
      NO_ROOM,
      'closed',
      0,
    ],
    [
      'waiting in audit mode although it was closed',
      held({ next: WAS_CLOSED }),
      gateRules({ mode: 'audit' }),
      'waiting: audit',
      0,
    ],
    ['waiting if it is in use', held({ reading: reading({ inUse: LAMBDA }) }), gateRules(), 'waiting: inUse', 0],
    [
      'closed although it is in use, if the config says so',
      held({ reading: reading({ inUse: LAMBDA }) }),
      gateRules({ closesInUse: true }),
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
      gateRules({ repositories: { include: ['other/*'], exclude: [] } }),
      'open',
      0,
    ],
    [
      'closed by an override in audit mode',
      held({ next: CLEAR, override: step('closed') }),
      gateRules({ mode: 'audit' }),
      'closed',
      0,
    ],
    [
      'waiting for a foreign lock, regardless of an override that closes',
      held({ next: CLEAR, reading: reading({ lock: 'foreign' }), override: step('closed') }),
      gateRules(),
      'waiting: foreignLock',
      0,
    ],
    [
      'waiting for the brake once an override has ended, if it was never closed',
      held({ override: step('open', 'ends') }),
      NO_ROOM,
      'waiting: brake',
      1,
    ],
    ['waiting for the brake in spite of a known exploit', held({ next: EXPLOITED }), NO_ROOM, 'waiting: brake', 1],
    [
      'closed for a known exploit that the policy names, if the config exempts those from the brake',
      held({ next: EXPLOITED }),
      gateRules({ maxClosesPerHour: 0, brakeExempt: 'exploited', policy: EXPLOITS_VIOLATE }),
      'closed',
      0,
    ],
    [
      'waiting for the brake if only the severity violates, although exploits are exempt',
      held({ next: EXPLOITED }),
      gateRules({ maxClosesPerHour: 0, brakeExempt: 'exploited' }),
      'waiting: brake',
      1,
    ],
    [
      'waiting for the brake if the exploited finding is excepted',
      held({ next: EXPLOITED }),
      gateRules({
        maxClosesPerHour: 0,
        brakeExempt: 'exploited',
        policy: policy({ exploited: 'high', exceptions: [exception()] }),
      }),
      'waiting: brake',
      1,
    ],
    ['waiting for the brake if its limit is reached', held(), NO_ROOM, 'waiting: brake', 1],
    ['closed if the brake admits it', held(), gateRules(), 'closed', 1],
  ])('%s', async (_name, input, byRules, state, asked) => {
    expect(await desired(input, byRules)).toEqual([state, asked]);
  });
});
