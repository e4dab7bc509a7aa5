// Sets the cloud's time in a function's process: `new Date()` and `Date.now()` return it, and timers can run faster.
// `performance` keeps the machine's time.
import { createRequire, syncBuiltinESMExports } from 'node:module';

/** The cloud's time, and whether its clock runs. */
export interface CloudTime {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly runs: boolean;
  /** How many times faster than real time the timers run. */
  readonly haste: number;
}

const WallDate = Date;
let ahead = 0;
/** The time on a clock that does not run. */
let standing: number | undefined;
let haste = 1;

const cloudNow = (): number => standing ?? WallDate.now() + ahead;

const CloudDate: DateConstructor = new Proxy(WallDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [cloudNow()] : args, newTarget === CloudDate ? target : newTarget),
  apply: (target) => new target(cloudNow()).toString(),
  get: (target, key) => (key === 'now' ? cloudNow : Reflect.get(target, key)),
});

/**
 * Replaces the process's Date and timers. Call it before the function's code is loaded, because that code keeps the
 * timers that it imports.
 */
export function tellCloudTime(): void {
  globalThis.Date = CloudDate;
  const { setTimeout: wait } = globalThis;
  const sooner = (callback: (...given: unknown[]) => void, milliseconds = 0, ...rest: unknown[]) =>
    wait(callback, milliseconds / haste, ...rest);
  globalThis.setTimeout = Object.assign(sooner, wait);
  const promises: typeof import('node:timers/promises') = createRequire(import.meta.url)('node:timers/promises');
  const { setTimeout: sleep } = promises;
  promises.setTimeout = (milliseconds = 0, value, options) => sleep(milliseconds / haste, value, options);
  syncBuiltinESMExports();
}

/** Sets the cloud's time. */
export function setCloudTime({ now, runs, haste: given }: CloudTime): void {
  haste = given;
  standing = runs ? undefined : now;
  ahead = now - WallDate.now();
}
