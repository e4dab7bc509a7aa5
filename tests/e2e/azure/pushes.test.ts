// Pushes and deletions that Event Grid delivers to the queue (`azure.pushEvents`): no sweep is needed.
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../../local/graph.ts';
import {
  type Config,
  CRITICAL,
  HOUR,
  type Image,
  REGISTRY,
  REPOSITORY,
  registryId,
  type Stage,
  stage,
  UNTOUCHED,
  type World,
} from './stage.ts';

const CLOSED: World = {
  locked: ['team/app:v1 readEnabled'],
  records: { 'team/app:v1': 'closed' },
  notified: ['closed team/app:v1'],
  poison: [],
};
const GONE: World = {
  locked: [],
  records: { 'team/app:v1': 'open (gone)' },
  notified: ['closed team/app:v1', 'opened team/app:v1'],
  poison: [],
};
const ON = { azure: { pushEvents: true } };
const TOPIC = REGISTRY.replace('ContainerRegistry/registries/', 'EventGrid/systemTopics/events-of-');

/** Pushes the image that is always the same. */
function pushKnown(s: Stage, tag = 'v1'): Image {
  const digest = s.registry.push(REPOSITORY, { tag, content: 'built once' });
  return s.name({ registry: REGISTRY, repository: REPOSITORY, digest }, 'team/app:v1');
}

/** The calls that the function made while something happened. */
async function callsOf(s: Stage, happen: () => Promise<void>): Promise<Readonly<Record<string, number>>> {
  const before = s.cloud.calls.count(s.cloud.identity.id);
  await happen();
  const after = Object.entries(s.cloud.calls.count(s.cloud.identity.id));
  const made = after.map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(made.filter(([, count]) => count > 0));
}

/** The graph with other inputs of the resources of a type. */
const changing = (type: string, inputs: object) => (graph: Graph) => ({
  ...graph,
  resources: graph.resources.map((one) =>
    one.type === type ? { ...one, inputs: { ...one.inputs, ...inputs }, outputs: { ...one.outputs, ...inputs } } : one,
  ),
});

describe('a deletion', () => {
  test('of the image of a closed gate opens it at once', async () => {
    const s = await stage(ON);
    const image = await s.close('v1');
    s.registry.delete(REPOSITORY, image.digest);
    await s.runUntilIdle();
    expect(await s.world()).toEqual(GONE);
    expect(s.lastDecision(image)).toMatchObject({ triggers: ['delete'], action: 'opened' });
  });

  test('of a whole repository opens the gates of its images', async () => {
    const s = await stage(ON);
    await s.close('v1');
    s.registry.deleteRepository(REPOSITORY);
    await s.runUntilIdle();
    expect(await s.world()).toEqual(GONE);
  });

  test('of an image without a record costs one read of the table and no query', async () => {
    const s = await stage(ON);
    const image = s.push('v1');
    await s.runUntilIdle();
    const calls = await callsOf(s, async () => {
      s.registry.delete(REPOSITORY, image.digest);
      await s.runUntilIdle();
    });
    expect(calls).toEqual({ 'table:Get': 1 });
    expect(await s.world()).toEqual(UNTOUCHED);
  });
});

describe('a push', () => {
  test('of a digest that was closed and deleted is closed again, with its findings from the record', async () => {
    const s = await stage(ON);
    const image = pushKnown(s);
    const ids = await s.report(image);
    await s.runUntilIdle();
    s.registry.delete(REPOSITORY, image.digest);
    await s.runUntilIdle();
    s.cloud.defender.forget(ids);
    s.cloud.clock.advance(29 * 24 * HOUR);
    expect(await s.world()).toEqual(GONE);
    pushKnown(s);
    expect(await s.pull('v1')).toBe('pulled');
    await s.runUntilIdle();
    expect(await s.world()).toEqual({ ...CLOSED, notified: [...GONE.notified, 'closed again team/app:v1'] });
    expect(await s.pull('v1')).toBe('refused');
    expect(s.lastDecision(image).triggers).toEqual(['push']);
  });

  test('at once after the deletion, which resets the lock, restores the lock', async () => {
    const s = await stage(ON);
    const image = pushKnown(s);
    await s.report(image);
    await s.runUntilIdle();
    s.registry.delete(REPOSITORY, image.digest);
    pushKnown(s);
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual(CLOSED.locked);
    expect(await s.pull('v1')).toBe('refused');
  });

  test('of a tag for an untagged digest that Defender reported two days ago closes it', async () => {
    const s = await stage(ON);
    const image = pushKnown(s);
    s.registry.untag(REPOSITORY, 'v1');
    await s.report(image);
    await s.runUntilIdle();
    s.cloud.clock.advance(48 * HOUR);
    expect(await s.world()).toEqual(UNTOUCHED);
    pushKnown(s, 'v2');
    await s.runUntilIdle();
    expect(await s.world()).toEqual(CLOSED);
  });

  test('of an image that nothing is known of changes nothing, and costs one query', async () => {
    const s = await stage(ON);
    s.push('v1');
    await s.runUntilIdle();
    const calls = await callsOf(s, async () => {
      s.push('v2');
      await s.runUntilIdle();
    });
    expect(calls).toEqual({ 'logs:Query': 1, 'acr:GetManifest': 1, 'table:Get': 2 });
    expect(await s.world()).toEqual(UNTOUCHED);
  });

  test('to a repository that the config excludes costs no call of the registry, of the workspace or of the table', async () => {
    const s = await stage({ azure: { pushEvents: true, repositories: { exclude: ['scratch/**'] } } });
    s.push('v0');
    await s.runUntilIdle();
    const calls = await callsOf(s, async () => {
      s.registry.delete('scratch/app', s.push('v1', 'scratch/app').digest);
      await s.runUntilIdle();
    });
    expect(calls).toEqual({});
  });

  test('of an index closes its child that was reported while it was untagged; each image costs one query', async () => {
    const s = await stage(ON);
    const child = s.registry.push(REPOSITORY, { architecture: 'amd64' });
    const good = s.registry.push(REPOSITORY, { architecture: 'arm64' });
    const image = s.name({ registry: REGISTRY, repository: REPOSITORY, digest: child }, 'team/app:v1');
    await s.runUntilIdle();
    expect(s.calls('logs:Query')).toBe(0);
    await s.report(image);
    await s.runUntilIdle();
    expect(await s.world()).toEqual(UNTOUCHED);
    const calls = await callsOf(s, async () => {
      s.registry.pushIndex(REPOSITORY, { tag: 'multi', children: [child, good] });
      await s.runUntilIdle();
    });
    expect(calls['logs:Query']).toBe(3);
    expect(await s.world()).toEqual(CLOSED);
    expect([await s.pull('multi'), await s.pull(child), await s.pull(good)]).toEqual(['pulled', 'refused', 'pulled']);
  });

  test('of a digest that is known to be bad in another repository closes it, until its own repository proves it clean', async () => {
    const s = await stage(ON);
    const digest = s.registry.push('dev/app', { tag: 'v1', content: 'built once' });
    await s.report({ registry: REGISTRY, repository: 'dev/app', digest });
    await s.runUntilIdle();
    const image = pushKnown(s);
    expect(image.digest).toBe(digest);
    const calls = await callsOf(s, s.runUntilIdle);
    expect(calls['logs:Query']).toBe(1);
    expect((await s.world()).locked).toEqual([`dev/app@${digest} readEnabled`, 'team/app:v1 readEnabled']);
    await s.sweep();
    expect((await s.record(image))?.state.kind).toBe('closed');
    const ids = await s.report(image);
    await s.runUntilIdle();
    await s.setStatus(ids, 'Healthy');
    expect((await s.record(image))?.state.kind).toBe('open');
    expect((await s.world()).locked).toEqual([`dev/app@${digest} readEnabled`]);
  });

  test('of a digest that is known to be bad in another registry closes it', async () => {
    const other = registryId('devimages');
    const azure = { pushEvents: true, registries: [REGISTRY, other] };
    const s = await stage({ azure }, { registries: { [other]: {} } });
    const digest = s.cloud.acr.registry(other).push(REPOSITORY, { content: 'built once' });
    await s.report({ registry: other, repository: REPOSITORY, digest });
    const image = pushKnown(s);
    expect(image.digest).toBe(digest);
    await s.runUntilIdle();
    expect((await s.record(image))?.state.kind).toBe('closed');
    expect(await s.pull('v1')).toBe('refused');
  });

  test('of a digest that is exempt in another repository closes it: an exemption counts only in its place', async () => {
    const s = await stage(ON);
    const digest = s.registry.push('dev/app', { tag: 'v1', content: 'built once' });
    const ids = await s.report({ registry: REGISTRY, repository: 'dev/app', digest });
    await s.setStatus(ids, 'NotApplicable');
    expect((await s.world()).locked).toEqual([]);
    pushKnown(s);
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual(CLOSED.locked);
  });

  test('of a digest that is healthy in another repository changes nothing', async () => {
    const s = await stage(ON);
    const digest = s.registry.push('dev/app', { tag: 'v1', content: 'built once' });
    await s.setStatus(await s.report({ registry: REGISTRY, repository: 'dev/app', digest }), 'Healthy');
    const image = pushKnown(s);
    await s.runUntilIdle();
    expect([(await s.world()).locked, await s.record(image)]).toEqual([[], undefined]);
  });

  test('to a repository gate closes the repository of a digest that is known to be bad, with one query', async () => {
    const s = await stage({ azure: { pushEvents: true, granularity: 'repository' } });
    const image = pushKnown(s);
    await s.report(image);
    await s.runUntilIdle();
    expect((await s.world()).records).toEqual({ 'team/app': 'closed' });
    s.push('v2');
    s.registry.delete(REPOSITORY, image.digest);
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual([]);
    const calls = await callsOf(s, async () => {
      pushKnown(s);
      await s.runUntilIdle();
    });
    expect(calls['logs:Query']).toBe(1);
    expect((await s.world()).locked).toEqual(['team/app readEnabled']);
  });

  test('in audit mode closes nothing', async () => {
    const s = await stage({ ...ON, mode: 'audit' });
    const image = pushKnown(s);
    await s.report(image);
    await s.runUntilIdle();
    pushKnown(s, 'v2');
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual([]);
    expect((await s.world()).records).toEqual({ 'team/app:v1': 'waiting: audit' });
  });
});

describe('the delivery', () => {
  test.each<[string, Config, 'base64' | 'text', ((graph: Graph) => Graph) | undefined]>([
    ['as base64', ON, 'base64', undefined],
    ['as plain text', ON, 'text', undefined],
    [
      'by a topic that exists already',
      { azure: { pushEvents: { topics: { acmeimages: TOPIC } } } },
      'base64',
      undefined,
    ],
    [
      'in the schema of Event Grid',
      ON,
      'text',
      changing('azure-native:eventgrid:SystemTopicEventSubscription', { eventDeliverySchema: 'EventGridSchema' }),
    ],
  ])('%s: a deletion opens, and a push closes', async (_how, config, encoding, change) => {
    const s = await stage(config, change === undefined ? {} : { change });
    s.cloud.eventGrid.encoding = encoding;
    const image = pushKnown(s);
    await s.report(image);
    await s.runUntilIdle();
    s.registry.delete(REPOSITORY, image.digest);
    await s.runUntilIdle();
    expect(await s.world()).toEqual(GONE);
    pushKnown(s);
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual(CLOSED.locked);
    expect(s.cloud.eventGrid.dropped).toEqual([]);
    expect(s.lines('refused')).toEqual([]);
  });

  test('that the queue refuses is given up, and the sweep finds what happened', async () => {
    const isSender = (name: string) => name === 'pullgate-push-acmeimages-role';
    const s = await stage(ON, {
      change: (graph) => ({ ...graph, resources: graph.resources.filter(({ name }) => !isSender(name)) }),
    });
    const image = await s.close('v1');
    s.push('v2');
    s.registry.delete(REPOSITORY, image.digest);
    await s.runUntilIdle();
    expect(s.cloud.eventGrid.dropped).toHaveLength(3);
    expect(s.cloud.eventGrid.dropped[0]).toMatch(
      /\/systemTopics\/acmeimages\/eventSubscriptions\/pullgate-\w{12}: 403$/,
    );
    expect((await s.world()).locked).toEqual([]);
    expect((await s.world()).records).toEqual({ 'team/app:v1': 'closed' });
    await s.sweep();
    expect(await s.world()).toEqual(GONE);
  });

  test('without `azure.pushEvents` does not happen', async () => {
    const s = await stage();
    const image = await s.close('v1');
    const calls = await callsOf(s, async () => {
      s.registry.delete(REPOSITORY, image.digest);
      await s.runUntilIdle();
    });
    expect(calls).toEqual({});
  });

  test('that fails because the workspace does not answer is retried', async () => {
    const s = await stage(ON);
    const image = pushKnown(s);
    await s.report(image, { cves: [CRITICAL] });
    await s.runUntilIdle();
    s.registry.delete(REPOSITORY, image.digest);
    await s.runUntilIdle();
    s.cloud.faults.add({ kind: 'serverError', where: ({ service }) => service === 'logs', times: 3 });
    pushKnown(s);
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual(CLOSED.locked);
    expect(s.lines('failed').map(({ minutes }) => minutes)).toEqual([1]);
  });
});
