// The clocks of the local clouds.
import { describe, expect, it } from 'vitest';
import { virtualClock, wallClock } from '../../local/clock.ts';

describe('a virtual clock', () => {
  it('does not move by itself', () => {
    const clock = virtualClock();
    expect(clock.now().toISOString()).toBe('2026-03-02T09:00:00.000Z');
    clock.advance(90_000);
    expect(clock.now().toISOString()).toBe('2026-03-02T09:01:30.000Z');
  });

  it.each([-1, Number.NaN])('cannot be moved by %s milliseconds', (milliseconds) => {
    expect(() => virtualClock().advance(milliseconds)).toThrow('a clock moves only forward');
  });
});

describe('a wall clock', () => {
  it('continues from the time to which it was moved', () => {
    const clock = wallClock();
    const before = clock.now().getTime();
    clock.advance(3_600_000);
    expect(clock.now().getTime()).toBeGreaterThanOrEqual(before + 3_600_000);
  });
});
