// The deployed function on the local cloud: batches, environment, log, limits, crashes, deployments.
import { describe, expect, it } from 'vitest';
import { type LocalAws, startAws } from '../../../local/aws/cloud.ts';
import { arn, ECHO, type FixtureOptions, fixtureGraph, QUEUE, QUEUE_URL } from './fixture-graph.ts';
import { start } from './start.ts';

const seen = (cloud: LocalAws) => cloud.logs.flatMap(({ json }) => (json?.['kind'] === 'seen' ? [json['body']] : []));

describe('the function', () => {
  it('receives a batch of messages, stays warm, and sees the cloud’s time', async () => {
    const cloud = await start();
    for (let n = 0; n < 12; n++) cloud.queue.send(JSON.stringify({ n }));
    const invocations = await cloud.runUntilIdle();
    expect(invocations.map(({ coldStart, outcome }) => [coldStart, outcome])).toEqual([
      [true, { kind: 'answered', answer: { batchItemFailures: [] } }],
      [false, { kind: 'answered', answer: { batchItemFailures: [] } }],
    ]);
    expect(seen(cloud)).toEqual(Array.from({ length: 12 }, (_, n) => ({ n })));
    expect(cloud.logs[11]?.json).toMatchObject({ invocations: 2, now: '2026-03-02T09:00:00.000Z' });
    expect(cloud.queue.messages()).toEqual([]);
    expect(invocations[1]?.peakMemoryMegabytes).toBeGreaterThan(10);
  });

  it('has only the environment variables of the graph and of Lambda', async () => {
    const cloud = await start();
    cloud.queue.send('{"do":"environment"}');
    await cloud.runUntilIdle();
    expect(cloud.logs.find(({ json }) => json?.['kind'] === 'environment')?.json?.['names']).toEqual([
      ...[
        'AWS_ACCESS_KEY_ID',
        'AWS_DEFAULT_REGION',
        'AWS_ENDPOINT_URL',
        'AWS_EXECUTION_ENV',
        'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
      ],
      ...[
        'AWS_LAMBDA_FUNCTION_NAME',
        'AWS_LAMBDA_FUNCTION_VERSION',
        'AWS_REGION',
        'AWS_SECRET_ACCESS_KEY',
        'AWS_SESSION_TOKEN',
      ],
      ...['FIXTURE', 'LAMBDA_TASK_ROOT', 'TZ'],
    ]);
  });

  it('prefixes console output, so that it is not a JSON line', async () => {
    const cloud = await start();
    cloud.queue.send('{"do":"console"}');
    await cloud.runUntilIdle();
    expect(cloud.logs.map(({ json }) => json?.['kind'])).toEqual(['seen', undefined]);
    expect(cloud.logs[1]?.text).toMatch(/^2026-\S+\t[0-9a-f-]{36}\tINFO\t\{"kind":"prefixed"\}$/);
  });

  it('receives a failed message again, but not the others of its batch', async () => {
    const cloud = await start();
    cloud.queue.send('{"do":"fail"}');
    cloud.queue.send('{"n":1}');
    await cloud.runUntilIdle();
    expect(cloud.queue.messages()).toHaveLength(1);
    await cloud.runUntilIdle({ advance: true });
    expect(seen(cloud)).toEqual([{ do: 'fail' }, { n: 1 }, { do: 'fail' }, { do: 'fail' }]);
    expect(cloud.queue.messages()).toEqual([]);
    expect(cloud.deadLetters.messages().map(({ body }) => body)).toEqual(['{"do":"fail"}']);
  });

  it('receives the whole batch again if it throws', async () => {
    const cloud = await start({ maxReceiveCount: 1 });
    cloud.queue.send('{"n":1}');
    cloud.queue.send('{"do":"throw"}');
    const invocations = await cloud.runUntilIdle({ advance: true });
    expect(invocations.map(({ outcome }) => outcome)).toEqual([
      { kind: 'failed', error: expect.stringContaining('told to') },
    ]);
    expect(cloud.deadLetters.messages()).toHaveLength(2);
  });

  it('is killed at its timeout', async () => {
    const cloud = await start({ timeoutSeconds: 1 });
    cloud.queue.send('{"do":"hang"}');
    const [invocation] = await cloud.runUntilIdle();
    expect(invocation?.outcome).toEqual({ kind: 'timedOut' });
    expect(cloud.logs.at(-1)?.text).toContain('Task timed out after 1.00 seconds');
  });

  it.each([
    ['before', []],
    ['after', ['sent']],
  ] as const)('dies %s the work of a call on a crash fault, and restarts', async (when, sent) => {
    const cloud = await start({ statements: [{ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: QUEUE }] });
    cloud.faults.add({ kind: 'crash', when, service: 'sqs' });
    const crashed = await cloud.lambda.invoke({
      Records: [{ messageId: 'm', body: JSON.stringify({ do: 'call', url: QUEUE_URL }) }],
    });
    expect(crashed.outcome).toEqual({ kind: 'crashed' });
    expect(cloud.queue.messages().map(({ body }) => body)).toEqual(sent);
    const next = await cloud.lambda.invoke({ Records: [] });
    expect([next.coldStart, next.outcome.kind]).toEqual([true, 'answered']);
  });

  it.each([
    ['its own', 'fixture', ['sent']],
    ['another', 'other', []],
  ])('has the permissions that its role gives to the code of %s function', async (_whose, name, sent) => {
    const Condition = { ArnEquals: { 'lambda:SourceFunctionArn': arn('lambda', `function:${name}`) } };
    const toSend = { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: QUEUE, Condition };
    const cloud = await start({ statements: [toSend] });
    const body = JSON.stringify({ do: 'call', url: QUEUE_URL });
    await cloud.lambda.invoke({ Records: [{ messageId: 'm', body }] });
    expect(cloud.queue.messages().map((message) => message.body)).toEqual(sent);
  });

  it('runs two concurrent invocations in separate environments', async () => {
    const cloud = await start();
    const record = { messageId: 'm', body: '{"n":1}' };
    const both = await Promise.all([
      cloud.lambda.invoke({ Records: [record] }),
      cloud.lambda.invoke({ Records: [record] }),
    ]);
    expect(both.map(({ coldStart }) => coldStart)).toEqual([true, true]);
  });

  it('is replaced by a new deployment, and the data remains', async () => {
    const cloud = await start();
    cloud.ecr.createRepository('team/app');
    cloud.queue.send('{"n":1}');
    await cloud.deploy(fixtureGraph({ code: ECHO.replace("kind: 'seen'", "kind: 'seen by the new one'") }));
    await cloud.runUntilIdle();
    expect(cloud.logs.map(({ json }) => json?.['kind'])).toEqual(['seen by the new one']);
    expect(cloud.ecr.repository('team/app').name).toBe('team/app');
  });
});

describe('a deployment is rejected', () => {
  it.each<[string, FixtureOptions, RegExp]>([
    [
      'if the environment sets a variable that Lambda reserves',
      { environment: { AWS_REGION: 'x' } },
      /AWS_REGION, which Lambda reserves/,
    ],
    ['if the environment is larger than 4 KB', { environment: { LONG: 'x'.repeat(4096) } }, /Lambda allows 4096/],
    [
      'if the event pattern has an unsupported operator',
      { eventPattern: { source: [{ suffix: 'x' }] } },
      /the local event bus supports/,
    ],
  ])('%s', async (_what, options, message) => {
    await expect(startAws(fixtureGraph(options))).rejects.toThrow(message);
  });
});
