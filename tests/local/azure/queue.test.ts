// The local queue service, as the function and the Logic App call it: with a bearer token and XML.
import {
  bearerTokenAuthenticationPolicy,
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from '@azure/core-rest-pipeline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { QUEUE_ID, type Stage, startStage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.wire.stop());
beforeEach(() => stage.calls.reset());

describe('a queue', () => {
  beforeEach(() => stage.queue.purge());

  /** Sends requests as the function and the Logic App do: with a bearer token and XML, without an SDK. */
  async function ask(
    method: 'GET' | 'POST',
    path: string,
    {
      role = 'Storage Queue Data Message Sender',
      body,
      headers = {},
    }: { role?: string; body?: string; headers?: Record<string, string> } = {},
  ) {
    const pipeline = createPipelineFromOptions(stage.options);
    const credential = stage.addPrincipal({ role, scope: QUEUE_ID });
    pipeline.addPolicy(bearerTokenAuthenticationPolicy({ credential, scopes: 'https://storage.azure.com/.default' }));
    const request = createPipelineRequest({
      url: `${stage.queue.url}${path}`,
      method,
      headers: createHttpHeaders({
        'x-ms-version': '2024-11-04',
        ...headers,
      }),
      ...(body === undefined ? {} : { body }),
    });
    const { status, bodyAsText, headers: given } = await pipeline.sendRequest(createDefaultHttpClient(), request);
    return {
      status,
      body: bodyAsText ?? '',
      code: given.get('x-ms-error-code'),
      count: given.get('x-ms-approximate-messages-count'),
    };
  }
  const message = (text: string) => `<QueueMessage><MessageText>${text}</MessageText></QueueMessage>`;
  const put = (text: string, query = '', options: { role?: string; headers?: Record<string, string> } = {}) =>
    ask('POST', `/messages${query}`, { ...options, body: message(text) });

  it('accepts a message, shows it to one reader at a time, and again after its timeout', async () => {
    const answer = await put('eyJuIjoxfQ==');
    expect(answer.status).toBe(201);
    expect(answer.body).toMatch(
      /<QueueMessagesList><QueueMessage><MessageId>[-\w]+<\/MessageId><InsertionTime>Mon, 02 Mar 2026/,
    );
    expect(stage.calls.count()).toEqual({ 'queue:Put': 1 });
    const [taken] = stage.queue.receive(16, 60);
    expect(taken).toMatchObject({ text: 'eyJuIjoxfQ==', dequeueCount: 1 });
    expect(stage.queue.receive(16, 60)).toEqual([]);
    expect(stage.queue.nextVisibleAt()).toBe(stage.clock.now().getTime() + 60_000);
    stage.clock.advance(60_000);
    const [again] = stage.queue.receive(16, 60);
    expect(again).toMatchObject({ id: taken?.id, dequeueCount: 2 });
    if (again !== undefined) stage.queue.delete(again);
    expect(stage.queue.messages()).toEqual([]);
  });

  it('keeps text that XML would escape unchanged', async () => {
    await put('&lt;a href=&quot;x&quot;&gt;&amp;amp;');
    expect(stage.queue.messages()[0]?.text).toBe('<a href="x">&amp;');
  });

  it('hides a message for the requested time, and removes it when it expires', async () => {
    await put('bGF0ZXI=', '?visibilitytimeout=120&messagettl=600');
    expect(stage.queue.receive(1, 60)).toEqual([]);
    stage.clock.advance(120_000);
    expect(stage.queue.messages()).toHaveLength(1);
    stage.clock.advance(480_000);
    expect(stage.queue.messages()).toEqual([]);
    expect(stage.queue.nextVisibleAt()).toBeUndefined();
  });

  it('hands messages over in the order in which they become visible', async () => {
    await put('bGF0ZXI=', '?visibilitytimeout=2');
    await put('c29vbmVy', '?visibilitytimeout=1');
    stage.clock.advance(2_000);
    expect(stage.queue.receive(2, 60).map(({ text }) => text)).toEqual(['c29vbmVy', 'bGF0ZXI=']);
  });

  it('counts its messages, and peeks at them', async () => {
    await put('b25l');
    await put('dHdv', '?visibilitytimeout=60');
    const role = 'Storage Queue Data Contributor';
    expect(await ask('GET', '?comp=metadata', { role })).toMatchObject({ status: 200, count: '2' });
    const peeked = await ask('GET', '/messages?peekonly=true&numofmessages=1', { role });
    expect(peeked.body).toContain('<DequeueCount>0</DequeueCount><MessageText>b25l</MessageText>');
    expect(stage.queue.receive(1, 60)).toHaveLength(1);
  });

  it.each([
    ['a message over 64 KiB', () => put('x'.repeat(65_537)), 400, 'MessageTooLarge'],
    ['a body that is not a message', () => ask('POST', '/messages', { body: '{}' }), 400, 'InvalidXmlDocument'],
    ['a timeout of eight days', () => put('x', '?visibilitytimeout=691200'), 400, 'OutOfRangeQueryParameterValue'],
    [
      'a timeout longer than the message’s life',
      () => put('x', '?visibilitytimeout=60&messagettl=60'),
      400,
      'OutOfRangeQueryParameterValue',
    ],
    [
      'a version without bearer tokens',
      () => put('x', '', { headers: { 'x-ms-version': '2015-02-21' } }),
      401,
      'InvalidAuthenticationInfo',
    ],
    ['a sender that asks for the count', () => ask('GET', '?comp=metadata'), 403, 'AuthorizationPermissionMismatch'],
    [
      'a reader that sends',
      () => put('x', '', { role: 'Storage Queue Data Reader' }),
      403,
      'AuthorizationPermissionMismatch',
    ],
  ] as const)('refuses %s', async (_what, work, status, code) => {
    expect(await work()).toMatchObject({ status, code, body: expect.stringContaining(`<Error><Code>${code}</Code>`) });
    expect(stage.queue.messages()).toEqual([]);
  });

  it('says when to retry if it throttles', async () => {
    stage.faults.add({ kind: 'throttle', service: 'queue', operation: 'Put' });
    expect(await put('eA==')).toMatchObject({ status: 429, code: 'TooManyRequests' });
    expect(await put('eA==')).toMatchObject({ status: 201 });
  });
});
