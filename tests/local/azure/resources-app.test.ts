// A function app of a resource graph that Azure would not run is refused, with the reason.
import { describe, expect, it } from 'vitest';
import { readApp } from '../../../local/azure/resources-app.ts';
import { type FixtureOptions, fixtureGraph } from './fixture-graph.ts';

const inSite = (patch: Readonly<Record<string, unknown>>): FixtureOptions => ({
  change: (name, inputs) => (name === 'app' ? { ...inputs, ...patch } : inputs),
});
const inConfig = (patch: Readonly<Record<string, unknown>>): FixtureOptions => ({
  change: (name, inputs) =>
    name === 'app'
      ? { ...inputs, functionAppConfig: { ...(inputs['functionAppConfig'] as object), ...patch } }
      : inputs,
});

describe('an app is refused', () => {
  it.each<[string, FixtureOptions, RegExp]>([
    [
      'where the identity is not assigned',
      inSite({ identity: { type: 'UserAssigned', userAssignedIdentities: [] } }),
      /no identity that is assigned/,
    ],
    [
      'where the identity is the system-assigned one',
      inSite({ identity: { type: 'SystemAssigned' } }),
      /needs a user-assigned identity/,
    ],
    [
      'where the storage account is not there',
      { settings: { AzureWebJobsStorage__accountName: 'other' } },
      /account other .*which the graph does not have/,
    ],
    [
      'where the host would use a key',
      { settings: { AzureWebJobsStorage__credential: 'key' } },
      /credential=managedidentity/,
    ],
    [
      'the identity is given by a wrong id',
      { settings: { AzureWebJobsStorage__clientId: 'x' } },
      /AzureWebJobsStorage__clientId of .* is x/,
    ],
    [
      'with a setting that Flex Consumption does not take',
      { settings: { FUNCTIONS_WORKER_RUNTIME: 'node' } },
      /FUNCTIONS_WORKER_RUNTIME, which Flex/,
    ],
    [
      'with a runtime that is not there',
      inConfig({ runtime: { name: 'node', version: '19' } }),
      /needs the runtime node/,
    ],
    [
      'with a size that is not there',
      inConfig({ scaleAndConcurrency: { instanceMemoryMB: 1024 } }),
      /must have 512, 2048, 4096 MB; got 1024/,
    ],
    [
      'without a container for its code',
      inConfig({ deployment: { storage: { type: 'blobContainer', value: 'https://x.blob.core.windows.net/y' } } }),
      /keeps its code in blobContainer/,
    ],
    [
      'on another plan',
      { change: (name, inputs) => (name === 'plan' ? { sku: { name: 'Y1', tier: 'Dynamic' } } : inputs) },
      /needs a plan of Flex Consumption/,
    ],
    [
      'where the package is another blob',
      {
        change: (name, inputs) =>
          name === 'code' ? JSON.parse(JSON.stringify(inputs).replace('one.zip', 'two.zip')) : inputs,
      },
      /two\.zip is no blob of the graph/,
    ],
    [
      'where the package has no signature',
      {
        change: (name, inputs) => (name === 'code' ? JSON.parse(JSON.stringify(inputs).replace('?sig=x', '')) : inputs),
      },
      /needs a signature/,
    ],
  ])('%s', (_what, options, message) => {
    expect(() => readApp(fixtureGraph(options))).toThrow(message);
  });
});
