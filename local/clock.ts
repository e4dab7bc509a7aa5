// The clocks of the local clouds: one that stands still until a test moves it, one that runs.

export interface Clock {
  /**
   * Whether it goes on by itself. A function sees one that does not stand still, for as long as an invocation takes.
   */
  readonly runs: boolean;
  /**
   * How much faster than the machine's the timers of a function go: a pause between two tries need not be waited for.
   */
  readonly haste: number;
  now(): Date;
  /** Moves the clock forward. */
  advance(milliseconds: number): void;
}

/** When a virtual clock starts, by default. */
export const START = new Date('2026-03-02T09:00:00.000Z');

export interface VirtualClockOptions {
  readonly start?: Date;
  /** Default 1: a function waits as long as it would. */
  readonly haste?: number;
}

/** A clock that stands still until it is moved: tests give the same answer at any hour. */
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

/** The machine's clock, which can be moved forward on top: `npm start` runs on it. */
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
  if (!(milliseconds >= 0)) throw new Error(`a clock moves forward only, by milliseconds; given ${milliseconds}`);
  return milliseconds;
}

/** The first of these times, as far as there are any. */
export function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
