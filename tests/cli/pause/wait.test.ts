// Tests `pause --for`, `pause --wait` and `resume` with records, a registry and a clock in this process.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Pause, type PauseAnswer, pauseStack } from '../../../cli/pause/pause.ts';
import { resumeStack } from '../../../cli/pause/resume.ts';
import { LONGEST_INVOCATION_MINUTES } from '../../../cli/pause/wait.ts';
import type { Client } from '../../../cli/stack/client.ts';
import { graphOf } from '../../../local/graph.ts';
import { type Gate, gateKey } from '../../../shared/gate/gate.ts';
import type { GateRecord } from '../../../shared/gate/record.ts';
import type { PauseState } from '../../../shared/reconcile/schedule.ts';
import type { Decision, Outcome } from '../../../shared/report/decision.ts';
import { decision, GATE, hoursLater, NOW, record } from '../../shared/samples.ts';

const MINUTE = 60_000;
const OTHER: Gate = { ...GATE, repository: 'team/other' };

interface World {
  readonly cloud?: Client['cloud'];
  readonly closed?: readonly Gate[];
  /** A closed gate whose record cannot be read, and how the registry answers a request to open it by its mark. */
  readonly unread?: { readonly gate: Gate; readonly opens: Outcome };
  readonly pause?: PauseState;
  /** How the registry answers a request to open a gate, by minute. Default: it opens the gate. */
  readonly opens?: (minutes: number, gate: Gate) => Partial<Decision> | Error | undefined;
  /** Why notices cannot be sent, by minute. Default: they can. */
  readonly notSent?: (minutes: number) => Error | undefined;
  /** The gates that an invocation from before the pause closes, by minute. */
  readonly closes?: Readonly<Record<number, Gate>>;
  /** The minute in which the table does not answer. */
  readonly isDownAt?: number;
  /** The minute in which the operator presses Ctrl-C. */
  readonly interruptedAt?: number;
}

/** A stack on one cloud, and functions that run `pause` and `resume` on it. */
function stackOf({ cloud = 'aws', closed = [], opens = () => undefined, closes = {}, ...world }: World) {
  let at = Date.parse(NOW);
  const minutes = () => (at - Date.parse(NOW)) / MINUTE;
  const printed: string[] = [];
  const asked: string[] = [];
  /** The gates of each delivery. */
  const delivered: string[][] = [];
  const records = new Map<string, GateRecord>();
  const close = (gate: Gate) => records.set(gateKey(gate), record({ gate, state: { kind: 'closed' }, blockers: [] }));
  closed.forEach(close);
  let row = world.pause;
  let writes = 0;
  const client = {
    cloud,
    pause: {
      load: async () => ({ value: row, version: writes }),
      async save(value: PauseState) {
        row = value;
        return ++writes;
      },
    },
    records: {
      async load(gate: Gate) {
        if (gate.repository === world.unread?.gate.repository) throw new Error('the row cannot be read');
        return { value: records.get(gateKey(gate)), version: 1 };
      },
    },
    async *gates() {
      if (world.isDownAt !== undefined && Math.floor(minutes()) === world.isDownAt) throw new Error('no answer');
      for (const { gate, state } of records.values()) yield { ...gate, state: state.kind };
      if (world.unread !== undefined) yield { ...world.unread.gate, state: 'closed' };
    },
    async openByMark() {
      if (world.unread === undefined) throw new Error('only a gate whose record cannot be read is opened by its mark');
      return world.unread.opens;
    },
    async reconcile(gate: Gate) {
      asked.push(gate.repository);
      const answer = opens(minutes(), gate);
      if (answer instanceof Error) throw answer;
      if (answer !== undefined) return decision(answer);
      records.set(gateKey(gate), record({ gate, state: { kind: 'waiting', for: 'pause' }, blockers: [] }));
      return decision({ action: 'opened', to: { kind: 'waiting', for: 'pause' } });
    },
    async deliver(gates: readonly Gate[]) {
      delivered.push(gates.map(({ repository }) => repository));
      const error = world.notSent?.(minutes());
      return { gates: 0, failures: error === undefined ? [] : [{ gates, error }] };
    },
  } as unknown as Client;
  const interrupted = new AbortController();
  const due = Object.entries(closes).map(([minute, gate]) => ({ minute: Number(minute), gate }));
  const sleep = async (milliseconds: number) => {
    at += milliseconds;
    for (const { gate } of due.filter(({ minute }) => minute <= minutes())) close(gate);
    due.splice(0, due.filter(({ minute }) => minute <= minutes()).length);
    if (world.interruptedAt !== undefined && minutes() >= world.interruptedAt) interrupted.abort();
  };
  const answers: PauseAnswer[] = [];
  const common = {
    stack: 'dev',
    label: 'the stack dev',
    clients: [client],
    terminal: { print: (line: string) => void printed.push(line), ask: async () => undefined },
    now: () => new Date(at).toISOString(),
    by: 'ada',
  };
  const pause = async (changes: Partial<Pause> = {}) => {
    const printJson = (answer: PauseAnswer) => void answers.push(answer);
    const code = await pauseStack({ ...common, isWhole: true, yes: true, printJson, ...changes });
    return { code, text: printed.splice(0).join('\n'), answer: answers.at(-1), minutes: minutes() };
  };
  return {
    asked,
    delivered,
    pause,
    wait: (maxMinutes = 30, until?: string) =>
      pause({ until, wait: { maxMinutes, sleep, onInterrupt: () => interrupted.signal } }),
    resume: async () => [await resumeStack(common), printed.splice(0).join('\n')],
    advance: (hours: number) => {
      at += hours * 60 * MINUTE;
    },
    row: () => row,
    writes: () => writes,
  };
}

const SAFE = 'No gate is locked. It is safe to run `pulumi destroy` now.';

it('without --wait, pause says until when an old invocation may still close a gate', async () => {
  const { text } = await stackOf({ closed: [GATE] }).pause();
  expect(text).toContain(
    '\nBefore `pulumi destroy`, wait until 2026-06-15 12:05 UTC and run this command again, or run ',
  );
});

describe('the notices of a pause', () => {
  it('are delivered together after the gates are open, and those of a gate that closed during the wait, too', async () => {
    const world = stackOf({ closed: [GATE, OTHER], closes: { 3: OTHER } });
    await world.wait();
    expect(world.delivered).toEqual([['team/app', 'team/other'], ['team/other']]);
  });

  it('stop no opening if they cannot be sent: the error is printed once, and each gate names it', async () => {
    const { text, answer } = await stackOf({ closed: [GATE, OTHER], notSent: () => new Error('no topic') }).pause();
    expect(text.match(/opened {4}team\/\S+/g)).toHaveLength(2);
    expect(text.match(/the notice could not be sent: .+/g)).toEqual(['the notice could not be sent: no topic']);
    expect(text).toContain('  2 gates: the notice could not be sent');
    expect(answer?.gates.map(({ action, problem }) => [action, problem])).toEqual([
      ['opened', 'the notice could not be sent: no topic'],
      ['opened', 'the notice could not be sent: no topic'],
    ]);
  });

  it('are no news for a gate that could not be opened', async () => {
    const world = stackOf({ closed: [GATE], opens: () => new Error('denied'), notSent: () => new Error('no topic') });
    const { answer } = await world.pause();
    expect(answer?.gates.map(({ action, problem }) => [action, problem?.includes('denied')])).toEqual([
      ['FAILED', true],
    ]);
  });
});

describe('pause --wait', () => {
  it.each([
    ['aws', 5],
    ['azure', 10],
  ] as const)(
    'returns on %s after %i minutes, when no invocation from before the pause can still run',
    async (cloud, longest) => {
      const { code, text, minutes, answer } = await stackOf({ cloud, closed: [GATE] }).wait();
      expect([code, text.endsWith(SAFE), answer?.waited]).toEqual([0, true, 'open']);
      expect([minutes >= longest, minutes < longest + 1]).toEqual([true, true]);
      expect(text).toContain(
        `\nNo gate is locked. Waiting until 2026-06-15 12:${cloud === 'aws' ? '05' : '10'} UTC: after that, no `,
      );
    },
  );

  it('knows how long an invocation can run', async () => {
    const { resources } = await graphOf({});
    const lambda = resources.find(({ type }) => type === 'aws:lambda/function:Function');
    expect(lambda?.outputs['timeout']).toBe(LONGEST_INVOCATION_MINUTES.aws * 60);
    const [, hours, minutes, seconds] = /functionTimeout: '(\d\d):(\d\d):(\d\d)'/.exec(
      readFileSync('azure/component/code.ts', 'utf8'),
    ) ?? ['', '', '', ''];
    expect([hours, minutes, seconds]).toEqual(['00', String(LONGEST_INVOCATION_MINUTES.azure), '00']);
  });

  it('returns immediately if the stack was already paused and no gate is locked', async () => {
    const world = stackOf({ pause: { paused: true, at: hoursLater(-1), by: 'eve' } });
    const { code, text, minutes } = await world.wait();
    expect([code, text.endsWith(SAFE), minutes, world.writes()]).toEqual([0, true, 0, 0]);
  });

  it('opens a gate that an invocation from before the pause closes during the wait', async () => {
    const { code, text, answer } = await stackOf({ closed: [GATE], closes: { 3: OTHER } }).wait();
    expect([code, text.endsWith(SAFE)]).toEqual([0, true]);
    expect(text).toContain('\nWaiting: 1 gate is still locked.\n  opened    team/other\n');
    expect(answer?.gates.map(({ repository, action }) => [repository, action])).toEqual([['team/app', 'opened']]);
  });

  it('retries a gate that could not be opened, and prints only changed results', async () => {
    const refused = { action: 'refused', problem: 'a principal is gone' } as const;
    const opens = (minutes: number, { repository }: Gate) =>
      repository === 'team/app' && minutes < 8 ? (minutes < 4 ? refused : new Error('throttled')) : undefined;
    const world = stackOf({ closed: [GATE, OTHER], opens });
    const { code, text, minutes } = await world.wait();
    expect([code, minutes < 9, text.endsWith(SAFE)]).toEqual([0, true, true]);
    expect(text.match(/(REFUSED|FAILED|opened) +team\/app/g)).toEqual([
      'REFUSED   team/app',
      'FAILED    team/app',
      'opened    team/app',
    ]);
    expect(world.asked.filter((name) => name === 'team/app').length).toBeGreaterThan(10);
    expect(world.asked.filter((name) => name === 'team/other')).toHaveLength(1);
  });

  it('gives up when the time is up, reports the locked gates, and leaves the pause in force', async () => {
    const world = stackOf({ closed: [GATE], opens: () => new Error('denied') });
    const { code, text, minutes, answer } = await world.wait(20);
    expect([code, minutes >= 20, minutes < 21, answer?.waited]).toEqual([1, true, true, 'timedOut']);
    expect(text).toContain('\n1 repository could not be opened: fix the cause');
    expect(
      text.endsWith(
        'Stopped waiting: the time is up. The pause stays in force. To continue waiting, run this command again.',
      ),
    ).toBe(true);
    expect(world.row()).toEqual({ paused: true, at: NOW, by: 'ada' });
  });

  it('stops on Ctrl-C, and leaves the pause in force', async () => {
    const world = stackOf({ closed: [GATE], interruptedAt: 2 });
    const { code, text, minutes, answer } = await world.wait();
    expect([code, minutes < 3, answer?.waited]).toEqual([1, true, 'interrupted']);
    expect(
      text.endsWith('Stopped waiting. The pause stays in force. To continue waiting, run this command again.'),
    ).toBe(true);
    expect(world.row()?.paused).toBe(true);
  });

  it('stops when the pause ends, and opens nothing after that', async () => {
    const world = stackOf({ closed: [GATE], closes: { 3: OTHER } });
    const { code, text, minutes, answer } = await world.wait(30, hoursLater(2 / 60));
    expect([code, minutes < 3, answer?.waited, world.asked]).toEqual([1, true, 'resumed', ['team/app']]);
    expect(
      text.endsWith('Stopped waiting: the pause is over, and the function closes gates that violate the policy again.'),
    ).toBe(true);
  });

  it('continues while the table does not answer', async () => {
    const { code, text } = await stackOf({ closed: [GATE], isDownAt: 2 }).wait();
    expect([code, text.endsWith(SAFE)]).toEqual([0, true]);
    expect(text.match(/The gates could not be read[.] Retrying: no answer/g)).toHaveLength(1);
  });
});

describe('a record that cannot be read', () => {
  const LAST = /\n1 record cannot be read: the function cannot reconcile its gate[.] Deploy the version of pullgate /;

  it('stops nothing: the stack is paused, the other gate opens, and this one opens by its mark', async () => {
    const world = stackOf({ closed: [GATE], unread: { gate: OTHER, opens: { action: 'opened' } } });
    const { code, text, answer } = await world.wait();
    expect([code, world.row()?.paused, answer?.waited]).toEqual([1, true, 'open']);
    expect(text).toContain('\n  team/other  the row cannot be read\n');
    expect(text.match(/opened {4}\S+/g)).toEqual(['opened    team/app', 'opened    team/other']);
    expect(text).toContain(`\n${SAFE}\n`);
    expect(text).toMatch(LAST);
    expect(answer?.gates.map(({ was, action, problem }) => [was, action, problem])).toEqual([
      ['closed', 'opened', undefined],
      ['unreadable', 'opened', 'the row cannot be read'],
    ]);
  });

  it('is named with what to do if its lock carries no mark', async () => {
    const opens = { action: 'refused', problem: 'run: az acr' } as const;
    const world = stackOf({ closed: [GATE], unread: { gate: OTHER, opens } });
    const { code, text } = await world.pause();
    expect(code).toBe(1);
    expect(text).toMatch(/opened {4}team\/app\n/);
    expect(text).toContain('  REFUSED   team/other\n      run: az acr\n');
    expect(text).toContain('\n1 repository could not be opened: fix the cause');
    expect(text).toMatch(LAST);
    const { answer } = await stackOf({ unread: { gate: OTHER, opens } }).pause({ dryRun: true });
    expect(answer?.gates).toMatchObject([{ was: 'unreadable', problem: 'the row cannot be read' }]);
  });

  it('keeps the wait going while its lock is in place', async () => {
    const opens = { action: 'refused', problem: 'run: az acr' } as const;
    const { code, text, answer } = await stackOf({ unread: { gate: OTHER, opens } }).wait(20);
    expect([code, answer?.waited, text.includes('Waiting: 1 gate is still locked.')]).toEqual([1, 'timedOut', true]);
  });
});

it('pauses the stack even if its gates cannot be listed', async () => {
  const world = stackOf({ isDownAt: 0 });
  await expect(world.pause()).rejects.toThrow('no answer');
  expect(world.row()).toEqual({ paused: true, at: NOW, by: 'ada' });
});

describe('pause --for', () => {
  it('ends by itself, and then `resume` has nothing to do', async () => {
    const world = stackOf({});
    const { code, text, answer } = await world.pause({ until: hoursLater(4) });
    expect([code, answer?.until, world.row()]).toEqual([
      0,
      hoursLater(4),
      { paused: true, at: NOW, by: 'ada', until: hoursLater(4) },
    ]);
    expect(text).toContain('\nPaused the stack dev: nothing closes until 2026-06-15 16:00 UTC (in 4 hours).\n');
    world.advance(4);
    expect(await world.resume()).toEqual([0, 'There is nothing to do: the stack dev is not paused.']);
    expect(world.writes()).toBe(1);
  });

  it('changes the end of a pause without starting a new one', async () => {
    const world = stackOf({});
    await world.pause();
    world.advance(1);
    await world.pause({ until: hoursLater(3), by: 'eve' });
    expect(world.row()).toEqual({ paused: true, at: NOW, by: 'eve', until: hoursLater(3) });
    await world.pause();
    expect(world.row()).toEqual({ paused: true, at: NOW, by: 'ada' });
    expect((await world.pause()).text).toBe(
      'The stack dev keeps no repository closed.\nIt has been paused since 2026-06-15 12:00 UTC by ada: there is nothing to do. It is safe to run `pulumi destroy` now.',
    );
    expect(world.writes()).toBe(3);
  });

  it('starts a new pause after the previous one has ended', async () => {
    const world = stackOf({ pause: { paused: true, at: hoursLater(-5), by: 'eve', until: hoursLater(-1) } });
    await world.pause({ until: hoursLater(1) });
    expect(world.row()).toEqual({ paused: true, at: NOW, by: 'ada', until: hoursLater(1) });
  });

  it('does not say that it is safe to destroy a stack if the pause has an end or excludes a cloud', async () => {
    const old = { paused: true, at: hoursLater(-5), by: 'eve' };
    const texts = await Promise.all([
      stackOf({ pause: old }).pause({ isWhole: false, label: 'the stack dev on AWS' }),
      stackOf({ pause: { ...old, until: hoursLater(2) } }).pause({ until: hoursLater(2) }),
    ]);
    expect(texts.map(({ text }) => text)).toEqual([
      'The stack dev on AWS keeps no repository closed.\nIt has been paused since 2026-06-15 07:00 UTC by eve: there is nothing to do.',
      'The stack dev keeps no repository closed.\nIt has been paused since 2026-06-15 07:00 UTC by eve, until 2026-06-15 14:00 UTC: there is nothing to do.',
    ]);
  });
});
