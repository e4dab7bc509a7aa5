// Several stacks in one local account.
import { describe, expect, it } from 'vitest';
import { fixtureGraph } from './fixture-graph.ts';
import { start } from './start.ts';

describe('two stacks', () => {
  it('share the account, but each has its own function', async () => {
    const cloud = await start();
    const other = JSON.parse(
      JSON.stringify(fixtureGraph({ maxReceiveCount: 1 })).replaceAll(/fixture(?!\/)/g, 'other'),
    );
    await cloud.deploy(other, { stack: 'other' });
    cloud.stack('other').queue.send('{"n":1}');
    await cloud.runUntilIdle();
    expect([cloud.logs, cloud.stack('other').logs.map(({ json }) => json?.['body'])]).toEqual([[], [{ n: 1 }]]);
    expect(() => cloud.stack('third')).toThrow('no stack "third" was deployed; there are main, other');
  });
});
