// The check of the locks in the registry: in pages, over several ticks, with gates that cannot be read.
import { describe, expect, it } from 'vitest';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { Blocker, GateRecord, GateState } from '../../../shared/gate/record.ts';
import { checkLocks, type LockPorts, shouldBeLocked } from '../../../shared/reconcile/locks.ts';
import type { LockRound } from '../../../shared/reconcile/schedule.ts';
import type { LogLine } from '../../../shared/report/log-line.ts';
import { blocker, digest, GATE, hoursLater, NOW, record } from '../samples.ts';

interface Given {
  readonly pages: number;
  /** The gates whose lock is missing. */
  readonly unlocked?: readonly string[];
  /** The answer for a gate that cannot be read. */
  readonly errors?: Readonly<Record<string, string>>;
  readonly round?: LockRound;
  /** The gates on each page. Default: a and b. */
  readonly names?: readonly string[];
}

/** A table with two gates on each page, named after the page: `0a`, `0b`, `1a`, ... */
function stage({ pages, unlocked = [], errors = {}, round, names = ['a', 'b'] }: Given) {
  let row: { value: LockRound | undefined; version: number } = { value: round, version: round === undefined ? 0 : 1 };
  const lines: LogLine[] = [];
  let now = NOW;
  const ports: LockPorts = {
    round: {
      load: async () => row,
      async save(value) {
        row = { value, version: row.version + 1 };
        return row.version;
      },
    },
    async lockedGates(after = '0') {
      const page = Number(after);
      const gates = names.map((name): Gate => ({ ...GATE, repository: `${page}${name}` }));
      return { gates, next: page + 1 < pages ? String(page + 1) : undefined };
    },
    async isUnlocked({ repository }) {
      const error = errors[repository];
      if (error !== undefined) throw new Error(error);
      return unlocked.includes(repository);
    },
    isThrottled: (error) => String(error).includes('throttled'),
    log: (line) => void lines.push(line),
    now: () => now,
  };
  return {
    async check(at = NOW) {
      now = at;
      const { missing, ...rest } = await checkLocks(ports);
      return { ...rest, missing: missing.map(({ repository }) => repository) };
    },
    lines,
    row: () => row.value,
  };
}

describe('the check of the locks', () => {
  it('reads all pages, finds the missing locks, and needs no row', async () => {
    const { check, row } = stage({ pages: 3, unlocked: ['0b', '2a'] });
    expect(await check()).toEqual({ missing: ['0b', '2a'], read: 6, oldestReadMinutes: 0 });
    expect(row()).toBeUndefined();
  });

  it('reads ten pages, and goes on from there; the age is that of the last complete round', async () => {
    const { check, row } = stage({ pages: 12, unlocked: ['11b'] });
    expect(await check()).toEqual({ missing: [], read: 20, oldestReadMinutes: 0 });
    expect(row()).toEqual({ after: '10', startedAt: NOW });
    expect(await check(hoursLater(1))).toEqual({ missing: ['11b'], read: 4, oldestReadMinutes: 60 });
    expect(row()).toEqual({ startedAt: NOW, readSince: NOW });
    expect(await check(hoursLater(2))).toEqual({ missing: [], read: 20, oldestReadMinutes: 120 });
    expect(row()).toEqual({ after: '10', startedAt: hoursLater(2), readSince: NOW });
  });

  it('logs a gate that cannot be read, and reads the others', async () => {
    const { check, lines } = stage({ pages: 2, unlocked: ['0a', '1a'], errors: { '0b': 'access denied' } });
    expect(await check()).toMatchObject({ missing: ['0a', '1a'], read: 4 });
    expect(lines).toEqual([
      { kind: 'failed', ...GATE, repository: '0b', error: 'its lock could not be read: Error: access denied' },
    ]);
  });

  it('ends with the page on which the registry throttles, and reads that page again with the next tick', async () => {
    const { check, row } = stage({ pages: 3, unlocked: ['0a', '2a'], errors: { '1a': 'throttled' } });
    expect(await check()).toMatchObject({ missing: ['0a'], read: 4 });
    expect(row()).toEqual({ after: '1', startedAt: NOW });
  });

  it('makes no further call once the registry throttles', async () => {
    const names = Array.from({ length: 30 }, (_, number) => String(number));
    const unlocked = names.map((name) => `0${name}`);
    const { check, lines } = stage({ pages: 1, names, unlocked, errors: { '00': 'throttled' } });
    const { missing } = await check();
    expect(missing.length).toBeLessThan(10);
    expect(lines).toHaveLength(1);
  });

  it('that throttles on the first page again and again has read nothing since the first time', async () => {
    const { check, row } = stage({ pages: 1, errors: { '0a': 'throttled' } });
    expect(await check()).toEqual({ missing: [], read: 2, oldestReadMinutes: 0 });
    expect(await check(hoursLater(1))).toMatchObject({ oldestReadMinutes: 60 });
    expect(row()).toEqual({ startedAt: NOW });
  });

  it('that reads every lock again does not keep an old time in its row', async () => {
    const round = { startedAt: hoursLater(-48), readSince: hoursLater(-48) };
    const { check, row } = stage({ pages: 1, round });
    expect(await check()).toMatchObject({ oldestReadMinutes: 0 });
    expect(row()).toEqual({ startedAt: NOW, readSince: NOW });
    await check(hoursLater(0.2));
    expect(row()).toEqual({ startedAt: NOW, readSince: NOW });
  });
});

describe('the registry should show a lock', () => {
  const GONE = { at: NOW, why: 'gone' } as const;
  const closed = (inactive: Blocker['inactive']) => blocker({ closedAt: hoursLater(-24), inactive });

  it.each<[GateState, boolean]>([
    [{ kind: 'closed' }, true],
    [{ kind: 'closing' }, true],
    [{ kind: 'opening' }, false],
    [{ kind: 'open' }, false],
    [{ kind: 'waiting', for: 'foreignLock' }, true],
    [{ kind: 'waiting', for: 'brake' }, false],
  ])('%j: %s', (state, expected) => {
    expect(shouldBeLocked(record({ state }))).toBe(expected);
  });

  it.each<[string, Partial<GateRecord>, boolean]>([
    ['an image that was closed and is gone', {}, true],
    ['an image that was never closed and is gone', { blockers: [blocker({ inactive: GONE })] }, false],
    ['an image that was closed and is exempted', { blockers: [closed({ at: NOW, why: 'exempted' })] }, false],
    ['a repository without the image that closed it', { gate: GATE }, false],
  ])('%s: %s', (_name, changes, expected) => {
    const state: GateState = { kind: 'open' };
    const gate = { ...GATE, digest: digest(1) };
    expect(shouldBeLocked(record({ gate, state, blockers: [closed(GONE)], ...changes }))).toBe(expected);
  });
});
