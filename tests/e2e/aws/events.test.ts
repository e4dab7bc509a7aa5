// Repeated, reordered and invalid messages.
import { describe, expect, test } from 'vitest';
import type { Advisory } from '../../../local/aws/inspector-finding.ts';
import { REPOSITORY_NAME } from '../../../shared/policy/repository-name.ts';
import { CRITICAL, REPOSITORY, stage } from './stage.ts';

describe('events', () => {
  test('1,000 copies of an event, out of order, cause one write of the policy and one notice', async () => {
    const { cloud, pushVulnerable, runUntilIdle, notified, calls } = await stage();
    const { arn } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    const event = cloud.inspector.eventOf(arn);
    cloud.faults.addToBus({ kind: 'reorder' });
    for (let copy = 0; copy < 1_000; copy++) {
      await cloud.bus.put({ ...event, id: `copy-${copy}` });
      if (copy % 250 === 0) await runUntilIdle();
    }
    await runUntilIdle();
    expect(calls('ecr:SetRepositoryPolicy')).toBe(1);
    expect(notified()).toEqual(['closed']);
    expect(cloud.deadLetters.messages()).toEqual([]);
  });

  test('a replay of all events after the gate has opened changes nothing', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed, notified } = await stage();
    const { digest, arn } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    const events = [cloud.inspector.eventOf(arn)];
    await runUntilIdle();
    await cloud.inspector.setStatus(arn, 'SUPPRESSED');
    events.push(cloud.inspector.eventOf(arn));
    await runUntilIdle();
    for (const event of events.toReversed()) await cloud.bus.put(event);
    await runUntilIdle();
    expect(isClosed()).toBe(false);
    expect(notified()).toEqual(['closed', 'opened']);
    expect(digest).toMatch(/^sha256:/);
  });

  test('100 findings of one image in one batch cause one observation', async () => {
    const { pushVulnerable, runUntilIdle, decisions, calls } = await stage();
    const advisories = Array.from(
      { length: 100 },
      (_, number): Advisory => ({ ...CRITICAL, vulnerability: `CVE-2026-${2000 + number}` }),
    );
    await pushVulnerable(REPOSITORY, 'v1', ...advisories);
    await runUntilIdle();
    expect(decisions()).toHaveLength(1);
    // The second call of DescribeImages, once the gate is closed, looks for the fix.
    expect([calls('ecr:DescribeImages'), calls('inspector2:ListFindings')]).toEqual([2, 1]);
  });

  test('findings of EC2 instances and ACR images and events from another account are ignored', async () => {
    const { cloud, runUntilIdle, decisions, lines } = await stage();
    const { default: ec2 } = await import('../../events/aws/inspector-finding-ec2-closed.json', {
      with: { type: 'json' },
    });
    const { default: acr } = await import('../../events/aws/inspector-finding-of-an-acr-image.json', {
      with: { type: 'json' },
    });
    const { default: ecr } = await import('../../events/aws/inspector-finding-2026.json', { with: { type: 'json' } });
    expect(await cloud.bus.put(ec2)).toBe(0);
    expect(await cloud.bus.put(acr)).toBe(0);
    for (const body of [ec2, acr, { ...ecr, account: '210987654321' }]) cloud.queue.send(JSON.stringify(body));
    await runUntilIdle();
    expect(lines('ignored').map(({ why }) => why)).toEqual([
      'a finding for AWS_EC2_INSTANCE',
      'a finding for Microsoft.ContainerRegistry/registry/containerImage',
      'an event from account 210987654321',
    ]);
    expect(decisions('inspector2')).toEqual([]);
    expect(cloud.deadLetters.messages()).toEqual([]);
  });

  const bad = [
    ['not JSON', 'hello', 'message is "hello": expected JSON'],
    [
      'a truncated event',
      '{"source":"aws.inspector2","detail-type":"Insp',
      'message is "{\\"source\\":\\"aws.inspector2\\",\\"detail-type\\":\\"Insp": expected JSON',
    ],
    [
      'a missing field',
      '{"source":"aws.ecr","detail-type":"ECR Image Action","account":"123456789012","detail":{"action-type":"PUSH","result":"SUCCESS","repository-name":"team/app"}}',
      'detail.image-digest is missing: expected a digest: sha256: and 64 hexadecimal digits',
    ],
    [
      'an invalid repository name',
      '{"pullgate":"reconcile","repository":"Team App","trigger":"sweep"}',
      `repository is "Team App": expected ${REPOSITORY_NAME}`,
    ],
    [
      'an invalid digest',
      '{"source":"aws.ecr","detail-type":"ECR Image Action","account":"123456789012","detail":{"action-type":"PUSH","result":"SUCCESS","repository-name":"team/app","image-digest":"sha256:123"}}',
      'detail.image-digest is "sha256:123": expected a digest: sha256: and 64 hexadecimal digits',
    ],
    [
      'a 256 KB message',
      `"${'x'.repeat(256 * 1024)}"`,
      `message is "${'x'.repeat(119)}…: expected an EventBridge event`,
    ],
  ] as const;

  test.each(bad)(
    'an invalid message (%s) goes to the dead-letter queue with one log line, and the rest of the batch is processed',
    async (_name, body, problem) => {
      const { cloud, pushVulnerable, runUntilIdle, isClosed, lines } = await stage();
      cloud.queue.send(body);
      await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
      cloud.queue.send('{"pullgate":"tick"}');
      await runUntilIdle();
      expect(isClosed()).toBe(true);
      expect(cloud.deadLetters.messages().map((message) => message.body)).toEqual([body]);
      expect(lines('refused').map((line) => line['problem'])).toEqual([problem]);
      expect(cloud.queue.messages()).toEqual([]);
    },
  );
});
