// Tests which states of a stack require action, and which are only reported. Each case is tested alone, with rows as
// the tables store them.
import { describe, expect, it } from 'vitest';
import type { Client } from '../../../cli/stack/client.ts';
import { readStatus } from '../../../cli/status/status.ts';
import { statusLines } from '../../../cli/status/text.ts';
import { type BrakeState, IDLE_BRAKE } from '../../../shared/gate/brake.ts';
import type { GateRecord } from '../../../shared/gate/record.ts';
import type { Exception } from '../../../shared/policy/exceptions.ts';
import type { Rule } from '../../../shared/policy/rule.ts';
import type { PauseState, SweepState } from '../../../shared/reconcile/schedule.ts';
import {
  anOverride,
  blocker,
  daysLater,
  digest,
  exception,
  finding,
  GATE,
  hoursLater,
  NOW,
  notice,
  policy,
  record,
  ruleSettings,
} from '../../shared/samples.ts';

interface World {
  readonly records?: readonly GateRecord[];
  /** The repository whose record cannot be read. */
  readonly unreadable?: string;
  readonly sweep?: SweepState | undefined;
  readonly pause?: PauseState;
  readonly deadLetters?: number;
  readonly brake?: BrakeState;
  readonly exceptions?: readonly Exception[];
  readonly rules?: readonly Rule[];
}

const SWEPT: SweepState = { sweptAt: hoursLater(-11), fingerprint: 'hash', gates: 40 };
const NOTICE = notice();

/** A client for tables with these rows, without a registry. */
function clientOf(
  cloud: Client['cloud'],
  { records = [], unreadable, sweep, pause, brake, deadLetters = 0, exceptions = [], rules = [] }: World,
): Client {
  const unasked = () => {
    throw new Error('status without --live reads only the tables and the queue');
  };
  const rowOf = <T>(value: T) => ({ load: async () => ({ value, version: 1 }), save: unasked });
  return {
    cloud,
    settings: { ...ruleSettings({ policy: policy({ exceptions }), rules }), sweepHours: 6 },
    pause: rowOf(pause),
    sweep: rowOf(sweep),
    brake: rowOf(brake),
    records: {
      save: unasked,
      async load({ repository }) {
        if (repository === unreadable) throw new Error(`the row of ${repository} cannot be read`);
        return { value: records.find(({ gate }) => gate.repository === repository), version: 1 };
      },
    },
    async *gates() {
      for (const { gate, state } of records) yield { ...gate, state: state.kind };
    },
    deadLetters: async () => deadLetters,
    scannerHealth: unasked,
    repositoriesWithFindings: unasked,
    find: unasked,
    observe: unasked,
    read: unasked,
    openByMark: unasked,
    reconcile: unasked,
    deliver: unasked,
    scans: unasked,
    obstacles: unasked,
    repositoryObstacles: unasked,
  };
}

const status = (...clients: readonly Client[]) => readStatus({ stack: 'dev', clients, now: () => NOW, isLive: false });

describe('required actions', () => {
  const closing = (hours: number) =>
    record({ state: { kind: 'closing' }, since: hoursLater(hours), blockers: [blocker()] });
  it.each<[string, World, readonly string[]]>([
    ['none if the next sweep is due', { sweep: SWEPT }, []],
    [
      'one if the last sweep is older than twice sweepHours',
      { sweep: { ...SWEPT, sweptAt: hoursLater(-13) } },
      ['AWS: the last sweep ran 13 hours ago (sweepHours is 6): check that the function is running'],
    ],
    [
      'one if no sweep has run',
      {},
      [
        'AWS: no sweep has run yet; the first one runs within five minutes of `pulumi up`: check that the function is running',
      ],
    ],
    [
      'one for dead letters',
      { sweep: SWEPT, deadLetters: 3 },
      ['AWS: the dead-letter queue has 3 messages that pullgate could not process'],
    ],
    [
      'one for the day limit',
      { sweep: SWEPT, brake: { ...IDLE_BRAKE, earlier: [{ hour: hoursLater(-3), closings: 100 }] } },
      [
        'AWS: 100 gates closed within 24 hours, and the day limit (100) lets no more close: `pullgate limit` allows another number',
      ],
    ],
    ['none for a gate that is still closing', { sweep: SWEPT, records: [closing(-0.9)] }, []],
    [
      'one for a gate that is stuck',
      { sweep: SWEPT, records: [closing(-2)] },
      ['AWS: team/app has been closing since 2026-06-15 10:00 UTC and is stuck'],
    ],
    [
      'one for a gate whose record does not say why it is closed',
      { sweep: SWEPT, records: [record({ state: { kind: 'unexplained' }, blockers: [] })] },
      [
        'AWS: team/app is closed, and its record does not say why: it may have been lost. It opens on proof for all images, or by `pullgate override open`',
      ],
    ],
    [
      'one for a notice that could not be sent',
      { sweep: SWEPT, records: [record({ pending: [notice({ at: hoursLater(-2) }), NOTICE] })] },
      ["AWS: the notice for team/app could not be sent: see the function's log"],
    ],
    [
      'none for a notice that the next tick sends',
      { sweep: SWEPT, records: [record({ pending: [notice({ at: hoursLater(-0.1) })] })] },
      [],
    ],
    [
      'one for an expired exception, and none for an exception that expires soon',
      {
        sweep: SWEPT,
        exceptions: [
          exception({ expiresAt: daysLater(2) }),
          exception({ expiresAt: NOW, package: 'openssl', repository: 'team/*' }),
        ],
      },
      ['the exception for CVE-2024-6119 in openssl, team/* expired at 2026-06-15 12:00 UTC: renew it or remove it'],
    ],
    [
      'one for a pause',
      { sweep: SWEPT, pause: { paused: true, at: hoursLater(-3), by: 'ada' } },
      ['AWS: paused since 2026-06-15 09:00 UTC by ada: no gate closes until `pullgate resume`'],
    ],
    [
      'one for a pause with an end',
      { sweep: SWEPT, pause: { paused: true, at: hoursLater(-3), by: 'ada', until: hoursLater(2) } },
      ['AWS: paused since 2026-06-15 09:00 UTC by ada: no gate closes until 2026-06-15 14:00 UTC'],
    ],
  ])('%s', async (_name, world, expected) => {
    expect((await status(clientOf('aws', world))).concerns).toEqual(expected);
  });

  it('include both clouds, and an exception only once', async () => {
    const world = { deadLetters: 1, sweep: SWEPT, exceptions: [exception({ expiresAt: NOW })] };
    expect((await status(clientOf('aws', world), clientOf('azure', world))).concerns).toEqual([
      'AWS: the dead-letter queue has 1 message that pullgate could not process',
      'Azure: the poison queue has 1 message that pullgate could not process',
      'the exception for CVE-2024-6119 expired at 2026-06-15 12:00 UTC: renew it or remove it',
    ]);
  });
});

it('a record that cannot be read is named, and the other gates are shown', async () => {
  const records = ['team/app', 'team/broken'].map((repository) => record({ gate: { ...GATE, repository } }));
  const found = await status(clientOf('aws', { sweep: SWEPT, records, unreadable: 'team/broken' }));
  expect(found.clouds[0]?.gates.map(({ gate }) => gate.repository)).toEqual(['team/app']);
  expect(found.concerns).toEqual([
    'AWS: the record of team/broken cannot be read, so the function cannot reconcile it: the row of team/broken cannot be read',
  ]);
});

describe('closed images without a tag', () => {
  const image = (number: number, changes: Partial<GateRecord> = {}, isTagged = false) =>
    record({
      gate: { ...GATE, repository: `team/app-${number}`, digest: digest(number) },
      blockers: [blocker({ digest: digest(number), untagged: isTagged ? undefined : true })],
      ...changes,
    });

  it.each<[string, readonly GateRecord[], number, readonly string[]]>([
    ['one is counted', [image(1)], 1, ['  1 closed image has no tag. Delete what nothing runs.']],
    [
      'several are counted, but none with a tag, and none that is not closed',
      [image(1), image(2), image(3, {}, true), image(4, { state: { kind: 'waiting', for: 'brake' } })],
      2,
      ['  2 closed images have no tag. Delete what nothing runs.'],
    ],
    ['the images of a closed repository are not', [image(1, { gate: GATE })], 0, []],
  ])('%s', async (_name, records, count, expected) => {
    const found = await status(clientOf('azure', { sweep: SWEPT, records }));
    expect(found.clouds[0]?.untaggedImages).toBe(count);
    expect(statusLines(found).filter((line) => line.includes('no tag'))).toEqual(expected);
  });
});

describe('status only reports', () => {
  it('exceptions that expire within 1, 3 and 14 days, in the order of their end', async () => {
    const exceptions = [20, 10, 0.5, 2].map((days) =>
      exception({ expiresAt: daysLater(days), reason: `${days} days` }),
    );
    const found = await status(clientOf('aws', { sweep: SWEPT, exceptions }));
    expect(found.exceptions.map(({ exception: one, end }) => [one.reason, end])).toEqual([
      ['0.5 days', 1],
      ['2 days', 3],
      ['10 days', 14],
    ]);
    expect(statusLines(found).slice(-4)).toEqual([
      'Exceptions that have expired or expire soon:',
      '  within 1 day    CVE-2024-6119  2026-06-16 00:00 UTC (in 12 hours)  0.5 days',
      '  within 3 days   CVE-2024-6119  2026-06-17 12:00 UTC (in 2 days)    2 days',
      '  within 14 days  CVE-2024-6119  2026-06-25 12:00 UTC (in 10 days)   10 days',
    ]);
  });

  it.each([
    [
      'will end',
      hoursLater(2),
      'paused since 2026-06-15 09:00 UTC by ada (no gate closes until 2026-06-15 14:00 UTC (in 2 hours))',
    ],
    ['has ended', NOW, 'mode enforce (policy violations close gates)'],
  ])('a pause that %s by itself', async (_name, until, line) => {
    const pause = { paused: true, at: hoursLater(-3), by: 'ada', until };
    const found = await status(clientOf('aws', { sweep: SWEPT, pause }));
    expect(statusLines(found)).toContain(`AWS: ${line}`);
    expect(found.clouds[0]?.pause).toEqual(until === NOW ? undefined : pause);
  });

  it('the rules, and the rule of each gate', async () => {
    const later = exception({ id: 'CVE-2024-2', expiresAt: daysLater(2) });
    const rules: readonly Rule[] = [
      { label: 'rules[0] (shop/**)', repositories: ['shop/**'], policy: policy(), mode: 'audit' },
      { label: 'rules[1] (team/*)', repositories: ['team/*'], policy: policy({ exceptions: [later] }) },
    ];
    const records = [record(), record({ gate: { ...GATE, repository: 'other/app' } })];
    const found = await status(clientOf('aws', { sweep: SWEPT, records, rules }));
    expect(found.clouds[0]?.rules).toEqual([
      { rule: 'rules[0] (shop/**)', mode: 'audit' },
      { rule: 'rules[1] (team/*)', mode: 'enforce' },
    ]);
    expect(found.clouds[0]?.gates.map(({ gate, rule }) => [gate.repository, rule])).toEqual([
      ['other/app', null],
      ['team/app', 'rules[1] (team/*)'],
    ]);
    expect(found.exceptions).toEqual([{ exception: later, end: 3 }]);
    const lines = statusLines(found);
    expect(lines).toContain('AWS: mode enforce (policy violations close gates without a rule)');
    expect(lines).toContain('  Rules         rules[0] (shop/**): audit');
    expect(lines).toContain('                rules[1] (team/*): enforce');
    expect(lines.filter((line) => line.includes('by rules[1] (team/*)'))).toHaveLength(1);
  });

  it('a pause and an override, and replaces control characters in a hostile name', async () => {
    const gate = { ...GATE, repository: 'team/hand' };
    const evil = finding({ package: { name: 'x\u001b[31m', version: '1' } });
    const found = await status(
      clientOf('aws', {
        sweep: SWEPT,
        pause: { paused: true, at: hoursLater(-3), by: 'ada' },
        records: [
          record({ state: { kind: 'closed' }, closedSince: hoursLater(-5), blockers: [blocker({ findings: [evil] })] }),
          record({
            gate,
            state: { kind: 'waiting', for: 'override' },
            override: anOverride({ kind: 'open', until: hoursLater(2) }),
          }),
          record({
            gate: { ...GATE, repository: 'team/over' },
            state: { kind: 'open' },
            override: anOverride({ until: hoursLater(-1) }),
          }),
          record({ gate: { ...GATE, repository: 'team/plain' }, state: { kind: 'open' } }),
        ],
      }),
    );
    expect(found.clouds[0]?.gates.map((one) => [one.gate.repository, one.override?.kind])).toEqual([
      ['team/app', undefined],
      ['team/hand', 'open'],
    ]);
    const text = statusLines(found).join('\n');
    expect(text).toContain(
      '\nAWS: paused since 2026-06-15 09:00 UTC by ada (no gate closes until `pullgate resume`)\n',
    );
    expect(text).toContain(
      'team/app  closed since 2026-06-15 07:00 UTC  1 blocker, worst: CVE-2024-6119 in x\ufffd[31m',
    );
    expect(text).toMatch(
      /team\/hand {2}since .*; override: open until 2026-06-15 14:00 UTC \(in 2 hours\), .* \(approved by /,
    );
    expect(text).not.toContain('\u001b');
  });
});
