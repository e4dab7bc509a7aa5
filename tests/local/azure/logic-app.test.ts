// The Logic App: its expressions, its address, its runs, and the definitions that its interpreter rejects.
import { describe, expect, it } from 'vitest';
import { startAzure } from '../../../local/azure/cloud.ts';
import { compileTemplate } from '../../../local/azure/workflow-expression.ts';
import { type FixtureOptions, fixtureGraph } from './fixture-graph.ts';
import { encoded, start } from './start.ts';

const scope = {
  now: new Date('2026-03-02T09:00:00Z'),
  triggerBody: { id: 'one', deep: { Key: "it's" }, list: [1], none: null, empty: '' },
  outputs: (action: string) => ({ action }),
  random: () => 0.99,
};

describe('an expression', () => {
  it.each<[unknown, unknown]>([
    ['plain', 'plain'],
    ["@triggerBody()?['id']", 'one'],
    ["@triggerBody()?['deep']?['Key']", "it's"],
    ["@triggerBody()?['deep']?['key']", null],
    ["@triggerBody()?['none']?['more']", null],
    ["@coalesce(triggerBody()?['none'], triggerBody()?['id'])", 'one'],
    ["@coalesce(triggerBody()?['none'], triggerBody()?['absent'])", null],
    ["@coalesce(triggerBody()?['empty'], 'other')", ''],
    ["@outputs('Names')", { action: 'Names' }],
    ["@base64(string(outputs('Names')))", encoded({ action: 'Names' })],
    ["@string(triggerBody()?['list'])", '[1]'],
    ["@{utcNow('R')}", 'Mon, 02 Mar 2026 09:00:00 GMT'],
    ['@{rand(110,121)}', '120'],
    ['@rand(3,4)', 3],
    ['@utcNow()', '2026-03-02T09:00:00.000Z'],
    ["<a>@{triggerBody()?['id']}</a><b>@{string('}')}</b>", '<a>one</a><b>}</b>'],
    ["<a>@{triggerBody()?['none']}</a>", '<a></a>'],
    [{ a: { b: "@triggerBody()?['list']" } }, { a: { b: [1] } }],
  ])('%j', (template, wanted) => {
    expect(compileTemplate(template)(scope)).toEqual(wanted);
  });

  it.each<[unknown, RegExp]>([
    [
      "@concat('a', 'b')",
      /does not support the function concat in concat\('a', 'b'\); it supports triggerBody, outputs, coalesce, string, base64, rand, utcNow$/,
    ],
    ["<a>@{toUpper(triggerBody()?['id'])}</a>", /does not support the function toUpper/],
    ['@constructor()', /does not support the function constructor/],
    ['@coalesce()', /does not support coalesce with 0 arguments/],
    ["@utcNow('yyyy')", /supports only utcNow/],
    ["@triggerBody()?['id']?['more']", /asks for 'more' of "one"/],
    ["@triggerBody()?['list']?['more']", /asks for 'more' of \[1\]/],
    ["@triggerBody()['id']", /does not support the expression/],
    ["@triggerBody()?['id'", /does not support the expression/],
    ['@triggerBody().id', /does not support the expression/],
    ["@string('it''s')", /does not support the expression/],
    ["@string('open)", /does not support the expression/],
    ['@string(-1)', /does not support the expression/],
    ["@rand('a', 3)", /rand takes a whole number and a greater one; got "a" and 3/],
    ['@rand(3, 3)', /rand takes a whole number and a greater one; got 3 and 3/],
    ['@@triggerBody()', /does not support the expression/],
    ['@{triggerBody()', /has no end/],
    [{ a: ['text'] }, /supports only text and objects of text; got \["text"\]/],
    [{ a: 1 }, /supports only text and objects of text; got 1/],
  ])('is rejected: %j', (template, message) => {
    expect(() => compileTemplate(template)(scope)).toThrow(message);
  });
});

const assessed = { id: '/subscriptions/x/providers/Microsoft.Security/assessments/1' };
const address = (graph: ReturnType<typeof fixtureGraph>) =>
  JSON.stringify(graph).match(/https:\/\/prod-00[^"]*sig=[^"]*/)?.[0] ?? '';

describe('the Logic App', () => {
  it('puts a message on the queue if its address is called with the right signature', async () => {
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

  it('retries a throttled request, and fails if it may not send', async () => {
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
    actions: { One: { type: 'Compose', inputs: 'one', runAfter: {}, ...patch } },
  });
  const authentication = { type: 'ManagedServiceIdentity', audience: 'https://storage.azure.com/' };
  const retryPolicy = {
    type: 'exponential',
    count: 2,
    interval: 'PT7S',
    minimumInterval: 'PT5S',
    maximumInterval: 'PT15M',
  };
  const two = (runAfter: Readonly<Record<string, unknown>>): FixtureOptions => ({
    actions: {
      One: { type: 'Compose', inputs: 'one', runAfter: {} },
      Two: { type: 'Compose', inputs: 'two', runAfter },
    },
  });
  const http = (patch: Readonly<Record<string, unknown>>) =>
    action({ type: 'Http', inputs: { method: 'POST', uri: 'https://x', headers: {}, authentication, ...patch } });
  it.each<[string, FixtureOptions, RegExp]>([
    ['an action of an unknown type', action({ type: 'Foreach' }), /supports only Compose and Http; One is "Foreach"/],
    ['an action with a limit', action({ limit: {} }), /does not support limit in the action One/],
    [
      'an action that waits for a missing one',
      action({ runAfter: { Two: ['Succeeded'] } }),
      /One needs runAfter \{\}; got \{"Two":\["Succeeded"\]\}/,
    ],
    ['an action that does not wait', two({}), /Two needs runAfter \{"One":\["Succeeded"\]\}; got \{\}/],
    ['an action that runs after a failure', two({ One: ['Failed'] }), /after the success of the one above it/],
    ['an unknown function', action({ inputs: '@guid()' }), /does not support the function guid/],
    ['a call without an identity', http({ authentication: { type: 'Basic' } }), /supports only its managed identity/],
    ['a call with a query', http({ queries: {} }), /does not support queries/],
    ['a call without a retry policy', http({}), /needs retryPolicy of One as an object/],
    [
      'another retry policy',
      http({ retryPolicy: { ...retryPolicy, type: 'fixed' } }),
      /supports only an exponential retryPolicy/,
    ],
    [
      'a retry policy without an interval',
      http({ retryPolicy: { type: 'exponential', count: 2 } }),
      /supports only an exponential retryPolicy/,
    ],
    ['a call without a body', http({ retryPolicy }), /supports only text and objects of text; got undefined/],
  ])('is rejected with %s', async (_what, options, message) => {
    await expect(startAzure(fixtureGraph(options))).rejects.toThrow(message);
  });

  it.each<[string, (definition: Record<string, unknown>) => object, RegExp]>([
    [
      'another trigger',
      (definition) => ({ ...definition, triggers: { ...(definition['triggers'] as object), other: {} } }),
      /supports only one trigger/,
    ],
    ['no trigger', (definition) => ({ ...definition, triggers: {} }), /needs the trigger manual as an object/],
    [
      'a trigger with a schema',
      (definition) => ({
        ...definition,
        triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: { a: 1 } } } },
      }),
      /accepts any body/,
    ],
    [
      'parameters',
      (definition) => ({ ...definition, parameters: { a: {} } }),
      /does not support parameters or outputs/,
    ],
    ['another schema', (definition) => ({ ...definition, $schema: 'x' }), /supports only the schema of 2016-06-01/],
  ])('is rejected with %s', async (_what, change, message) => {
    const options: FixtureOptions = {
      change: (name, inputs) =>
        name === 'workflow'
          ? { ...inputs, definition: change(inputs['definition'] as Record<string, unknown>) }
          : inputs,
    };
    await expect(startAzure(fixtureGraph(options))).rejects.toThrow(message);
  });
});
