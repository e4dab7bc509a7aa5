// The tick and the sweep with plain ports: when they run, what they request, and what they log.
import { describe, expect, it } from 'vitest';
import { type BrakeState, IDLE_BRAKE } from '../../../shared/gate/brake.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { Row, Version } from '../../../shared/reconcile/ports.ts';
import type { LockRound, SearchState, SweepState } from '../../../shared/reconcile/schedule.ts';
import type { SearchPorts } from '../../../shared/reconcile/search.ts';
import { type SweepPorts, sweep, tick } from '../../../shared/reconcile/sweep.ts';
import type { UnscannedState } from '../../../shared/reconcile/unscanned.ts';
import type { UnscannedPorts } from '../../../shared/reconcile/unscanned-summary.ts';
import type { Message } from '../../../shared/report/notice-text.ts';
import { digest, GATE, hoursLater, NOW, rules } from '../samples.ts';

const gate = (repository: string): Gate => ({ registry: GATE.registry, repository });
const SWEPT: SweepState = { sweptAt: hoursLater(-1), fingerprint: 'a active', gates: 3 };

function rowOf<T>(value: T | undefined, onSave: (saved: T) => void = () => {}): Row<T> {
  let stored: { value: T | undefined; version: Version } = { value, version: value === undefined ? 0 : 1 };
  return {
    load: async () => stored,
    async save(saved, version) {
      if (version !== stored.version) return undefined;
      onSave(saved);
      stored = { value: saved, version: Number(version) + 1 };
      return stored.version;
    },
  };
}

/** Lists these gates as waiting for the brake, in this order. */
function waiters(...gates: readonly Gate[]): SweepPorts['waiting'] {
  return async (limit) => gates.map((one, place) => ({ gate: one, rank: `${place}` })).slice(0, limit);
}

/** Sends nothing, because no image is unscanned for long. */
const SILENT: Omit<UnscannedPorts, 'images' | 'row'> = {
  hours: 24,
  advice: { explain: (reason) => `about ${reason}`, whatToDo: 'Scan them.' },
  notify: async () => {
    throw new Error('nothing is to be sent');
  },
};

/** The locks in the line of a tick that reads none. */
const NO_CLOSINGS = { closedThisHour: 0, closedThisDay: 0, leftThisDay: 100 };
const NO_LOCKS = { locksRead: 0, locksMissing: 0, oldestLockReadMinutes: 0 };

interface Given extends Partial<Omit<SweepPorts, 'brake' | 'gatesWithRecord'>> {
  readonly last?: SweepState | undefined;
  readonly brake?: BrakeState | Row<BrakeState> | undefined;
  /** Default: open. */
  readonly recorded?: readonly (Gate & { readonly state?: string })[];
}

/** Ports with this data, and a record of their use. */
function stage({ last, brake, recorded = [], ...given }: Given = {}) {
  const lines: Record<string, unknown>[] = [];
  const asked: string[] = [];
  const saved: SweepState[] = [];
  const ports: SweepPorts = {
    state: rowOf(last, (state) => saved.push(state)),
    brake: brake !== undefined && 'load' in brake ? brake : rowOf(brake),
    rules: rules(),
    sweepHours: 6,
    settingsHash: 'a',
    scannerHealth: async () => undefined,
    repositoriesWithFindings: async () => [],
    async *gatesWithRecord() {
      for (const one of recorded) yield { state: 'open', ...one };
    },
    waiting: async () => [],
    gatesDue: async () => [],
    round: rowOf<LockRound>(undefined),
    lockedGates: async () => ({ gates: [], next: undefined }),
    isUnlocked: async () => false,
    isThrottled: () => false,
    async sendRequests(gates, trigger) {
      for (const { repository, digest: image } of gates)
        asked.push(`${trigger} ${repository}${image === undefined ? '' : `@${image}`}`);
    },
    log: (line) => void lines.push(line),
    now: () => NOW,
    ...given,
  };
  return { ports, lines, asked, saved };
}

describe('a sweep', () => {
  it('sends one request for each included repository with findings and each repository with a record, and counts the closed gates', async () => {
    const { ports, asked, lines, saved } = stage({
      last: SWEPT,
      rules: rules({ repositories: { include: ['**'], exclude: ['other/*'] } }),
      repositoriesWithFindings: async () => [gate('team/a'), gate('team/b'), gate('other/c')],
      recorded: [
        { ...gate('team/b'), state: 'closed' },
        { ...gate('other/d'), state: 'closing' },
        { ...gate('team/e'), digest: digest(1), state: 'closed' },
        { ...gate('team/e'), digest: digest(2) },
      ],
    });
    const state = await sweep(ports);
    expect(asked).toEqual(['sweep team/a', 'sweep team/b', 'sweep other/d', 'sweep team/e']);
    expect(state).toEqual({ sweptAt: NOW, fingerprint: 'a active', gates: 4 });
    expect([saved, lines]).toEqual([[state], [{ kind: 'sweep', gates: 4, closed: 2 }]]);
  });

  it.each<[string, UnscannedPorts['images'], Record<string, unknown>]>([
    [
      'counts the images that no scan judges, in included repositories',
      async () => [
        { repository: 'team/a', digest: digest(1), reason: 'TOO_OLD' },
        { repository: 'other/b', digest: digest(2), reason: 'TOO_OLD' },
      ],
      {
        kind: 'unscanned',
        images: 1,
        byReason: { TOO_OLD: 1 },
        why: '1 TOO_OLD',
        repositories: ['team/a'],
        moreRepositories: 0,
      },
    ],
    [
      'is done although the images that no scan judges cannot be counted',
      () => Promise.reject(new Error('throttled')),
      { kind: 'failed', error: 'the images that no scan judges could not be reported: Error: throttled' },
    ],
  ])('%s', async (_name, images, line) => {
    const row = rowOf<UnscannedState>(undefined);
    const { ports, saved, lines } = stage({
      rules: rules({ repositories: { include: ['team/*'], exclude: [] } }),
      unscanned: { ...SILENT, images, row },
    });
    await sweep(ports);
    expect(saved).toHaveLength(1);
    expect(lines).toEqual([{ kind: 'sweep', gates: 0, closed: 0 }, line]);
  });

  describe('that searches for locks without a record', () => {
    const searching = (changes: Partial<SearchPorts>): Given => ({
      last: SWEPT,
      recorded: [gate('recorded')],
      search: {
        place: rowOf<SearchState>(undefined),
        repositories: async () => ['recorded', 'a', 'b', 'c'].map(gate),
        read: async ({ repository }) => ({ isOurs: repository !== 'c', others: repository === 'a' ? [] : ['X'] }),
        ...changes,
      },
    });

    it('requests a reconciliation of each repository with a lock of ours, and logs the locks of other deployments', async () => {
      const { ports, asked, lines } = stage(searching({}));
      await sweep(ports);
      expect(asked).toEqual(['sweep recorded', 'lock a', 'lock b']);
      expect(lines.slice(1)).toEqual([
        {
          kind: 'otherLocks',
          id: 'X',
          repositories: 2,
          examples: ['b', 'c'],
          why: 'pulls are refused by X, a lock of another pullgate deployment; if it no longer exists, run `pullgate release --orphans X`',
        },
      ]);
    });

    it('is done although the repositories cannot be listed', async () => {
      const { ports, saved, lines } = stage(searching({ repositories: () => Promise.reject(new Error('throttled')) }));
      await sweep(ports);
      expect([saved.length, lines.at(-1)]).toEqual([
        1,
        { kind: 'failed', error: 'locks without a record could not be searched for: Error: throttled' },
      ]);
    });
  });

  it('names in the summary only images of included repositories, and is done although it cannot be sent', async () => {
    const sent: Message[] = [];
    const { ports, saved, lines } = stage({
      rules: rules({ repositories: { include: ['team/*'], exclude: [] } }),
      unscanned: {
        ...SILENT,
        images: async () =>
          ['team/a', 'other/b'].map((repository) => ({ repository, digest: digest(1), reason: 'TOO_OLD' })),
        row: rowOf<UnscannedState>({ since: { '0000000000000000': hoursLater(-25) } }),
        async notify(message) {
          sent.push(message);
          throw new Error('no such topic');
        },
      },
    });
    await sweep(ports);
    expect(sent.map(({ subject }) => subject)).toEqual(['[pullgate] 1 image that no scan judges']);
    expect([saved.length, lines.at(-1)]).toEqual([
      1,
      { kind: 'failed', error: 'the images that no scan judges could not be reported: Error: no such topic' },
    ]);
  });

  it.each<[string, Given, string]>([
    ['its hours have passed', { last: SWEPT }, 'sweep'],
    ['there was none before', {}, 'settings'],
    ['the settings have changed', { last: SWEPT, settingsHash: 'b' }, 'settings'],
    ['a pause has ended', { last: { ...SWEPT, fingerprint: 'a pause' } }, 'settings'],
  ])('says in its requests why it runs: %s', async (_name, given, trigger) => {
    const { ports, asked } = stage({ ...given, recorded: [gate('team/a')] });
    await sweep(ports);
    expect(asked).toEqual([`${trigger} team/a`]);
  });

  it('distinguishes repositories with the same name in two registries', async () => {
    const { ports } = stage({
      repositoriesWithFindings: async () => [gate('team/a'), { registry: '210987654321', repository: 'team/a' }],
    });
    expect((await sweep(ports)).gates).toBe(2);
  });

  it('accepts that a concurrent sweep saved first', async () => {
    const { ports, saved } = stage();
    const state: Row<SweepState> = { load: ports.state.load, save: async () => undefined };
    expect([await sweep({ ...ports, state }), saved]).toMatchObject([{ gates: 0 }, []]);
  });

  it.each<[string, Given]>([
    ['findings cannot be listed', { repositoriesWithFindings: () => Promise.reject(new Error('throttled')) }],
    ['requests cannot be sent', { sendRequests: () => Promise.reject(new Error('throttled')) }],
  ])('is not recorded as done if %s', async (_name, given) => {
    const { ports, saved, lines } = stage(given);
    await expect(sweep(ports)).rejects.toThrow('throttled');
    expect([saved, lines]).toEqual([[], []]);
  });
});

describe('a tick', () => {
  it.each<[string, Given, boolean]>([
    ['sweeps if there was no sweep', {}, true],
    ['does not sweep before its hours have passed', { last: SWEPT }, false],
    ['sweeps when its hours have passed', { last: { ...SWEPT, sweptAt: hoursLater(-6) } }, true],
    ['sweeps at once with new settings', { last: SWEPT, settingsHash: 'b' }, true],
    ['sweeps at once when a pause begins', { last: SWEPT, rules: rules({ mode: 'pause' }) }, true],
    ['sweeps at once when a pause ends', { last: { ...SWEPT, fingerprint: 'a pause' } }, true],
    [
      'sweeps at once after a pause that began and ended since the last tick',
      { last: { ...SWEPT, fingerprint: `a active ${NOW}` }, rules: { ...rules(), pauseChangedAt: hoursLater(0.01) } },
      true,
    ],
    [
      'does not sweep again once it has swept after a pause',
      { last: { ...SWEPT, fingerprint: `a active ${NOW}` }, rules: { ...rules(), pauseChangedAt: NOW } },
      false,
    ],
    [
      'does not sweep again during the pause',
      { last: { ...SWEPT, fingerprint: 'a pause' }, rules: rules({ mode: 'pause' }) },
      false,
    ],
  ])('%s', async (_name, given, sweeps) => {
    const { ports, lines, saved } = stage(given);
    await tick(ports);
    expect([lines.map((line) => line['kind']), saved.length]).toEqual([
      ['scanner', ...(sweeps ? ['sweep'] : []), 'tick'],
      sweeps ? 1 : 0,
    ]);
  });

  it.each([
    ['is healthy', undefined, { kind: 'scanner', healthy: true, why: undefined }],
    ['is not healthy', 'Inspector is off', { kind: 'scanner', healthy: false, why: 'Inspector is off' }],
  ])('logs that the scanner %s', async (_name, why, line) => {
    const { ports, lines } = stage({ last: SWEPT, scannerHealth: async () => why });
    await tick(ports);
    expect(lines[0]).toEqual(line);
  });

  it('admits as many waiting gates as the brake allows, most urgent first', async () => {
    const { ports, lines, asked } = stage({
      last: SWEPT,
      rules: rules({ maxClosesPerHour: 3 }),
      brake: {
        ...IDLE_BRAKE,
        closings: [
          { gate: 'a', at: hoursLater(-0.5) },
          { gate: 'b', at: hoursLater(-2) },
        ],
      },
      waiting: waiters(gate('worst'), { ...gate('second'), digest: digest(2) }, gate('third')),
    });
    await tick(ports);
    expect(asked).toEqual(['tick worst', `tick second@${digest(2)}`]);
    expect(lines.at(-1)).toEqual({
      kind: 'tick',
      sweepAgeHours: 1,
      waiting: 3,
      admitted: 2,
      closedThisHour: 1,
      closedThisDay: 2,
      leftThisDay: 98,
      ...NO_LOCKS,
    });
  });

  it('requests a reconciliation of each gate whose override begins or ends, without the brake, and counts them', async () => {
    const asks: unknown[] = [];
    const { ports, lines, asked } = stage({
      last: SWEPT,
      rules: rules({ maxClosesPerHour: 0 }),
      gatesDue: async (now, limit) => {
        asks.push([now, limit]);
        return [gate('first'), { ...gate('second'), digest: digest(2) }];
      },
    });
    await tick(ports);
    expect([asks, asked]).toEqual([[[NOW, 1_000]], ['tick first', `tick second@${digest(2)}`]]);
    expect(lines.at(-1)).toMatchObject({ kind: 'tick', waiting: 0, due: 2 });
  });

  it('lists at most a thousand waiting gates, and counts them', async () => {
    const limits: number[] = [];
    const { ports } = stage({
      last: SWEPT,
      waiting: async (limit) => {
        limits.push(limit);
        return [];
      },
    });
    await tick(ports);
    expect(limits).toEqual([1_000]);
  });

  it('requests a reconciliation of each gate whose lock is missing, and counts the locks that it read', async () => {
    const { ports, lines, asked } = stage({
      last: SWEPT,
      lockedGates: async () => ({ gates: [gate('first'), gate('second')], next: undefined }),
      isUnlocked: async ({ repository }) => repository === 'second',
    });
    await tick(ports);
    expect(asked).toEqual(['lock second']);
    expect(lines.at(-1)).toMatchObject({ locksRead: 2, locksMissing: 1, oldestLockReadMinutes: 0 });
  });

  it('logs for how long the stack has been paused', async () => {
    const { ports, lines } = stage({
      last: SWEPT,
      rules: { ...rules({ mode: 'pause' }), pauseChangedAt: hoursLater(-30) },
    });
    await tick(ports);
    expect(lines.at(-1)).toMatchObject({ kind: 'tick', pausedHours: 30 });
  });

  it('logs the additional fields of the cloud', async () => {
    const { ports, lines } = stage({ last: SWEPT, tickFacts: async () => ({ poisonMessages: 2 }) });
    await tick(ports);
    expect(lines.at(-1)).toEqual({
      kind: 'tick',
      sweepAgeHours: 1,
      waiting: 0,
      admitted: 0,
      ...NO_CLOSINGS,
      ...NO_LOCKS,
      poisonMessages: 2,
    });
  });

  describe('with a step that fails', () => {
    const failing = (words: string) => () => Promise.reject(new Error(words));
    const waiting = waiters(gate('worst'));
    const gatesDue = async () => [gate('by-hand')];
    const broken = { load: failing('no answer'), save: failing('no answer') };
    const swept = { ...SWEPT, sweptAt: hoursLater(-7) };
    it.each<[string, Given, readonly string[], readonly string[]]>([
      [
        'the scanner’s health: the other steps run',
        { last: swept, waiting, scannerHealth: failing('no answer') },
        ['sweep', 'tick'],
        ['tick worst'],
      ],
      [
        'the sweep: waiting gates are admitted, and the line has the age of the last sweep',
        { last: swept, waiting, repositoriesWithFindings: failing('no answer') },
        ['scanner', 'tick'],
        ['tick worst'],
      ],
      [
        'listing the waiting gates: the sweep runs, and the line is logged',
        { last: swept, waiting: failing('no answer') },
        ['scanner', 'sweep', 'tick'],
        [],
      ],
      [
        'finding overrides: waiting gates are admitted',
        { last: SWEPT, waiting, gatesDue: failing('no answer') },
        ['scanner', 'tick'],
        ['tick worst'],
      ],
      [
        'finding gates that wait for the brake: overrides are processed',
        { last: SWEPT, gatesDue, waiting: failing('no answer') },
        ['scanner', 'tick'],
        ['tick by-hand'],
      ],
      [
        'reading the last sweep: overrides are processed, waiting gates are admitted, and no sweep runs',
        { state: broken, gatesDue, waiting },
        ['scanner', 'tick'],
        ['tick by-hand', 'tick worst'],
      ],
      [
        'reading the closings of this hour: overrides are processed, and no gate is admitted',
        { last: SWEPT, brake: broken, gatesDue, waiting },
        ['scanner', 'tick'],
        ['tick by-hand'],
      ],
      [
        'reading the locks: the line is logged without them',
        { last: SWEPT, waiting, lockedGates: failing('no answer') },
        ['scanner', 'tick'],
        ['tick worst'],
      ],
      [
        'the additional fields of the cloud: the line is logged without them',
        { last: SWEPT, waiting, tickFacts: failing('no answer') },
        ['scanner', 'tick'],
        ['tick worst'],
      ],
    ])('%s', async (_name, given, kinds, observations) => {
      const { ports, lines, asked } = stage(given);
      await expect(tick(ports)).rejects.toThrow('no answer');
      expect(lines.map((line) => line['kind'])).toEqual(kinds);
      expect(asked).toEqual(observations);
    });

    it('the first sweep: the line has no age', async () => {
      const { ports, lines } = stage({ repositoriesWithFindings: failing('no answer') });
      await expect(tick(ports)).rejects.toThrow('no answer');
      expect(lines.at(-1)).toEqual({ kind: 'tick', waiting: 0, admitted: 0, ...NO_CLOSINGS, ...NO_LOCKS });
    });

    it('the sweep: the line has the age of the last sweep', async () => {
      const { ports, lines } = stage({ last: swept, repositoriesWithFindings: failing('no answer') });
      await expect(tick(ports)).rejects.toThrow('no answer');
      expect(lines.at(-1)).toMatchObject({ kind: 'tick', sweepAgeHours: 7 });
    });

    it('and a second one that fails: the error names both', async () => {
      const { ports } = stage({ scannerHealth: failing('first'), waiting: failing('second') });
      await expect(tick(ports)).rejects.toThrow('Error: first; Error: second');
    });
  });
});
