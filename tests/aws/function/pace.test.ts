// The pace of a client: when calls wait for each other, and for how long.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPace, isThrottled, type Pace } from '../../../aws/function/pace.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());

const error = (name: string) => Object.assign(new Error(name), { name });
const fail = (name: string) => async () => {
  throw error(name);
};
const succeed = async () => 'done';

/** For how many milliseconds a call waits for its turn. */
async function waited(pace: Pace, call: () => Promise<unknown> = succeed): Promise<number> {
  const before = Date.now();
  let at = before;
  const taken = pace.take(() => {
    at = Date.now();
    return call();
  });
  const settled = Promise.allSettled([taken]);
  await vi.runAllTimersAsync();
  await settled;
  return at - before;
}

describe('the pace', () => {
  it('is unlimited until a call is throttled, whatever else fails', async () => {
    const pace = createPace();
    expect([await waited(pace), await waited(pace, fail('ServerException')), await waited(pace)]).toEqual([0, 0, 0]);
  });

  it('falls with each throttled call to one call in two seconds', async () => {
    const pace = createPace();
    const waits: number[] = [];
    for (let number = 0; number < 12; number++) waits.push(await waited(pace, fail('ThrottlingException')));
    expect([waits[0], waits[1], waits[2]]).toEqual([0, 178, 255]);
    expect(waits.slice(-2)).toEqual([2_000, 2_000]);
  });

  it('rises with each other call to a hundred a second', async () => {
    const pace = createPace();
    await waited(pace, fail('ThrottlingException'));
    const waits: number[] = [];
    for (let number = 0; number < 100; number++) waits.push(await waited(pace));
    expect([waits[0], waits[1], waits.at(-1)]).toEqual([178, 170, 10]);
  });

  it('falls once for calls that were made at the same time, and then lets one begin after the other', async () => {
    const pace = createPace();
    const together = Array.from({ length: 5 }, () => pace.take(fail('ThrottlingException')));
    await Promise.allSettled(together);
    const before = Date.now();
    const begun: number[] = [];
    const queued = [1, 2, 3].map(() => pace.take(async () => void begun.push(Date.now() - before)));
    await vi.runAllTimersAsync();
    await Promise.all(queued);
    expect(begun).toEqual([178, 356, 526]);
  });
});

it.each([
  ['ThrottlingException', true],
  ['TooManyRequestsException', true],
  ['ServerException', false],
])('%s says that there are too many calls: %s', (name, expected) => {
  expect([isThrottled(error(name)), isThrottled({ name })]).toEqual([expected, false]);
});
