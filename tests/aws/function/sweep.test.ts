// The AWS ports of ticks and sweeps: one account's registry, whose gates are its repositories.
import { ECRServiceException } from '@aws-sdk/client-ecr';
import { describe, expect, it } from 'vitest';
import type { Adapters, Dependencies } from '../../../aws/function/adapters.ts';
import { createSweepPorts } from '../../../aws/function/sweep.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import { digest, NOW, rules } from '../../shared/samples.ts';
import { ACCOUNT_ID } from './samples.ts';

const UNSCANNED = { repository: 'team/old', digest: digest(1), reason: 'UNSUPPORTED_OS' };
const gate = (repository: string) => ({ registry: ACCOUNT_ID, repository });

/** The ports over adapters that record their calls. */
function stage(repositories: ReadonlySet<string> = new Set(), readings: Readonly<Record<string, object>> = {}) {
  const asked: unknown[][] = [];
  const answering =
    <T>(name: string, answer: T) =>
    async (...given: readonly unknown[]): Promise<T> => {
      asked.push([name, ...given]);
      return answer;
    };
  const adapters = {
    table: {
      row: (name: string) => `the row ${name}`,
      async *gates(registry: string) {
        asked.push(['gates', registry]);
        yield { ...gate('team/closed'), state: 'closed' };
      },
      waiting: answering('waiting', [{ gate: gate('team/waiting'), rank: '0' }]),
      due: answering('due', [gate('team/due')]),
      locked: answering('locked', { gates: [gate('team/locked')], next: 'more' }),
    },
    scanner: {
      health: answering('health', 'Inspector is off'),
      unscannedImages: answering('unscannedImages', [UNSCANNED]),
      repositoriesWithFindings: answering('repositoriesWithFindings', repositories),
    },
    images: { repositories: async () => ['team/a', 'team/b'] },
    queue: { sendRequests: answering('sendRequests', undefined) },
    lock: { read: async ({ repository }: Gate) => readings[repository] },
  };
  const lines: unknown[] = [];
  const dependencies = {
    settings: { accountId: ACCOUNT_ID, hash: 'abc', sweepHours: 6, unscannedHours: 48, topicArn: 'the topic' },
    clients: { sns: { send: async ({ input }: { input: unknown }) => asked.push(['publish', input]) } },
    log: (line: unknown) => lines.push(line),
    now: () => NOW,
  };
  const stackRules = rules();
  const ports = createSweepPorts(dependencies as unknown as Dependencies, adapters as unknown as Adapters, stackRules);
  return { ports, asked, lines, stackRules };
}

describe('a sweep', () => {
  it('has the rows, the rules and the settings of the stack, its log and its clock', () => {
    const { ports, lines, stackRules } = stage();
    expect(ports).toMatchObject({ state: 'the row sweep', brake: 'the row brake', sweepHours: 6, settingsHash: 'abc' });
    expect([ports.rules === stackRules, ports.now()]).toEqual([true, NOW]);
    ports.log({ kind: 'notified', gates: 1 });
    expect(lines).toEqual([{ kind: 'notified', gates: 1 }]);
  });

  it.each<[string, ReadonlySet<string>, readonly unknown[]]>([
    ['no repositories', new Set(), []],
    [
      'each repository with findings as a gate of the account',
      new Set(['team/a', 'team/b']),
      [gate('team/a'), gate('team/b')],
    ],
  ])('gets %s', async (_what, repositories, gates) => {
    expect(await stage(repositories).ports.repositoriesWithFindings()).toEqual(gates);
  });

  it('asks Inspector for the images that it does not scan, and remembers them in a row of their own', async () => {
    const { unscanned } = stage().ports;
    expect(await unscanned?.images()).toEqual([UNSCANNED]);
    expect(unscanned).toMatchObject({ hours: 48, row: 'the row unscanned' });
  });

  it('publishes messages about the stack without a repository', async () => {
    const { ports, asked } = stage();
    await ports.unscanned?.notify({ subject: 'some', text: 'text' });
    const attribute = (StringValue: string) => ({ DataType: 'String', StringValue });
    const attributes = { cloud: attribute('aws'), change: attribute('unscanned'), registry: attribute(ACCOUNT_ID) };
    expect(asked).toEqual([
      ['publish', { TopicArn: 'the topic', Subject: 'some', Message: 'text', MessageAttributes: attributes }],
    ]);
  });

  it.each([
    ['UNSUPPORTED_OS', 'Inspector does not support the operating system'],
    ['NO_RESOURCES_FOUND', "see ScanStatus in Inspector's API reference"],
  ])('explains the reason %s', (reason, text) => {
    expect(stage().ports.unscanned?.advice.explain(reason)).toContain(text);
  });

  it('queries the table only for the gates of the account', async () => {
    const { ports, asked } = stage();
    expect(await Array.fromAsync(ports.gatesWithRecord())).toEqual([{ ...gate('team/closed'), state: 'closed' }]);
    expect(await ports.waiting(10)).toEqual([{ gate: gate('team/waiting'), rank: '0' }]);
    expect(await ports.gatesDue(NOW, 20)).toEqual([gate('team/due')]);
    expect(asked).toEqual([
      ['gates', ACCOUNT_ID],
      ['waiting', ACCOUNT_ID, 10],
      ['due', ACCOUNT_ID, NOW, 20],
    ]);
  });

  it('reads the locks of the account’s gates: one that is absent or has another form, or whose repository is gone, is unlocked', async () => {
    const { ports, asked } = stage(new Set(), {
      'team/closed': { lock: 'current' },
      'team/older': { lock: 'otherForm' },
      'team/open': { lock: 'absent' },
    });
    expect(await ports.lockedGates('here')).toEqual({ gates: [gate('team/locked')], next: 'more' });
    expect(asked).toEqual([['locked', ACCOUNT_ID, 'here']]);
    const names = ['team/closed', 'team/older', 'team/open', 'team/gone'];
    const unlocked = await Promise.all(names.map((name) => ports.isUnlocked(gate(name))));
    expect(unlocked).toEqual([false, true, true, true]);
  });

  it('searches all repositories for locks: ours in any form, and those of other deployments', async () => {
    const { ports } = stage(new Set(), {
      'team/closed': { lock: 'current' },
      'team/older': { lock: 'otherForm', otherLocks: ['X'] },
      'team/open': { lock: 'absent' },
    });
    expect(await ports.search?.repositories()).toEqual([gate('team/a'), gate('team/b')]);
    expect(ports.search?.place).toBe('the row search');
    const names = ['team/closed', 'team/older', 'team/open', 'team/gone'];
    expect(await Promise.all(names.map((name) => ports.search?.read(gate(name))))).toEqual([
      { isOurs: true, others: [] },
      { isOurs: true, others: ['X'] },
      { isOurs: false, others: [] },
      { isOurs: false, others: [] },
    ]);
  });

  it.each([
    ['ThrottlingException', true],
    ['TooManyRequestsException', true],
    ['ServerException', false],
  ])('takes %s for throttling: %s', (name, isThrottled) => {
    const error = new ECRServiceException({ name, $fault: 'client', $metadata: {} });
    expect([stage().ports.isThrottled(error), stage().ports.isThrottled(new Error(name))]).toEqual([
      isThrottled,
      false,
    ]);
  });

  it('reports why the scanner is unhealthy', async () => {
    expect(await stage().ports.scannerHealth()).toBe('Inspector is off');
  });

  it('sends one message per repository, without the registry', async () => {
    const { ports, asked } = stage();
    await ports.sendRequests([gate('team/a'), gate('team/b')], 'sweep');
    expect(asked).toEqual([['sendRequests', ['team/a', 'team/b'], 'sweep']]);
  });
});
