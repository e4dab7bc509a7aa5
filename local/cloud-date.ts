// The cloud's time in a process of a function: `new Date()` and `Date.now()` tell it, and timers may go faster;
// `performance` stays the machine's.
import { createRequire, syncBuiltinESMExports } from 'node:module';

/** Where the cloud's clock is, and whether it runs. */
export interface CloudTime {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly runs: boolean;
  /** How much faster than the machine's its timers go. */
  readonly haste: number;
}

const WallDate = Date;
let ahead = 0;
/** Where the cloud's clock stands still. */
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
 * Replaces the process's Date and its timers. Before the function's code is loaded: it keeps the timers that it
 * imports.
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
