// Starts local Azure clouds of the fixture's graph, and stops them after each test.
import { expect, onTestFinished } from 'vitest';
import { type AzureOptions, type LocalAzure, startAzure } from '../../../local/azure/cloud.ts';
import { type FixtureOptions, fixtureGraph } from './fixture-graph.ts';

export async function start(fixture?: FixtureOptions, options?: AzureOptions): Promise<LocalAzure> {
  const cloud = await startAzure(fixtureGraph(fixture), options);
  onTestFinished(async () => {
    await cloud.stop();
    expect(cloud.gaps).toEqual([]);
  });
  return cloud;
}

/** Puts a message on a queue in the encoding that the function's host expects. */
export function put(cloud: LocalAzure, body: unknown, stack = 'main'): void {
  cloud.stack(stack).queue.send(encoded(body));
}

export function encoded(body: unknown): string {
  return Buffer.from(JSON.stringify(body)).toString('base64');
}

/** The values of all log lines of one kind, in order. */
export function linesOf(cloud: LocalAzure, kind: string): readonly Readonly<Record<string, unknown>>[] {
  return cloud.logs.flatMap(({ json }) => (json?.['kind'] === kind ? [json] : []));
}
