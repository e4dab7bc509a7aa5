// What of a stack's state needs a person, and what is only told: each case alone, from rows as the tables have them.
import { describe, expect, it } from 'vitest';
import type { Side } from '../../../cli/stack/side.ts';
import { statusOf } from '../../../cli/status/status.ts';
import { statusLines } from '../../../cli/status/text.ts';
import type { GateRecord, Notice } from '../../../shared/gate/record.ts';
import type { Exception } from '../../../shared/policy/policy.ts';
import type { PauseState, SweepState } from '../../../shared/reconcile/schedule.ts';
import {
  blocker,
  byHand,
  daysLater,
  exception,
  finding,
  GATE,
  hoursLater,
  NOW,
  policy,
  record,
} from '../../shared/samples.ts';

interface World {
  readonly records?: readonly GateRecord[];
  readonly sweep?: SweepState | undefined;
  readonly pause?: PauseState;
  readonly deadLetters?: number;
  readonly exceptions?: readonly Exception[];
}

const SWEPT: SweepState = { sweptAt: hoursLater(-11), settingsHash: 'hash', gates: 40 };
const NOTICE: Notice = {
  kind: 'closed',
  at: NOW,
  images: [],
  moreImages: 0,
  omittedImages: 0,
  stillPullable: [],
  accounts: [],
};

/** A side whose tables have these rows, and which has no registry to look at. */
function sideOf(cloud: Side['cloud'], { records = [], sweep, pause, deadLetters = 0, exceptions = [] }: World): Side {
  const unasked = () => {
    throw new Error('status without a look asks the tables and the queue only');
  };
  const rowOf = <T>(value: T) => ({ load: async () => ({ value, version: 1 }), save: unasked });
  return {
    cloud,
    settings: {
      stack: 'dev',
      mode: 'enforce',
      sweepHours: 6,
      policy: policy({ exceptions }),
      maxClosesPerHour: 25,
      closeLambdaRepositories: false,
      repositories: { include: ['**'], exclude: [] },
    },
    pause: rowOf(pause),
    sweep: rowOf(sweep),
    brake: rowOf(undefined),
    records: {
      load: async (gate) => ({ value: records.find((one) => one.gate.repository === gate.repository), version: 1 }),
    },
    async *gates() {
      for (const { gate, state } of records) yield { ...gate, state: state.kind };
    },
    deadLetters: async () => deadLetters,
    open: unasked,
    blindness: unasked,
    repositoriesWithFindings: unasked,
    find: unasked,
    look: unasked,
    scans: unasked,
    obstacles: unasked,
  };
}

const status = (...sides: readonly Side[]) => statusOf({ stack: 'dev', sides, now: () => NOW, isLooking: false });

describe('what needs a person', () => {
  const closing = (hours: number) =>
    record({ state: { kind: 'closing' }, since: hoursLater(hours), blockers: [blocker()] });
  it.each<[string, World, readonly string[]]>([
    ['nothing, of a sweep that is due by now', { sweep: SWEPT }, []],
    [
      'a sweep that is older than two',
      { sweep: { ...SWEPT, sweptAt: hoursLater(-13) } },
      ['AWS: the last sweep is 13 hours old (sweepHours is 6): is the function running?'],
    ],
    [
      'no sweep at all',
      {},
      ['AWS: there was no sweep yet; the first comes within five minutes of `pulumi up`: is the function running?'],
    ],
    [
      'dead letters',
      { sweep: SWEPT, deadLetters: 3 },
      ['AWS: 3 in the dead-letter queue: what is in there was not done'],
    ],
    ['nothing, of a gate that is being closed', { sweep: SWEPT, records: [closing(-0.9)] }, []],
    [
      'a gate that nobody finishes',
      { sweep: SWEPT, records: [closing(-2)] },
      ['AWS: team/app is closing since 2026-06-15 10:00 UTC, and nobody finishes it'],
    ],
    [
      'people who could not be told',
      { sweep: SWEPT, records: [record({ since: hoursLater(-2), untold: [NOTICE] })] },
      ["AWS: nobody could be told of team/app: look at the function's log"],
    ],
    [
      'nothing, of a notice that is on its way',
      { sweep: SWEPT, records: [record({ since: hoursLater(-0.1), untold: [NOTICE] })] },
      [],
    ],
    [
      'an exception that has ended, and none that will',
      {
        sweep: SWEPT,
        exceptions: [
          exception({ expiresAt: daysLater(2) }),
          exception({ expiresAt: NOW, package: 'openssl', repository: 'team/*' }),
        ],
      },
      ['the exception for CVE-2024-6119 in openssl, team/* ended at 2026-06-15 12:00 UTC: renew it, or take it out'],
    ],
    [
      'nothing, of a stack that is paused',
      { sweep: SWEPT, pause: { paused: true, at: hoursLater(-3), by: 'ada' } },
      [],
    ],
  ])('%s', async (_name, world, expected) => {
    expect((await status(sideOf('aws', world))).concerns).toEqual(expected);
  });

  it('of both clouds, and of one policy once', async () => {
    const world = { deadLetters: 1, sweep: SWEPT, exceptions: [exception({ expiresAt: NOW })] };
    expect((await status(sideOf('aws', world), sideOf('azure', world))).concerns).toEqual([
      'AWS: 1 in the dead-letter queue: what is in there was not done',
      'Azure: 1 in the poison queue: what is in there was not done',
      'the exception for CVE-2024-6119 ended at 2026-06-15 12:00 UTC: renew it, or take it out',
    ]);
  });
});

describe('what is told', () => {
  it('of exceptions that end within 1, 3 and 14 days, the first to end first', async () => {
    const exceptions = [20, 10, 0.5, 2].map((days) =>
      exception({ expiresAt: daysLater(days), reason: `${days} days` }),
    );
    const found = await status(sideOf('aws', { sweep: SWEPT, exceptions }));
    expect(found.exceptions.map(({ exception: one, end }) => [one.reason, end])).toEqual([
      ['0.5 days', 1],
      ['2 days', 3],
      ['10 days', 14],
    ]);
    expect(statusLines(found).slice(-4)).toEqual([
      'Exceptions that end soon, or have ended:',
      '  1 day    CVE-2024-6119  2026-06-16 00:00 UTC (in 12 hours)  0.5 days',
      '  3 days   CVE-2024-6119  2026-06-17 12:00 UTC (in 2 days)    2 days',
      '  14 days  CVE-2024-6119  2026-06-25 12:00 UTC (in 10 days)   10 days',
    ]);
  });

  it('of a pause, of an order by hand, and of a hostile name nothing that a terminal obeys', async () => {
    const gate = { ...GATE, repository: 'team/hand' };
    const evil = finding({ package: { name: 'x\u001b[31m', version: '1' } });
    const found = await status(
      sideOf('aws', {
        sweep: SWEPT,
        pause: { paused: true, at: hoursLater(-3), by: 'ada' },
        records: [
          record({ state: { kind: 'closed' }, closedSince: hoursLater(-5), blockers: [blocker({ findings: [evil] })] }),
          record({
            gate,
            state: { kind: 'waiting', for: 'byHand' },
            byHand: byHand({ kind: 'open', until: hoursLater(2) }),
          }),
          record({
            gate: { ...GATE, repository: 'team/over' },
            state: { kind: 'open' },
            byHand: byHand({ until: hoursLater(-1) }),
          }),
          record({ gate: { ...GATE, repository: 'team/plain' }, state: { kind: 'open' } }),
        ],
      }),
    );
    expect(found.sides[0]?.gates.map((one) => [one.gate.repository, one.byHand?.kind])).toEqual([
      ['team/app', undefined],
      ['team/hand', 'open'],
    ]);
    const text = statusLines(found).join('\n');
    expect(text).toContain(
      '\nAWS: paused: it closes nothing until `pullgate resume` (since 2026-06-15 09:00 UTC, by ada)\n',
    );
    expect(text).toContain('team/app  closed since 2026-06-15 07:00 UTC  1 image, worst: CVE-2024-6119 in x\ufffd[31m');
    expect(text).toMatch(
      /team\/hand {2}since .*; open by hand until 2026-06-15 14:00 UTC \(in 2 hours\): .* \(approved by /,
    );
    expect(text).not.toContain('\u001b');
  });
});
