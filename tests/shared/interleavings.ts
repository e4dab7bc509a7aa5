// Runs two workers over one set of ports in every order that their calls can take.
import type { Ports } from '../../shared/ports.ts';

/** What a worker does with the ports that it is given. */
export type Work<Snapshot> = (ports: Ports<Snapshot>) => Promise<unknown>;

/** A pair of workers over a world of their own, and what to check when both are done. */
export interface Race<Snapshot> {
  readonly ports: Ports<Snapshot>;
  readonly workers: readonly [Work<Snapshot>, Work<Snapshot>];
  readonly check: () => void;
}

/**
 * Tries every interleaving: from each run it learns where both workers could have gone on, and runs again the other way there.
 *
 * @returns how many interleavings there are
 */
export async function everyInterleaving<Snapshot>(newRace: () => Race<Snapshot>): Promise<number> {
  const untried: (readonly number[])[] = [[]];
  let count = 0;
  for (let prefix = untried.pop(); prefix !== undefined; prefix = untried.pop()) {
    const race = newRace();
    const { turns, forks } = await run(race, prefix);
    race.check();
    count++;
    for (const fork of forks) {
      if (fork >= prefix.length) untried.push([...turns.slice(0, fork), 1 - (turns[fork] ?? 0)]);
    }
  }
  return count;
}

/** One run: the turns of the prefix, then the first worker's until it is done, then the other's. */
async function run<Snapshot>({ ports, workers }: Race<Snapshot>, prefix: readonly number[]) {
  const turns: number[] = [];
  const forks: number[] = [];
  const waiting: ((() => void) | undefined)[] = [undefined, undefined];
  const isDone = [false, false];
  let settled = () => {};
  /** When each worker waits for its turn, or is done. */
  const stillness = () =>
    new Promise<void>((resolve) => {
      settled = () => {
        if (workers.every((_, number) => isDone[number] || waiting[number] !== undefined)) resolve();
      };
      settled();
    });
  const works = workers.map(async (work, number) => {
    const turn = () =>
      new Promise<void>((resolve) => {
        waiting[number] = resolve;
        settled();
      });
    await work(inTurns(ports, turn));
    isDone[number] = true;
    settled();
  });
  for (;;) {
    await stillness();
    const ready = [0, 1].filter((number) => waiting[number] !== undefined);
    const next = prefix[turns.length] ?? ready[0];
    if (next === undefined) break;
    if (ready.length === 2) forks.push(turns.length);
    turns.push(next);
    const go = waiting[next];
    waiting[next] = undefined;
    go?.();
  }
  await Promise.all(works);
  return { turns, forks };
}

/** The same ports, each of whose calls waits for its turn. */
function inTurns<Snapshot>(ports: Ports<Snapshot>, turn: () => Promise<void>): Ports<Snapshot> {
  const inTurn =
    <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      await turn();
      return call(...args);
    };
  const { registry, records, brake } = ports;
  return {
    ...ports,
    registry: {
      look: inTurn(registry.look),
      scans: inTurn(registry.scans),
      unknownFindings: inTurn(registry.unknownFindings),
      read: inTurn(registry.read),
      write: inTurn(registry.write),
    },
    records: { load: inTurn(records.load), save: inTurn(records.save), remove: inTurn(records.remove) },
    brake: { load: inTurn(brake.load), save: inTurn(brake.save) },
    notify: inTurn(ports.notify),
  };
}
