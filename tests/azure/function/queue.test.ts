// What the function sends to its queues, over a service that only records the calls.
import { createHttpHeaders, createPipelineRequest } from '@azure/core-rest-pipeline';
import { describe, expect, it } from 'vitest';
import { createQueue, type QueueService } from '../../../azure/function/queue.ts';
import { DIGEST, REGISTRY_ID } from './samples.ts';

const QUEUE = 'https://account.queue.core.windows.net/pullgate';
const POISON = `${QUEUE}-poison`;

/** The queues, and each call as `METHOD URL` with its message. */
function stage(count = '0') {
  const sent: { readonly call: string; readonly message: unknown }[] = [];
  const service: QueueService = {
    async send(method, url, body = '') {
      const [, text] = /<MessageText>(.*)<\/MessageText>/.exec(body) ?? [];
      const message = text === undefined ? undefined : JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
      sent.push({ call: `${method} ${url}`, message });
      return {
        request: createPipelineRequest({ url }),
        status: 200,
        headers: createHttpHeaders({ 'x-ms-approximate-messages-count': count }),
      };
    },
  };
  return { queue: createQueue(service, QUEUE, POISON), sent };
}

describe('the queues', () => {
  it('keep a message in the poison queue forever, because it waits for a person', async () => {
    const { queue, sent } = stage();
    await queue.deadLetter({ tries: 0 });
    expect(sent).toEqual([
      { call: `POST ${POISON}/messages?visibilitytimeout=0&messagettl=-1`, message: { tries: 0 } },
    ]);
  });

  it('deliver a message again after its delay, and never let it expire', async () => {
    const { queue, sent } = stage();
    await queue.sendLater({ tries: 3 }, 480);
    expect(sent).toEqual([
      { call: `POST ${QUEUE}/messages?visibilitytimeout=480&messagettl=-1`, message: { tries: 3 } },
    ]);
  });

  it('get one request per gate', async () => {
    const { queue, sent } = stage();
    const whole = { registry: REGISTRY_ID, repository: 'team/app' };
    await queue.sendRequests([whole, { ...whole, digest: DIGEST }], 'sweep');
    expect(sent.map(({ message }) => message)).toEqual([
      { pullgate: 'reconcile', ...whole, trigger: 'sweep' },
      { pullgate: 'reconcile', ...whole, digest: DIGEST, trigger: 'sweep' },
    ]);
    expect(new Set(sent.map(({ call }) => call))).toEqual(
      new Set([`POST ${QUEUE}/messages?visibilitytimeout=0&messagettl=-1`]),
    );
  });

  it('return the number of messages in the poison queue as counted by the service', async () => {
    const { queue, sent } = stage('7');
    expect(await queue.deadLetterCount()).toBe(7);
    expect(sent).toEqual([{ call: `GET ${POISON}?comp=metadata`, message: undefined }]);
  });
});
