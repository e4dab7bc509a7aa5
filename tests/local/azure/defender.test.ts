// Defender's events and rows, and the faults that can affect them in transit.
import { describe, expect, it } from 'vitest';
import type { LocalAzure } from '../../../local/azure/cloud.ts';
import { fixtureGraph, IMAGE as image, REGISTRY } from './fixture-graph.ts';
import { start } from './start.ts';

const minute = 60_000;
const sent = (cloud: LocalAzure) =>
  cloud.queue.messages().map(({ text }) => JSON.parse(Buffer.from(text, 'base64').toString('utf8')).id);
const states = (cloud: LocalAzure) =>
  cloud.workspace
    .query('SecurityRecommendation | project Id = RecommendationId, RecommendationState, IsSnapshot')
    .rows.map(({ RecommendationState, IsSnapshot }) => [RecommendationState, IsSnapshot]);

describe('an event', () => {
  it('reaches the Logic App at once, and the workspace after some minutes', async () => {
    const cloud = await start();
    const ids = await cloud.defender.assess(image);
    expect(sent(cloud)).toEqual(ids);
    expect([cloud.workspace.pending, states(cloud)]).toEqual([1, []]);
    cloud.clock.advance(3 * minute);
    expect([cloud.workspace.pending, states(cloud)]).toEqual([0, [['Unhealthy', false]]]);
  });

  it('about a change is newer than the previous one, even if the clock stands still', async () => {
    const cloud = await start();
    cloud.workspace.ingestionDelayMilliseconds = 0;
    const ids = await cloud.defender.assess(image);
    await cloud.defender.setStatus(ids, 'Healthy');
    const query =
      'SecurityRecommendation | summarize arg_max(TimeGenerated, *) by RecommendationId | project RecommendationState';
    expect(cloud.workspace.query(query).rows).toEqual([{ RecommendationState: 'Healthy' }]);
    expect(sent(cloud)).toHaveLength(2);
  });

  it('about a removed assessment leaves no row', async () => {
    const cloud = await start();
    cloud.workspace.ingestionDelayMilliseconds = 0;
    const ids = await cloud.defender.assess(image);
    await cloud.defender.remove(ids);
    expect(sent(cloud)).toEqual([...ids, ...ids]);
    expect(states(cloud)).toEqual([['Unhealthy', false]]);
    expect(cloud.defender.assessment(ids[0] ?? '')).toBeUndefined();
  });

  it('of the weekly snapshot goes only to the workspace, whose automation has that source', async () => {
    const cloud = await start();
    cloud.workspace.ingestionDelayMilliseconds = 0;
    await cloud.defender.assess({ ...image, event: false });
    const [forgotten = ''] = await cloud.defender.assess({ ...image, repository: 'team/other', event: false });
    cloud.defender.forget(forgotten);
    await cloud.defender.snapshot();
    expect([sent(cloud), states(cloud)]).toEqual([[], [['Unhealthy', true]]]);
    cloud.workspace.forgetRows();
    expect(states(cloud)).toEqual([]);
  });

  it('that is forged is delivered like any other, but leaves no row', async () => {
    const cloud = await start();
    const id = `${REGISTRY}/providers/Microsoft.Security/assessments/forged`;
    await cloud.defender.sendEvent({ id, properties: { metadata: { recommendationCategory: 'SoftwareUpdate' } } });
    expect([sent(cloud), cloud.workspace.pending]).toEqual([[id], 0]);
  });

  it('can be lost, duplicated, delayed and reordered', async () => {
    const cloud = await start();
    const assess = async (name: string) => (await cloud.defender.assess({ ...image, package: name }))[0];
    const ids: (string | undefined)[] = [];
    cloud.faults.addToBus({ kind: 'lose', times: 1 });
    ids.push(await assess('a'));
    cloud.faults.addToBus({ kind: 'duplicate', copies: 2, times: 1 });
    ids.push(await assess('b'));
    cloud.faults.addToBus({ kind: 'delay', milliseconds: minute, times: 1 });
    ids.push(await assess('c'));
    cloud.faults.addToBus({ kind: 'reorder', times: 2 });
    ids.push(await assess('d'), await assess('e'));
    const [, b, c, d, e] = ids;
    expect(sent(cloud)).toEqual([b, b]);
    await cloud.events.send({ source: 'Assessments', body: { id: 'elsewhere' } }, undefined);
    await cloud.runUntilIdle();
    const seen = () =>
      cloud.logs.flatMap(({ json }) => (json?.['kind'] === 'seen' ? [(json['body'] as { id: string }).id] : []));
    expect(seen()).toEqual([b, b, e, d]);
    await cloud.runUntilIdle({ advance: true });
    expect(seen()).toEqual([b, b, e, d, c]);
    expect(cloud.clock.now().toISOString()).toBe('2026-03-02T09:01:00.000Z');
    expect(cloud.events.undelivered).toEqual([]);
  });

  it('leaves no row if its delivery to the workspace is lost, and is undelivered if the workspace does not exist', async () => {
    const cloud = await start();
    cloud.faults.addToBus({ kind: 'lose', to: 'Workspace', times: 1 });
    await cloud.defender.assess(image);
    expect([sent(cloud).length, cloud.workspace.pending]).toEqual([1, 0]);
    cloud.faults.addToBus({ kind: 'lose' });
    await cloud.defender.assess(image);
    cloud.faults.clear();
    expect([sent(cloud).length, cloud.workspace.pending]).toEqual([1, 1]);
    const graph = fixtureGraph({
      change: (name, inputs) =>
        name === 'export' ? { ...inputs, actions: [{ actionType: 'Workspace', workspaceResourceId: '/w' }] } : inputs,
    });
    await cloud.deploy(graph);
    await cloud.defender.assess(image);
    expect(cloud.events.undelivered.map(({ why }) => why)).toEqual(['there is no workspace /w']);
  });
});
