// The event bus of the local cloud: rules, targets, schedules, and the format of Inspector's events.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { LocalAws } from '../../../local/aws/cloud.ts';
import { QUEUE } from './fixture-graph.ts';
import { start } from './start.ts';

const seen = (cloud: LocalAws) => cloud.logs.flatMap(({ json }) => (json?.['kind'] === 'seen' ? [json['body']] : []));
const minute = 60_000;

describe('the event bus', () => {
  it('delivers only the events that a rule matches to the queue', async () => {
    const cloud = await start({ eventPattern: { source: ['aws.ecr'], detail: { 'action-type': ['DELETE'] } } });
    cloud.ecr.createRepository('team/app');
    const digest = await cloud.ecr.pushImage('team/app', { tag: 'v1' });
    expect(cloud.queue.messages()).toEqual([]);
    await cloud.ecr.deleteImage('team/app', digest);
    await cloud.runUntilIdle();
    const at = '2026-03-02T09:00:00Z';
    const detail = {
      result: 'SUCCESS',
      'repository-name': 'team/app',
      'image-digest': digest,
      'action-type': 'DELETE',
      'image-tag': 'v1',
    };
    expect(seen(cloud)).toEqual([
      expect.objectContaining({
        source: 'aws.ecr',
        time: at,
        region: 'eu-west-1',
        detail: expect.objectContaining(detail),
      }),
    ]);
  });

  it('reports a message as undelivered if the queue’s policy does not let the rule send', async () => {
    const cloud = await start({
      queueStatements: [
        {
          Effect: 'Deny',
          Principal: '*',
          Action: 'sqs:DeleteMessage',
          Resource: QUEUE,
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ],
    });
    cloud.ecr.createRepository('team/app');
    await cloud.ecr.pushImage('team/app');
    expect(cloud.queue.messages()).toEqual([]);
    expect(cloud.bus.undelivered.map(({ why }) => why)).toEqual([
      expect.stringContaining('events.amazonaws.com is not authorized to perform: sqs:SendMessage'),
    ]);
  });

  it('loses, duplicates, delays and reorders events on request', async () => {
    const cloud = await start();
    const put = (n: number) => cloud.bus.put({ source: 'aws.ecr', 'detail-type': 'test', detail: { n } });
    const numbers = () => seen(cloud).map((event) => (event as { detail: { n: number } }).detail.n);
    cloud.faults.addToBus({ kind: 'lose', times: 1 });
    await put(1);
    cloud.faults.addToBus({ kind: 'duplicate', copies: 3, times: 1 });
    await put(2);
    cloud.faults.addToBus({ kind: 'delay', milliseconds: minute, times: 1 });
    await put(3);
    cloud.faults.addToBus({ kind: 'reorder', times: 2 });
    await put(4);
    await put(5);
    await cloud.runUntilIdle();
    expect(numbers()).toEqual([5, 4, 2, 2, 2]);
    await cloud.runUntilIdle({ advance: true });
    expect(numbers()).toEqual([5, 4, 2, 2, 2, 3]);
    expect(cloud.clock.now().toISOString()).toBe('2026-03-02T09:01:00.000Z');
  });

  it('fires each schedule when it is due', async () => {
    const cloud = await start();
    const invocations = await cloud.advance(16 * minute);
    expect(invocations).toHaveLength(3);
    expect(cloud.logs.map(({ at }) => at.toISOString().slice(11, 16))).toEqual(['09:05', '09:10', '09:15']);
    await cloud.bus.fireSchedules();
    expect(cloud.queue.messages().map(({ body }) => body)).toEqual(['{"tick":true}']);
  });

  it.each<[string, (cloud: LocalAws, digest: string) => Promise<unknown>, string]>([
    ['an archival', (cloud, digest) => cloud.ecr.archive('team/app', digest), 'ecr-image-archive'],
    [
      'a reactivation',
      async (cloud, digest) => {
        await cloud.ecr.archive('team/app', digest);
        cloud.ecr.reactivate('team/app', digest);
        await cloud.advance(20 * minute);
      },
      'ecr-image-reactivate',
    ],
    ['a replication', (cloud) => cloud.ecr.replicateImage('team/app', { tag: 'v1' }), 'ecr-replication'],
    [
      'a changed scan frequency',
      (cloud) => cloud.ecr.setScanFrequency('team/app', 'SCAN_ON_PUSH'),
      'ecr-scan-frequency',
    ],
  ])('sends the event of %s in the format of the documentation', async (_what, change, sample) => {
    const cloud = await start();
    cloud.ecr.createRepository('team/app');
    const digest = await cloud.ecr.pushImage('team/app');
    await change(cloud, digest);
    await cloud.runUntilIdle();
    const documented = JSON.parse(readFileSync(new URL(`../../events/aws/${sample}.json`, import.meta.url), 'utf8'));
    const sent = seen(cloud).findLast((event) => 'detail' in (event as object));
    expect(pathsOf(sent).toSorted()).toEqual(pathsOf(documented).toSorted());
    expect(sent).toMatchObject({ 'detail-type': documented['detail-type'] });
  });

  it("sends findings in the format of the documentation's sample", async () => {
    const cloud = await start();
    const sample = JSON.parse(
      readFileSync(new URL('../../events/aws/inspector-finding-2026.json', import.meta.url), 'utf8'),
    );
    const arn = cloud.inspector.importDetail(sample.detail);
    const { detail } = cloud.inspector.eventOf(arn);
    const { epss: _epss, ...documented } = sample.detail;
    expect(pathsOf(detail)).toEqual(
      expect.arrayContaining(pathsOf(documented).filter((path) => !path.includes('vendorSeverity'))),
    );
    expect(detail).toMatchObject({
      severity: 'MEDIUM',
      status: 'ACTIVE',
      fixAvailable: 'YES',
      packageVulnerabilityDetails: { vendorCreatedAt: 'Tue Sep 03 00:00:00.000 UTC 2024' },
    });
  });
});

function pathsOf(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return value.slice(0, 1).flatMap((element) => pathsOf(element, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, `${path}.${key}`));
}
