// Tests that a wait survives requests that fail, but not if all of them do.
import { expect, it } from 'vitest';
import { TimedOut, type Waiting, waitFor } from '../../../cli/prove/wait.ts';

/** A clock that only sleeping moves. */
function waiting(): Waiting {
  let time = Date.parse('2026-03-02T09:00:00.000Z');
  return {
    now: () => new Date(time).toISOString(),
    async sleep(milliseconds) {
      time += milliseconds;
    },
    signal: new AbortController().signal,
    progress: { show: (text) => void text(), end: () => {} },
  };
}

/** Fails where there is an error, then has no answer. */
function asks(...answers: readonly (string | Error | undefined)[]) {
  let asked = 0;
  return async () => {
    const answer = answers[asked++];
    if (answer instanceof Error) throw answer;
    return answer;
  };
}

const no = new Error('throttled');

it('goes on after failed requests, if not five fail in a row', async () => {
  const ask = asks(no, no, no, no, undefined, no, no, no, no, 'found');
  expect(await waitFor('it', 30, ask, waiting())).toBe('found');
});

it('ends with the error of the fifth failed request in a row', async () => {
  await expect(waitFor('it', 30, asks(undefined, no, no, no, no, no, 'found'), waiting())).rejects.toBe(no);
});

it('says at the limit that the last request failed', async () => {
  const timedOut = waitFor('it', 1, async () => undefined, waiting());
  await expect(timedOut).rejects.toThrow(new TimedOut('waited 1m 0s for it'));
  const ask = asks(...Array.from({ length: 4 }, () => undefined), no, no, no);
  const failed = waitFor('it', 1, ask, waiting());
  await expect(failed).rejects.toThrow(new TimedOut('waited 1m 0s for it, and the last request failed (throttled)'));
});
