// The local Event Grid: what it sends, when it tries again and gives up, and the subscriptions that it refuses.
import { describe, expect, it, onTestFinished } from 'vitest';
import { type LocalAzure, startAzure } from '../../../local/azure/cloud.ts';
import type { Graph } from '../../../local/graph.ts';
import { graphFor, MINUTE, REGISTRY } from '../../e2e/azure/stage.ts';

const TOPIC = 'azure-native:eventgrid:SystemTopic';
const SUBSCRIPTION = 'azure-native:eventgrid:SystemTopicEventSubscription';
type Fields = Readonly<Record<string, unknown>>;

/** The program's graph with other inputs of the resources of a type. */
async function graphWith(type = '', inputs: Fields = {}): Promise<Graph> {
  const graph = await graphFor({ azure: { pushEvents: true } });
  const changed = (one: Graph['resources'][number]) => ({
    ...one,
    inputs: { ...one.inputs, ...inputs },
    outputs: { ...one.outputs, ...inputs },
  });
  return { ...graph, resources: graph.resources.map((one) => (one.type === type ? changed(one) : one)) };
}

async function start(graph: Graph): Promise<LocalAzure> {
  const cloud = await startAzure(graph);
  onTestFinished(cloud.stop);
  return cloud;
}

/** What is on the queue after the next delivery, while no function reads it. */
async function deliveredIn(cloud: LocalAzure): Promise<readonly Fields[]> {
  const messages: Fields[] = [];
  const undo = cloud.calls.after(({ service, operation }) => {
    if (service !== 'queue' || operation !== 'Put') return;
    const texts = cloud.queue.messages().map(({ text }) => Buffer.from(text, 'base64').toString('utf8'));
    messages.splice(0, messages.length, ...texts.map((text) => JSON.parse(text) as Fields));
  });
  await cloud.runUntilIdle();
  undo();
  return messages;
}

describe('events', () => {
  it('are sent for a push and a deletion, but not if a tag is deleted', async () => {
    const cloud = await start(await graphWith());
    const registry = cloud.acr.registry(REGISTRY);
    const digest = registry.push('team/app', { tag: 'v1' });
    registry.untag('team/app', 'v1');
    registry.delete('team/app', digest);
    const common = { specversion: '1.0', source: REGISTRY };
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    expect(await deliveredIn(cloud)).toMatchObject([
      {
        ...common,
        type: 'Microsoft.ContainerRegistry.ImagePushed',
        subject: 'team/app:v1',
        data: { action: 'push', target: { mediaType, digest, repository: 'team/app', tag: 'v1' } },
      },
      {
        ...common,
        type: 'Microsoft.ContainerRegistry.ImageDeleted',
        subject: 'team/app',
        data: { action: 'delete', target: { mediaType, digest, repository: 'team/app' } },
      },
    ]);
  });

  it('of a type that the subscription leaves out are not sent', async () => {
    const filter = { includedEventTypes: ['Microsoft.ContainerRegistry.ImageDeleted'] };
    const cloud = await start(await graphWith(SUBSCRIPTION, { filter }));
    cloud.acr.registry(REGISTRY).push('team/app', { tag: 'v1' });
    expect(await deliveredIn(cloud)).toEqual([]);
  });

  it('are sent again ten seconds and then half a minute after the queue has failed', async () => {
    const cloud = await start(await graphWith());
    cloud.faults.add({ kind: 'serverError', service: 'queue', operation: 'Put', times: 2 });
    cloud.acr.registry(REGISTRY).push('team/app', { tag: 'v1' });
    const start0 = cloud.clock.now().getTime();
    await cloud.runUntilIdle();
    expect((cloud.nextWorkAt() ?? 0) - start0).toBe(10_000);
    await cloud.advance(10_000);
    expect((cloud.nextWorkAt() ?? 0) - start0).toBe(40_000);
    await cloud.advance(30_000);
    expect([cloud.nextWorkAt(), cloud.eventGrid.dropped]).toEqual([undefined, []]);
  });

  it('are given up after thirty tries, within a day', async () => {
    const cloud = await start(await graphWith());
    cloud.faults.add({ kind: 'serverError', service: 'queue', operation: 'Put', times: 1_000 });
    cloud.acr.registry(REGISTRY).push('team/app', { tag: 'v1' });
    const start0 = cloud.clock.now().getTime();
    await cloud.runUntilIdle({ advance: true });
    expect(cloud.eventGrid.dropped).toEqual([expect.stringMatching(/: 500$/)]);
    expect((cloud.clock.now().getTime() - start0) / MINUTE).toBeLessThan(26 * 60);
  });
});

describe('a subscription is refused', () => {
  const place = { resourceId: '/subscriptions/x', queueName: 'pullgate', endpointType: 'StorageQueue' };
  const delivery = (destination: Fields, identity: Fields = { type: 'SystemAssigned' }) => ({
    deliveryWithResourceIdentity: { identity, destination },
  });
  it.each<[string, string, Fields, RegExp]>([
    ['to a topic of another type', TOPIC, { topicType: 'Microsoft.Storage.StorageAccounts' }, /has Microsoft\.Storage/],
    ['to a topic in another location than its source', TOPIC, { location: 'northeurope' }, /is in northeurope/],
    ['to a topic whose name is too long', TOPIC, { name: 'x'.repeat(51) }, /3 to 50 letters/],
    ['to a topic without an identity', TOPIC, { identity: { type: 'None' } }, /no system-assigned identity/],
    ['whose name is too long', SUBSCRIPTION, { name: 'x'.repeat(65) }, /3 to 64 letters/],
    ['with an unknown schema', SUBSCRIPTION, { eventDeliverySchema: 'CustomInputSchema' }, /does not know the schema/],
    ['without a filter', SUBSCRIPTION, { filter: {} }, /needs a filter by/],
    ['with a filter on the subject', SUBSCRIPTION, { filter: { subjectBeginsWith: 'team' } }, /needs a filter by/],
    ['to another queue', SUBSCRIPTION, delivery(place), /delivers only to a queue of the graph/],
    ['by another identity', SUBSCRIPTION, delivery(place, { type: 'UserAssigned' }), /system-assigned identity; see/],
  ])('%s', async (_what, type, inputs, message) => {
    await expect(startAzure(await graphWith(type, inputs))).rejects.toThrow(message);
  });

  it('if its source has two topics', async () => {
    const graph = await graphWith();
    const [topic] = graph.resources.filter(({ type }) => type === TOPIC);
    if (topic === undefined) throw new Error('the graph has no topic');
    const twice = { ...graph, resources: [...graph.resources, topic] };
    await expect(startAzure(twice)).rejects.toThrow(/only one system topic is allowed for/);
  });
});
