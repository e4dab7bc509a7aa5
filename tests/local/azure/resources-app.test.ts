// A function app of a resource graph that Azure could not run is rejected with the reason.
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

describe('an app is rejected', () => {
  it.each<[string, FixtureOptions, RegExp]>([
    [
      'if the identity is not assigned',
      inSite({ identity: { type: 'UserAssigned', userAssignedIdentities: [] } }),
      /is not assigned to the app/,
    ],
    [
      'if the identity is system-assigned',
      inSite({ identity: { type: 'SystemAssigned' } }),
      /needs a user-assigned identity/,
    ],
    [
      'if the storage account does not exist',
      { settings: { AzureWebJobsStorage__accountName: 'other' } },
      /account other .*which the graph does not have/,
    ],
    [
      'if the host would use a key',
      { settings: { AzureWebJobsStorage__credential: 'key' } },
      /credential=managedidentity/,
    ],
    [
      'if the identity has a wrong id',
      { settings: { AzureWebJobsStorage__clientId: 'x' } },
      /AzureWebJobsStorage__clientId of .* is x/,
    ],
    [
      'with a setting that Flex Consumption does not support',
      { settings: { FUNCTIONS_WORKER_RUNTIME: 'node' } },
      /FUNCTIONS_WORKER_RUNTIME, which Flex/,
    ],
    ['with an unavailable runtime', inConfig({ runtime: { name: 'node', version: '19' } }), /needs the runtime node/],
    [
      'with an unavailable instance size',
      inConfig({ scaleAndConcurrency: { instanceMemoryMB: 1024 } }),
      /must have 512, 2048, 4096 MB; got 1024/,
    ],
    [
      'without a container for its code',
      inConfig({ deployment: { storage: { type: 'blobContainer', value: 'https://x.blob.core.windows.net/y' } } }),
      /keeps its code in blobContainer/,
    ],
    [
      'with another plan',
      { change: (name, inputs) => (name === 'plan' ? { sku: { name: 'Y1', tier: 'Dynamic' } } : inputs) },
      /needs a Flex Consumption plan/,
    ],
    [
      'if the package is another blob',
      {
        change: (name, inputs) =>
          name === 'code' ? JSON.parse(JSON.stringify(inputs).replace('one.zip', 'two.zip')) : inputs,
      },
      /two\.zip is not a blob of the graph/,
    ],
    [
      'if the package URL has no signature',
      {
        change: (name, inputs) => (name === 'code' ? JSON.parse(JSON.stringify(inputs).replace('?sig=x', '')) : inputs),
      },
      /needs a signature/,
    ],
  ])('%s', (_what, options, message) => {
    expect(() => readApp(fixtureGraph(options))).toThrow(message);
  });
});
