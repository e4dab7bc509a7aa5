// The cloud's time in a process of a function: `new Date()` and `Date.now()` tell it; timers and `performance` stay the machine's.

/** Where the cloud's clock is, and whether it runs. */
export interface CloudTime {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly runs: boolean;
}

const WallDate = Date;
let ahead = 0;
/** Where the cloud's clock stands still. */
let standing: number | undefined;

const cloudNow = (): number => standing ?? WallDate.now() + ahead;

const CloudDate: DateConstructor = new Proxy(WallDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [cloudNow()] : args, newTarget === CloudDate ? target : newTarget),
  apply: (target) => new target(cloudNow()).toString(),
  get: (target, key) => (key === 'now' ? cloudNow : Reflect.get(target, key)),
});

/** Replaces the process's Date. */
export function tellCloudTime(): void {
  globalThis.Date = CloudDate;
}

/** Sets the cloud's time. */
export function setCloudTime({ now, runs }: CloudTime): void {
  standing = runs ? undefined : now;
  ahead = now - WallDate.now();
}
