// What keeps the Functions host from running an app, or its log from being written: in Azure it shows as silence.
import { describe, expect, it } from 'vitest';
import { startAzure } from '../../../local/azure/cloud.ts';
import { type FixtureOptions, fixtureGraph } from './fixture-graph.ts';

describe('a deployment is refused', () => {
  it.each<[string, FixtureOptions, RegExp]>([
    [
      'where the host may not keep its leases',
      { without: ['host'] },
      /as Storage Blob Data Owner of it\. The client 'identity/,
    ],
    ['where it may not read the queue', { without: ['queue-role'] }, /reads work, as Storage Queue Data Contributor/],
    ['where it may not put on the poison queue', { without: ['poison-role'] }, /reads work-poison/],
    ['where it may not write its log', { without: ['log-role'] }, /its log goes nowhere.*Telemetry\/Write/],
  ])('%s', async (_what, options, message) => {
    await expect(startAzure(fixtureGraph(options))).rejects.toThrow(message);
  });
});
