// No secret that the local Azure issues is in the graph, the outputs, the log, the queues, the records, the mails, or
// the bundle.
import { expect, test } from 'vitest';
import { named } from '../../local/azure/resources-fields.ts';
import type { Graph } from '../../local/graph.ts';
import type { Secret } from '../../local/secrets.ts';
import { DAY, stage } from '../e2e/azure/stage.ts';
import { leaksOf, placesIn } from './leaks.ts';

/** The provider's secret answers to the program: the signatures of two addresses, which anyone who has them may use. */
function secretsOf(graph: Graph): readonly Secret[] {
  const everything = JSON.stringify(graph.resources);
  const signatures = [...everything.matchAll(/[?&]sig=([^"&\\]+)/g)].map(([, value = '']) => value);
  return [...new Set(signatures.flatMap((value) => [value, decodeURIComponent(value)]))].map((value) => ({
    what: 'the signature of an address',
    value,
  }));
}

test('no secret of Azure is readable after runs with every kind of result', async () => {
  const s = await stage({ maxClosesPerHour: 2 });
  const { cloud } = s;
  const { ids } = await s.close('v1');
  await s.setStatus(ids, 'Healthy');
  // A day later, every token is requested again. A message meets one of these faults at each of its reconciliations.
  cloud.clock.advance(DAY);
  for (const [service, operation, status] of [
    ['arm', 'GetRegistry', 403],
    ['acr', 'Exchange', 401],
    ['acr', 'Token', 401],
    ['logs', 'Query', 403],
    ['table', 'Get', 403],
    ['acr', 'UpdateManifest', 403],
    ['mail', 'Send', 403],
  ] as const)
    cloud.faults.add({ kind: 'error', status, code: 'Refused', message: 'no', service, operation });
  for (const tag of ['two', 'three', 'four', 'five']) await s.report(s.push(tag));
  s.send({ pullgate: 'open' });
  await s.runUntilIdle();
  await s.sweep();
  const endings = cloud.logs.map(({ json }) => json?.['action'] ?? json?.['kind']);
  expect(endings).toEqual(expect.arrayContaining(['closed', 'opened', 'waiting', 'failed', 'refused', 'scanner']));

  const secrets = [...cloud.secrets, ...secretsOf(s.graph)];
  // The secrets of the function, the Logic App, the tokens of both registries, and the deployment.
  expect(
    new Set(secrets.map(({ what }) => what.replace(/pullgate-(\w+?)[0-9a-f]{8} for (https:..|).*$/, '$1 $2'))),
  ).toEqual(
    new Set([
      'a token of identity https://',
      'a token of identity ',
      'a token of events https://',
      'the header of a managed-identity endpoint',
      'the signature of an address',
      "the signature of the Logic App's address",
    ]),
  );
  const records = cloud.table.entities().map(({ properties, ...keys }) => ({ ...keys, properties: [...properties] }));
  const places = {
    ...placesIn(s.graph),
    'the log': cloud.logs.map(({ text }) => text).join('\n'),
    'the mails': JSON.stringify(cloud.mails),
    "the Logic App's history": JSON.stringify(cloud.logicApp.runs),
    'the queues': [...cloud.queue.messages(), ...cloud.poisonQueue.messages()]
      .map(({ text }) => Buffer.from(text, 'base64').toString())
      .join('\n'),
    'the records': JSON.stringify(records),
  };
  expect(leaksOf(secrets, places)).toEqual([]);
  // The component's key only identifies it, because it accepts nothing without a token. It is in the graph, and nowhere
  // else.
  const component = named(s.graph, 'azure-native:applicationinsights:Component');
  expect(component['disableLocalAuth']).toBe(true);
  const key = [{ what: "the component's key", value: String(component['instrumentationKey']) }];
  const spoken = Object.entries(places).filter(([place]) => !place.startsWith('the resource '));
  expect(leaksOf(key, Object.fromEntries(spoken))).toEqual([]);
});
