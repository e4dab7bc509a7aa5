// The deployed function on the local Azure: messages, timers, environment, log, limits, crashes, deployments and
// rejections.
import { describe, expect, it } from 'vitest';
import { startAzure } from '../../../local/azure/cloud.ts';
import { ECHO, type FixtureOptions, fixtureGraph } from './fixture-graph.ts';
import { encoded, linesOf, put, start } from './start.ts';

const minute = 60_000;
const bodies = (cloud: Parameters<typeof linesOf>[0]) => linesOf(cloud, 'seen').map(({ body }) => body);

describe('the queue trigger', () => {
  it('delivers as many messages at once as host.json allows, each decoded, and deletes processed ones', async () => {
    const cloud = await start();
    for (let n = 0; n < 4; n++) put(cloud, { n, answer: 'done' });
    const invocations = await cloud.runUntilIdle();
    expect(invocations.map(({ functionName, coldStart, outcome }) => [functionName, coldStart, outcome])).toEqual([
      ['message', true, { kind: 'answered', answer: 'done' }],
      ['message', false, { kind: 'answered', answer: 'done' }],
      ['message', false, { kind: 'answered', answer: 'done' }],
      ['message', false, { kind: 'answered', answer: 'done' }],
    ]);
    expect(bodies(cloud)).toEqual([0, 1, 2, 3].map((n) => ({ n, answer: 'done' })));
    expect(cloud.logs[3]?.json).toMatchObject({ invocations: 4, now: '2026-03-02T09:00:00.000Z', dequeueCount: 1 });
    expect(cloud.queue.messages()).toEqual([]);
    expect(invocations[3]?.peakMemoryMegabytes).toBeGreaterThan(10);
  });

  it('processes the messages of a batch concurrently', async () => {
    const cloud = await start();
    for (let n = 0; n < 3; n++) put(cloud, { do: 'wait' });
    const invocations = await cloud.runUntilIdle();
    const sum = invocations.reduce((total, { durationMilliseconds }) => total + durationMilliseconds, 0);
    expect(invocations).toHaveLength(3);
    expect(Math.max(...invocations.map(({ durationMilliseconds }) => durationMilliseconds))).toBeLessThan(sum * 0.7);
  });

  it('receives the next batch while a slow message is still processed', async () => {
    const cloud = await start();
    put(cloud, { do: 'wait' });
    for (let n = 0; n < 4; n++) put(cloud, { n });
    const durations = (await cloud.runUntilIdle()).map(({ durationMilliseconds }) => durationMilliseconds);
    expect(durations).toHaveLength(5);
    expect(durations.at(-1)).toBe(Math.max(...durations));
  });

  it('retries a failed message after hiding it, and moves it to the poison queue after the last try', async () => {
    const cloud = await start();
    put(cloud, { do: 'throw' });
    put(cloud, { n: 1 });
    await cloud.runUntilIdle();
    expect(cloud.queue.messages()).toHaveLength(1);
    const invocations = await cloud.runUntilIdle({ advance: true });
    expect(invocations.map(({ outcome }) => outcome)).toEqual([
      { kind: 'failed', error: expect.stringContaining('told to') },
      { kind: 'failed', error: expect.stringContaining('told to') },
    ]);
    expect(linesOf(cloud, 'seen').map(({ body, dequeueCount }) => [body, dequeueCount])).toEqual([
      [{ do: 'throw' }, 1],
      [{ n: 1 }, 1],
      [{ do: 'throw' }, 2],
      [{ do: 'throw' }, 3],
    ]);
    expect(cloud.clock.now().toISOString()).toBe('2026-03-02T09:02:00.000Z');
    expect(cloud.queue.messages()).toEqual([]);
    expect(cloud.poisonQueue.messages().map(({ text }) => text)).toEqual([encoded({ do: 'throw' })]);
    expect(cloud.logs.at(-1)?.text).toBe(
      "Message has reached MaxDequeueCount of 3. Moving message to queue 'work-poison'.",
    );
  });

  it('moves a message that is not base64 to the poison queue as it is, without an invocation', async () => {
    const cloud = await start();
    const broken = ['{"n":1}', 'eyJuIjoxfQ', 'eyJuIjoxfQ=', 'eyJuIjox_Q=='];
    for (const text of broken) cloud.queue.send(text);
    cloud.queue.send('eyJu\nIjoxfQ ==');
    expect((await cloud.runUntilIdle()).map(({ outcome }) => outcome.kind)).toEqual(['answered']);
    expect(bodies(cloud)).toEqual([{ n: 1 }]);
    expect(cloud.queue.messages()).toEqual([]);
    expect(cloud.poisonQueue.messages().map(({ text, dequeueCount }) => [text, dequeueCount])).toEqual(
      broken.map((text) => [text, 0]),
    );
    expect(cloud.logs.filter(({ text }) => text.includes('MaxDequeueCount of 3'))).toHaveLength(4);
  });

  it('passes the text of a message as it is if the encoding is none, and Node parses it if it is JSON', async () => {
    const cloud = await start({ queues: { messageEncoding: 'none' } });
    for (const text of ['{"n":1}', 'eyJuIjoxfQ==', 'text']) cloud.queue.send(text);
    await cloud.runUntilIdle();
    expect(bodies(cloud)).toEqual([{ n: 1 }, 'eyJuIjoxfQ==', 'text']);
    expect(cloud.poisonQueue.messages()).toEqual([]);
  });

  it('kills the worker at its timeout, and restarts it', async () => {
    const cloud = await start({ host: { functionTimeout: '00:00:01' } });
    put(cloud, { do: 'hang' });
    const [invocation] = await cloud.runUntilIdle();
    expect(invocation?.outcome).toEqual({ kind: 'timedOut' });
    expect(cloud.logs.at(-1)?.text).toBe('Timeout value of 1 seconds was exceeded by function: Functions.message');
    const next = await cloud.host.invoke('message', { n: 1 });
    expect([next.coldStart, next.outcome.kind]).toEqual([true, 'answered']);
  });

  it('leaves the messages in the queue if the archive does not load', async () => {
    const cloud = await start({ code: "throw new Error('no settings');" });
    put(cloud, { n: 1 });
    expect(await cloud.runUntilIdle({ advance: true })).toEqual([]);
    expect(cloud.queue.messages()).toHaveLength(1);
    expect(cloud.logs[0]?.text).toContain('no settings');
    await cloud.deploy(fixtureGraph());
    await cloud.runUntilIdle();
    expect(bodies(cloud)).toEqual([{ n: 1 }]);
  });
});

describe('the worker', () => {
  it('has only the environment variables of the app and of Azure', async () => {
    const cloud = await start({ settings: { FIXTURE: 'yes' } });
    await cloud.host.invoke('message', { do: 'environment' });
    expect(linesOf(cloud, 'environment')[0]?.['names']).toEqual([
      ...[
        'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
        'APPLICATIONINSIGHTS_CONNECTION_STRING',
        'AzureWebJobsScriptRoot',
      ],
      ...['AzureWebJobsStorage__accountName', 'AzureWebJobsStorage__clientId', 'AzureWebJobsStorage__credential'],
      ...['FIXTURE', 'FUNCTIONS_EXTENSION_VERSION', 'FUNCTIONS_WORKER_RUNTIME', 'HTTPS_PROXY', 'IDENTITY_ENDPOINT'],
      ...[
        'IDENTITY_HEADER',
        'NODE_EXTRA_CA_CERTS',
        'NO_PROXY',
        'PULLGATE_CLIENT_ID',
        'PULLGATE_QUEUE',
        'PULLGATE_TABLE',
      ],
      ...['PULLGATE_WORKSPACE_ID', 'WEBSITE_HOSTNAME', 'WEBSITE_SITE_NAME', 'WEBSITE_SKU'],
    ]);
  });

  it('gets tokens of its identity, and its console output is in the log', async () => {
    const cloud = await start();
    await cloud.host.invoke('message', { do: 'token' });
    await cloud.host.invoke('message', { do: 'console' });
    await cloud.host.invoke('message', { n: 1 });
    expect(linesOf(cloud, 'token')).toEqual([{ kind: 'token', parts: 3 }]);
    expect(cloud.logs.map(({ text }) => text)).toContain('a line of the console');
  });

  it('loses the lines that it wrote just before it ended, but not earlier ones', async () => {
    const cloud = await start();
    const { outcome } = await cloud.host.invoke('message', { do: 'exit' });
    expect(outcome).toEqual({ kind: 'crashed' });
    expect(cloud.logs.map(({ json }) => json?.['kind'])).toEqual(['seen']);
  });

  it('has the heap that V8 takes by default: half of the memory of an instance', async () => {
    const cloud = await start();
    await cloud.host.invoke('message', { do: 'heap' });
    const [{ megabytes } = {}] = linesOf(cloud, 'heap');
    // The limit includes the young generation, whose size depends on the memory of the machine.
    expect(megabytes).toBeGreaterThanOrEqual(256);
    expect(megabytes).toBeLessThanOrEqual(256 + 192);
  });

  it('loses its work in progress when it is killed, and restarts', async () => {
    const cloud = await start();
    const hanging = [cloud.host.invoke('message', { do: 'hang' }), cloud.host.invoke('message', { do: 'hang' })];
    while (bodies(cloud).length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    await cloud.host.kill();
    expect((await Promise.all(hanging)).map(({ outcome }) => outcome.kind)).toEqual(['crashed', 'crashed']);
    expect((await cloud.host.invoke('message', { n: 1 })).coldStart).toBe(true);
  });

  it('shares the messages with other instances, and only the calling one dies of a crash', async () => {
    const cloud = await start({ host: { functionTimeout: '00:01:00' } }, { instances: 2 });
    const coldStarts = async (): Promise<readonly boolean[]> => {
      const done = await cloud.runUntilIdle();
      return done.map(({ coldStart }) => coldStart).toSorted();
    };
    for (const n of [1, 2]) put(cloud, { n });
    expect(await coldStarts()).toEqual([true, true]);
    const callers = new Set<string | undefined>();
    // While one instance makes its call, another handles new messages.
    const end = cloud.calls.before(async ({ principal }) => {
      callers.add(principal.process);
      put(cloud, { n: 3 });
      while (bodies(cloud).length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    });
    cloud.faults.add({ kind: 'crash', when: 'before', service: 'logs' });
    put(cloud, { do: 'query' });
    expect((await cloud.runUntilIdle()).map(({ outcome }) => outcome.kind)).toEqual(['answered', 'crashed']);
    end();
    for (const n of [4, 5]) put(cloud, { n });
    expect(await coldStarts()).toEqual([false, true]);
    cloud.calls.before(({ principal }) => void callers.add(principal.process));
    await cloud.runUntilIdle({ advance: true });
    expect(callers).toEqual(new Set([expect.any(String), expect.any(String)]));
  });

  it.each(['before', 'after'] as const)('dies %s the work of a call on a crash fault', async (when) => {
    // The first query loads its parser, which takes seconds on a busy machine.
    const cloud = await start({ host: { functionTimeout: '00:01:00' } });
    cloud.faults.add({ kind: 'crash', when, service: 'logs' });
    put(cloud, { do: 'query' });
    const [crashed, again] = await cloud.runUntilIdle({ advance: true });
    expect([crashed?.outcome, again?.coldStart, again?.outcome.kind]).toEqual([{ kind: 'crashed' }, true, 'answered']);
    expect(linesOf(cloud, 'queried')).toEqual([{ kind: 'queried', rows: 0 }]);
    expect(cloud.calls.count(cloud.identity.id)).toEqual({ 'logs:Query': 2 });
  });

  it('is replaced by a new deployment, and the data remains', async () => {
    const cloud = await start();
    put(cloud, { n: 1 });
    cloud.acr.registry('acmeimages').push('team/app', { tag: 'v1' });
    await cloud.deploy(fixtureGraph({ code: ECHO.replace("kind: 'seen'", "kind: 'seen by the new one'") }));
    await cloud.runUntilIdle();
    expect(cloud.logs.map(({ json }) => json?.['kind'])).toEqual(['seen by the new one']);
    expect([...cloud.acr.registry('acmeimages').repositories.keys()]).toEqual(['team/app']);
  });
});

describe('a timer', () => {
  it('fires each time it is due, and on request', async () => {
    const cloud = await start();
    const invocations = await cloud.advance(16 * minute);
    expect(invocations).toHaveLength(3);
    expect(linesOf(cloud, 'tick')).toEqual(
      ['05', '10', '15'].map((at) => ({ kind: 'tick', isPastDue: false, now: `2026-03-02T09:${at}:00.000Z` })),
    );
    await cloud.fireTimer('tick');
    expect(linesOf(cloud, 'tick')).toHaveLength(4);
    await expect(cloud.fireTimer('message')).rejects.toThrow(/has no timer message/);
  });
});

describe('a deployment is rejected', () => {
  it.each<[string, FixtureOptions, RegExp]>([
    ['without the extension bundle', { host: { extensionBundle: {} } }, /extension bundle/],
    ['with an unknown message encoding', { queues: { messageEncoding: 'hex' } }, /must be base64 or none; .* has hex/],
    ['with a batch that is too large', { queues: { batchSize: 64 } }, /batchSize must be from 1 to 32/],
    ['that polls too often', { queues: { maxPollingInterval: '00:00:00.099' } }, /at least 00:00:00\.100; host\.json/],
    ['with a misspelled setting', { queues: { maxPollInterval: '00:00:10' } }, /unknown settings of queues: maxPoll/],
    ['with a number for a time', { queues: { maxPollingInterval: 2000 } }, /needs times such as 00:10:00; got 2000/],
    [
      'with 24 hours, which are 24 days',
      { queues: { visibilityTimeout: '24:00:00' } },
      /times such as 00:10:00; got 24/,
    ],
    ['without a main file', { files: { 'package.json': '{}' } }, /package\.json whose main is one of its files/],
  ])('%s', async (_what, options, message) => {
    await expect(startAzure(fixtureGraph(options))).rejects.toThrow(message);
  });
});
