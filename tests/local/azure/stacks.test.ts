// Several stacks in one local subscription.
import { describe, expect, it } from 'vitest';
import { fixtureGraph } from './fixture-graph.ts';
import { put, start } from './start.ts';

describe('two stacks', () => {
  it('each have their own queue', async () => {
    const cloud = await start();
    await cloud.deploy(fixtureGraph({ stack: 'other' }), { stack: 'other' });
    put(cloud, { n: 1 }, 'other');
    await cloud.runUntilIdle();
    expect([cloud.logs, cloud.stack('other').logs.map(({ json }) => json?.['body'])]).toEqual([[], [{ n: 1 }]]);
    expect(() => cloud.stack('third')).toThrow('no stack "third" was deployed; there are main, other');
  });
});
