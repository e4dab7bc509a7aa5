// Starts local clouds of the fixture's graph, and stops them after each test.
import { afterEach } from 'vitest';
import { type LocalAws, startAws } from '../../../local/aws/cloud.ts';
import { type FixtureOptions, fixtureGraph } from './fixture-graph.ts';

const clouds: LocalAws[] = [];
afterEach(async () => {
  for (const cloud of clouds.splice(0)) await cloud.stop();
});

export async function start(options?: FixtureOptions): Promise<LocalAws> {
  const cloud = await startAws(fixtureGraph(options));
  clouds.push(cloud);
  return cloud;
}
