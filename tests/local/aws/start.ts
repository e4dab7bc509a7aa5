// Starts local clouds of the fixture's graph, and stops them after each test.
import { onTestFinished } from 'vitest';
import { type LocalAws, startAws } from '../../../local/aws/cloud.ts';
import { type FixtureOptions, fixtureGraph } from './fixture-graph.ts';

export async function start(options?: FixtureOptions): Promise<LocalAws> {
  const cloud = await startAws(fixtureGraph(options));
  onTestFinished(() => cloud.stop());
  return cloud;
}
