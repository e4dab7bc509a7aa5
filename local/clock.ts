// The clocks of the local clouds: a virtual clock, which moves only when a test moves it, and a wall clock, which runs.

export interface Clock {
  /** Whether the clock runs by itself. During an invocation, a function sees a virtual clock stand still. */
  readonly runs: boolean;
  /** How many times faster than real time a function's timers run, so that a test need not wait for its pauses. */
  readonly haste: number;
  now(): Date;
  /** Moves the clock forward. */
  advance(milliseconds: number): void;
}

/** The default start of a virtual clock. */
export const START = new Date('2026-03-02T09:00:00.000Z');

export interface VirtualClockOptions {
  readonly start?: Date;
  /** Default: 1, which is real time. */
  readonly haste?: number;
}

/** A clock that moves only when it is moved, so that a test gives the same result at any time of day. */
export function virtualClock({ start = START, haste = 1 }: VirtualClockOptions = {}): Clock {
  let time = start.getTime();
  return {
    runs: false,
    haste,
    now: () => new Date(time),
    advance: (milliseconds) => {
      time += forward(milliseconds);
    },
  };
}

/** The machine's clock, which can be moved ahead. `npm start` uses it. */
export function wallClock(): Clock {
  let ahead = 0;
  return {
    runs: true,
    haste: 1,
    now: () => new Date(Date.now() + ahead),
    advance: (milliseconds) => {
      ahead += forward(milliseconds);
    },
  };
}

function forward(milliseconds: number): number {
  if (!(milliseconds >= 0))
    throw new Error(`a clock moves only forward, by a number of milliseconds; got ${milliseconds}`);
  return milliseconds;
}

/** The earliest of these times; undefined if there is none. */
export function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
