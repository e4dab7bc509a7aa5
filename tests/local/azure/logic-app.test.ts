// The Logic App: its expressions, its address, its runs, and what its interpreter refuses.
import { describe, expect, it } from 'vitest';
import { startAzure } from '../../../local/azure/cloud.ts';
import { compileTemplate } from '../../../local/azure/workflow-expression.ts';
import { type FixtureOptions, fixtureGraph } from './fixture-graph.ts';
import { encoded, start } from './start.ts';

const scope = {
  now: new Date('2026-03-02T09:00:00Z'),
  triggerBody: { id: 'one', deep: { Key: "it's" }, list: [1], none: null, empty: '' },
  outputs: (action: string) => ({ action }),
};

describe('an expression', () => {
  it.each<[unknown, unknown]>([
    ['plain', 'plain'],
    ["@triggerBody()?['id']", 'one'],
    ["@triggerBody()['deep']['Key']", "it's"],
    ["@triggerBody()?['deep']?['key']", null],
    ["@triggerBody()?['none']?['more']", null],
    ["@coalesce(triggerBody()?['none'], triggerBody()?['absent'], triggerBody()?['id'])", 'one'],
    ["@coalesce(triggerBody()?['none'])", null],
    ["@coalesce(triggerBody()?['empty'], 'other')", ''],
    ["@outputs('Names')", { action: 'Names' }],
    ["@base64(string(outputs('Names')))", encoded({ action: 'Names' })],
    ["@string(triggerBody()?['list'])", '[1]'],
    ["@{utcNow('R')}", 'Mon, 02 Mar 2026 09:00:00 GMT'],
    ['@utcNow()', '2026-03-02T09:00:00.000Z'],
    ["<a>@{triggerBody()?['id']}</a><b>@{string('}it''s')}</b>", "<a>one</a><b>}it's</b>"],
    ['@@triggerBody()', '@triggerBody()'],
    [
      { a: ["@triggerBody()?['id']"], b: 1 },
      { a: ['one'], b: 1 },
    ],
  ])('%j', (template, wanted) => {
    expect(compileTemplate(template)(scope)).toEqual(wanted);
  });

  it.each<[string, RegExp]>([
    ['@toUpper(triggerBody())', /knows no function toUpper/],
    ["@triggerBody()?['id']?['more']", /asks for 'more' of "one"/],
    ["@triggerBody()['absent']", /asks for 'absent', which is not there/],
    ["@triggerBody()['none']['more']", /asks for 'none', which is not there|of nothing/],
    ["@triggerBody()?['id'", /does not understand/],
    ["@concat('a', 'b')", /knows no function concat/],
    ['@{triggerBody()', /has no end/],
    ["@utcNow('yyyy')", /knows utcNow/],
    ['@triggerBody().id', /does not understand/],
    ['@coalesce()', /0 arguments/],
  ])('%s is refused', (template, message) => {
    expect(() => compileTemplate(template)(scope)).toThrow(message);
  });
});

const assessed = { id: '/subscriptions/x/providers/Microsoft.Security/assessments/1' };
const address = (graph: ReturnType<typeof fixtureGraph>) =>
  JSON.stringify(graph).match(/https:\/\/prod-00[^"]*sig=[^"]*/)?.[0] ?? '';

describe('the Logic App', () => {
  it('puts a message on the queue when its address is called, with its signature', async () => {
    const cloud = await start();
    const url = address(fixtureGraph());
    const statuses: number[] = [];
    for (const asked of [
      url,
      url.replace(/sig=.*/, 'sig=guessed'),
      url.replace(/&sig=.*/, ''),
      url.replace('manual/paths', 'other/paths'),
    ])
      statuses.push(await cloud.logicApp.call(asked, assessed));
    expect(statuses).toEqual([202, 401, 401, 404]);
    expect(cloud.queue.messages().map(({ text }) => text)).toEqual([encoded({ id: assessed.id })]);
    expect(cloud.logicApp.runs).toEqual([{ startedAt: cloud.clock.now(), succeeded: true, error: undefined }]);
    expect(cloud.calls.count()).toEqual({ 'queue:Put': 1 });
  });

  it('tries again what was throttled, and fails where it may not send', async () => {
    const cloud = await start();
    cloud.faults.add({ kind: 'throttle', service: 'queue', times: 2 });
    await cloud.logicApp.call(address(fixtureGraph()), assessed);
    expect(cloud.queue.messages()).toHaveLength(1);
    const refused = await start({ without: ['sender'] });
    expect(await refused.logicApp.call(address(fixtureGraph()), assessed)).toBe(202);
    expect(refused.queue.messages()).toEqual([]);
    expect(refused.logicApp.runs[0]?.error).toMatch(/^Send: POST .* answered 403 .*AuthorizationPermissionMismatch/s);
  });

  const action = (patch: Readonly<Record<string, unknown>>): FixtureOptions => ({
    actions: { One: { type: 'Compose', inputs: 1, runAfter: {}, ...patch } },
  });
  const authentication = { type: 'ManagedServiceIdentity', audience: 'https://storage.azure.com/' };
  const http = (patch: Readonly<Record<string, unknown>>) =>
    action({ type: 'Http', inputs: { method: 'POST', uri: 'https://x', authentication, ...patch } });
  it.each<[string, FixtureOptions, RegExp]>([
    ['an action of another type', action({ type: 'Foreach' }), /knows Compose and Http; One is "Foreach"/],
    ['an action with a limit', action({ limit: {} }), /does not know limit in the action One/],
    ['an action that runs after a failure', action({ runAfter: { Two: ['Failed'] } }), /after success only/],
    [
      'an action that waits for one that is not there',
      action({ runAfter: { Two: ['Succeeded'] } }),
      /wait for each other/,
    ],
    ['an expression that is not known', action({ inputs: '@guid()' }), /knows no function guid/],
    ['a call without an identity', http({ authentication: { type: 'Basic' } }), /calls with its managed identity/],
    ['a call with a query', http({ queries: {} }), /does not know queries/],
    ['a retry policy without an interval', http({ retryPolicy: { type: 'fixed', count: 2 } }), /exponential or fixed/],
  ])('with %s is refused', async (_what, options, message) => {
    await expect(startAzure(fixtureGraph(options))).rejects.toThrow(message);
  });

  it.each<[string, (definition: Record<string, unknown>) => object, RegExp]>([
    [
      'another trigger',
      (definition) => ({ ...definition, triggers: { other: {} } }),
      /does not know other in the triggers/,
    ],
    [
      'a trigger with a schema',
      (definition) => ({
        ...definition,
        triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: { a: 1 } } } },
      }),
      /takes any body/,
    ],
    ['parameters', (definition) => ({ ...definition, parameters: { a: {} } }), /does not know a in parameters/],
    ['another schema', (definition) => ({ ...definition, $schema: 'x' }), /knows the schema of 2016-06-01/],
  ])('with %s is refused', async (_what, change, message) => {
    const options: FixtureOptions = {
      change: (name, inputs) =>
        name === 'workflow'
          ? { ...inputs, definition: change(inputs['definition'] as Record<string, unknown>) }
          : inputs,
    };
    await expect(startAzure(fixtureGraph(options))).rejects.toThrow(message);
  });
});
