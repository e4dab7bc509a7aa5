// The SDK's clients under throttling, with a service that answers a few calls a second and a clock that is moved.
import { Readable } from 'node:stream';
import { DescribeImagesCommand } from '@aws-sdk/client-ecr';
import { ListFindingsCommand } from '@aws-sdk/client-inspector2';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClients } from '../../../aws/function/clients.ts';

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** Answers this many calls a second, and saves up one second's calls at most. */
function createService(rate: number) {
  let saved = rate;
  let savedAt = Date.now();
  const seen = { attempts: 0, throttled: 0 };
  const throttling = { 'x-amzn-errortype': 'ThrottlingException' };
  return {
    seen,
    async handle() {
      const now = Date.now();
      saved = Math.min(rate, saved + ((now - savedAt) / 1_000) * rate);
      savedAt = now;
      seen.attempts++;
      const isThrottled = saved < 1;
      if (isThrottled) seen.throttled++;
      else saved--;
      const body = Readable.from([Buffer.from(isThrottled ? '{"message":"Rate exceeded"}' : '{}')]);
      return { response: { statusCode: isThrottled ? 429 : 200, headers: isThrottled ? throttling : {}, body } };
    },
  };
}

/** Runs calls in parallel until all have ended, and returns how many failed. */
async function failuresOf(calls: number, call: () => Promise<unknown>): Promise<number> {
  let ended = 0;
  const all = Array.from({ length: calls }, () => call().finally(() => ended++));
  const settled = Promise.allSettled(all);
  while (ended < calls) await vi.advanceTimersByTimeAsync(100);
  return (await settled).filter(({ status }) => status === 'rejected').length;
}

/** A client of each service whose calls go to a service of this rate, and a call. */
function clientsOf(rate: number) {
  const service = createService(rate);
  const clients = createClients('eu-west-1');
  for (const { config } of [clients.ecr, clients.ecrOnce, clients.inspector])
    Object.assign(config, { requestHandler: service });
  const describe = new DescribeImagesCommand({ repositoryName: 'team/app' });
  return {
    service,
    calls: {
      ecr: () => clients.ecr.send(describe),
      ecrOnce: () => clients.ecrOnce.send(describe),
      inspector: () => clients.inspector.send(new ListFindingsCommand({})),
    },
  };
}

describe('a hundred calls to a service that allows two a second', () => {
  it.each(['ecr', 'inspector'] as const)('all succeed, and few are throttled after the first: %s', async (name) => {
    const { service, calls } = clientsOf(2);
    expect(await failuresOf(100, calls[name])).toBe(0);
    expect(service.seen.throttled).toBeGreaterThanOrEqual(98);
    expect(service.seen.throttled).toBeLessThan(140);
  });

  it('are made once each by the client for writes', async () => {
    const { service, calls } = clientsOf(2);
    expect(await failuresOf(100, calls.ecrOnce)).toBe(98);
    expect(service.seen).toEqual({ attempts: 100, throttled: 98 });
  });
});

it('calls that are not throttled do not wait for each other', async () => {
  const { service, calls } = clientsOf(100);
  const before = Date.now();
  expect(await failuresOf(100, calls.ecr)).toBe(0);
  expect([service.seen, Date.now() - before]).toEqual([{ attempts: 100, throttled: 0 }, 100]);
});
