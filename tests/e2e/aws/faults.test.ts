// Crashes between the steps of a reconciliation, and faults of the services.
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../../local/aws/faults.ts';
import { CRITICAL, REPOSITORY, stage } from './stage.ts';

describe('crashes', () => {
  const crashes: readonly (readonly [string, Fault, readonly string[]])[] = [
    [
      'after the intent',
      { kind: 'crash', when: 'before', service: 'ecr', operation: 'SetRepositoryPolicy' },
      ['closed'],
    ],
    [
      'after the policy write',
      { kind: 'crash', when: 'after', service: 'ecr', operation: 'SetRepositoryPolicy' },
      ['closed'],
    ],
    ['before the notice', { kind: 'crash', when: 'before', service: 'sns', operation: 'Publish' }, ['closed']],
    ['after the notice', { kind: 'crash', when: 'after', service: 'sns', operation: 'Publish' }, ['closed', 'closed']],
  ];

  test.each(crashes)(
    'after a crash %s, the next reconciliation finishes the work and notifies at least once',
    async (_when, fault, notified) => {
      const s = await stage();
      await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
      s.cloud.faults.add(fault);
      const [crashed] = await s.cloud.runUntilIdle();
      expect(crashed?.outcome.kind).toBe('crashed');
      await s.runUntilIdle();
      expect(s.isClosed()).toBe(true);
      expect(s.notified()).toEqual(notified);
      expect(s.calls('ecr:SetRepositoryPolicy')).toBeLessThanOrEqual(2);
      expect(s.cloud.deadLetters.messages()).toEqual([]);
    },
  );

  test('after a crash while opening, after the policy write, the next reconciliation finishes the work and notifies', async () => {
    const s = await stage();
    const { digest } = await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await s.runUntilIdle();
    s.cloud.faults.add({ kind: 'crash', when: 'after', service: 'ecr', operation: 'DeleteRepositoryPolicy' });
    await s.cloud.ecr.deleteImage(REPOSITORY, digest);
    await s.runUntilIdle();
    expect(s.isClosed()).toBe(false);
    expect(s.notified()).toEqual(['closed', 'opened']);
  });
});

describe('service faults', () => {
  test.each(['throttle', 'serverError', 'reset', 'drop'] as const)(
    'a closing retries within the invocation if each of its calls meets a %s once',
    async (kind) => {
      const s = await stage();
      await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
      for (const [service, operation] of [
        ['ecr', 'DescribeImages'],
        ['ecr', 'GetRepositoryPolicy'],
        ['ecr', 'SetRepositoryPolicy'],
        ['inspector2', 'ListFindings'],
        ['dynamodb', 'GetItem'],
        ['sns', 'Publish'],
      ] as const) {
        s.cloud.faults.add({ kind, service, operation });
      }
      await s.runUntilIdle();
      expect(s.isClosed()).toBe(true);
      expect(new Set(s.notified())).toEqual(new Set(['closed']));
      expect(s.cloud.deadLetters.messages()).toEqual([]);
    },
  );

  test('the reconciliation starts again and ends correctly if the response to a save is lost', async () => {
    const s = await stage();
    await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    s.cloud.faults.add({ kind: 'drop', service: 'dynamodb', operation: 'PutItem', times: 2 });
    await s.runUntilIdle();
    expect(s.isClosed()).toBe(true);
    expect(new Set(s.notified())).toEqual(new Set(['closed']));
  });

  test('the sweep closes the gate if an event is lost', async () => {
    const s = await stage();
    s.cloud.faults.addToBus({ kind: 'lose' });
    await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await s.runUntilIdle();
    expect(s.isClosed()).toBe(false);
    s.cloud.faults.clear();
    await s.cloud.advance(6 * 3_600_000 + 300_000);
    expect(s.isClosed()).toBe(true);
  });

  test('the log says that the scanner is unhealthy if Inspector is disabled or denied access', async () => {
    const s = await stage();
    s.cloud.inspector.setAccountStatus('DISABLED');
    s.cloud.queue.send('{"pullgate":"tick"}');
    await s.runUntilIdle();
    s.cloud.inspector.setAccountStatus('ENABLED');
    const { digest } = await s.pushVulnerable(REPOSITORY, 'v1');
    s.cloud.inspector.cover({ repository: REPOSITORY, digest, statusCode: 'INACTIVE', reason: 'ACCESS_DENIED' });
    s.cloud.queue.send('{"pullgate":"tick"}');
    await s.runUntilIdle();
    expect(s.lines('scanner').map(({ healthy, why }) => [healthy, why])).toEqual([
      [true, undefined],
      [false, 'Amazon Inspector scanning of ECR is DISABLED in account 123456789012: enable it (aws.enableInspector)'],
      [
        false,
        `Amazon Inspector is denied access to arn:aws:ecr:eu-west-1:123456789012:repository/team/app/${digest}: the repository policy blocks it`,
      ],
    ]);
  });
});
