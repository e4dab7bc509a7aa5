// Runs two workers over one set of ports in every order of their calls that changes between them no more often than a bound.
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
 * Tries every interleaving with up to `maxChanges` changes of worker: from each run it learns where both could have gone on, and runs again the
 * other way there. Without a bound there are millions; the defects that such a search finds need few changes.
 *
 * @returns how many interleavings there are
 */
export async function everyInterleaving<Snapshot>(newRace: () => Race<Snapshot>, maxChanges: number): Promise<number> {
  const untried: (readonly number[])[] = [[]];
  let count = 0;
  for (let prefix = untried.pop(); prefix !== undefined; prefix = untried.pop()) {
    const race = newRace();
    const { turns, forks } = await run(race, prefix);
    race.check();
    count++;
    for (const fork of forks) {
      if (fork < prefix.length) continue;
      const other = [...turns.slice(0, fork), 1 - (turns[fork] ?? 0)];
      if (changes(other) <= maxChanges) untried.push(other);
    }
  }
  return count;
}

function changes(turns: readonly number[]): number {
  return turns.filter((turn, place) => place > 0 && turn !== turns[place - 1]).length;
}

/** One run: the turns of the prefix, then the worker that had the last one until it is done, then the other. */
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
    const last = turns.at(-1);
    const next = prefix[turns.length] ?? (last !== undefined && ready.includes(last) ? last : ready[0]);
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
