// A deployment is rejected if the Functions host could not run the app or write its log, which would be silent in
// Azure.
import { describe, expect, it } from 'vitest';
import { startAzure } from '../../../local/azure/cloud.ts';
import { type FixtureOptions, fixtureGraph } from './fixture-graph.ts';

describe('a deployment is rejected', () => {
  it.each<[string, FixtureOptions, RegExp]>([
    [
      'if the host may not write its leases',
      { without: ['host'] },
      /as Storage Blob Data Owner of it\. The client 'identity/,
    ],
    [
      'if the host may not read the queue',
      { without: ['queue-role'] },
      /reads work, as Storage Queue Data Contributor/,
    ],
    ['if the host may not write to the poison queue', { without: ['poison-role'] }, /reads work-poison/],
    ['if the app may not write its log', { without: ['log-role'] }, /its log goes nowhere.*Telemetry\/Write/],
  ])('%s', async (_what, options, message) => {
    await expect(startAzure(fixtureGraph(options))).rejects.toThrow(message);
  });
});
