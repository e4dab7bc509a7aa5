// The deployed function on the local cloud: batches, environment, log, limits, crashes, deployments.
import { describe, expect, it } from 'vitest';
import { type LocalAws, startAws } from '../../../local/aws/cloud.ts';
import { ECHO, type FixtureOptions, fixtureGraph, QUEUE, QUEUE_URL } from './fixture-graph.ts';
import { start } from './start.ts';

const seen = (cloud: LocalAws) => cloud.logs.flatMap(({ json }) => (json?.['kind'] === 'seen' ? [json['body']] : []));

describe('the function', () => {
  it('gets a batch of messages, stays warm, and sees the time of the cloud', async () => {
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

  it("has the environment of the graph, Lambda's own, and nothing of this machine's", async () => {
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

  it('writes through console what is not a JSON line', async () => {
    const cloud = await start();
    cloud.queue.send('{"do":"console"}');
    await cloud.runUntilIdle();
    expect(cloud.logs.map(({ json }) => json?.['kind'])).toEqual(['seen', undefined]);
    expect(cloud.logs[1]?.text).toMatch(/^2026-\S+\t[0-9a-f-]{36}\tINFO\t\{"kind":"prefixed"\}$/);
  });

  it('sees a failed message again, and the others of its batch no more', async () => {
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

  it('sees a whole batch again where it throws', async () => {
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
  ] as const)('dies %s the work of a call on a crash fault, and starts anew', async (when, sent) => {
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

  it('runs twice at once in environments of their own', async () => {
    const cloud = await start();
    const record = { messageId: 'm', body: '{"n":1}' };
    const both = await Promise.all([
      cloud.lambda.invoke({ Records: [record] }),
      cloud.lambda.invoke({ Records: [record] }),
    ]);
    expect(both.map(({ coldStart }) => coldStart)).toEqual([true, true]);
  });

  it('is replaced by a new deployment, whose data stays', async () => {
    const cloud = await start();
    cloud.ecr.createRepository('team/app');
    cloud.queue.send('{"n":1}');
    await cloud.deploy(fixtureGraph({ code: ECHO.replace("kind: 'seen'", "kind: 'seen by the new one'") }));
    await cloud.runUntilIdle();
    expect(cloud.logs.map(({ json }) => json?.['kind'])).toEqual(['seen by the new one']);
    expect(cloud.ecr.repository('team/app').name).toBe('team/app');
  });
});

describe('a deployment is refused', () => {
  it.each<[string, FixtureOptions, RegExp]>([
    [
      "where the environment sets a variable of Lambda's own",
      { environment: { AWS_REGION: 'x' } },
      /AWS_REGION, which Lambda reserves/,
    ],
    ['where the environment is over 4 KB', { environment: { LONG: 'x'.repeat(4096) } }, /Lambda allows 4096/],
    [
      'where the event pattern has an operator that the bus does not know',
      { eventPattern: { source: [{ suffix: 'x' }] } },
      /the local event bus knows/,
    ],
  ])('%s', async (_what, options, message) => {
    await expect(startAws(fixtureGraph(options))).rejects.toThrow(message);
  });
});
