// A time limit for work, with a clock that the test controls.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withinTime } from '../../../shared/runtime/deadline.ts';

describe('work within its time limit', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('returns its result, and leaves no timer behind', async () => {
    expect(await withinTime(1_000, 'too late', async () => 'done')).toBe('done');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('fails with its own error', async () => {
    const failing = () => Promise.reject(new Error('no answer'));
    await expect(withinTime(1_000, 'too late', failing)).rejects.toThrow('no answer');
  });

  it.each([0, -1])('is not started with %i ms left', async (milliseconds) => {
    const work = vi.fn(async () => 'done');
    await expect(withinTime(milliseconds, 'too late', work)).rejects.toThrow('too late');
    expect(work).not.toHaveBeenCalled();
  });
});

it('work that takes longer is rejected', async () => {
  await expect(withinTime(1, 'too late', () => new Promise(() => {}))).rejects.toThrow('too late');
});
