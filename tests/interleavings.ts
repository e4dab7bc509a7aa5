// Runs two workers in every order of their steps that can make a difference. Orders that differ only by swapping
// adjacent steps on different things, or two reads of one thing, count as the same. The algorithm uses sleep sets (P.
// Godefroid, Partial-Order Methods for the Verification of Concurrent Systems, 1996).

/** What a step reads or writes. Steps that the other worker cannot notice need no turn. */
export interface Step {
  readonly thing: string;
  readonly writes: boolean;
}

/** Waits until the worker may do a step. */
export type Turn = (step: Step) => Promise<void>;

/** Two workers with their own world, and the check to run when both are done. */
export interface Race {
  readonly workers: readonly [(turn: Turn) => Promise<unknown>, (turn: Turn) => Promise<unknown>];
  readonly check: () => Promise<void> | void;
}

type Worker = 0 | 1;

/** Where to branch off from an earlier run: its turns so far, and the worker that has already been tried next. */
interface Branch {
  readonly turns: readonly Worker[];
  readonly asleep: Worker | undefined;
}

/** Runs every interleaving, or at most this many of them, spread over all. Returns how many. */
export async function everyInterleaving(
  newRace: () => Promise<Race> | Race,
  atMost = Number.POSITIVE_INFINITY,
): Promise<number> {
  const untried: Branch[] = [{ turns: [], asleep: undefined }];
  let count = 0;
  // With a limit, alternate between the newest and the oldest branch, to cover late and early branches of a run.
  const next = () => (atMost < Number.POSITIVE_INFINITY && count % 2 === 1 ? untried.shift() : untried.pop());
  for (let branch = next(); branch !== undefined && count < atMost; branch = next()) {
    const race = await newRace();
    const { branches, isNew } = await run(race, branch);
    if (isNew) {
      await race.check();
      count++;
    }
    untried.push(...branches);
  }
  return count;
}

/**
 * Runs one interleaving: the turns of the branch, then the first worker for as long as possible. Records the points
 * where the other worker could have continued.
 */
async function run({ workers }: Race, { turns: prefix, asleep: from }: Branch) {
  const stage = open(workers);
  const turns: Worker[] = [];
  const branches: Branch[] = [];
  let asleep: Worker | undefined;
  let isNew = true;
  for (;;) {
    const steps = await stage.waiting();
    const ready = ([0, 1] as const).filter((worker) => steps[worker] !== undefined);
    const [first, second] = ready;
    if (first === undefined) break;
    const depth = turns.length;
    if (depth === prefix.length) asleep = from;
    // Only the sleeping worker is left: another order has already covered the rest.
    if (second === undefined && first === asleep) isNew = false;
    const planned = prefix[depth];
    const next = planned ?? ready.find((worker) => worker !== asleep) ?? first;
    if (planned === undefined && second !== undefined && asleep === undefined) {
      const other: Worker = next === 0 ? 1 : 0;
      if (isNew) branches.push({ turns: [...turns, other], asleep: dependOn(steps[0], steps[1]) ? undefined : next });
    }
    if (asleep !== undefined && asleep !== next && dependOn(steps[asleep], steps[next])) asleep = undefined;
    turns.push(next);
    stage.go(next);
  }
  await stage.finished;
  return { branches, isNew };
}

function dependOn(one: Step | undefined, other: Step | undefined): boolean {
  return one !== undefined && other !== undefined && one.thing === other.thing && (one.writes || other.writes);
}

/** Starts both workers and stops each before each of its steps. */
function open(workers: Race['workers']) {
  const steps: [Step | undefined, Step | undefined] = [undefined, undefined];
  const continues: [(() => void) | undefined, (() => void) | undefined] = [undefined, undefined];
  const done: [boolean, boolean] = [false, false];
  let changed = () => {};
  const start = async (worker: Worker) => {
    try {
      await workers[worker](
        (step) =>
          new Promise<void>((resolve) => {
            steps[worker] = step;
            continues[worker] = resolve;
            changed();
          }),
      );
    } finally {
      done[worker] = true;
      changed();
    }
  };
  const finished = Promise.all([start(0), start(1)]);
  // `run` awaits this and reports a worker's failure. Until then, the rejection counts as handled.
  finished.catch(() => {});
  const isStill = () => ([0, 1] as const).every((worker) => done[worker] || steps[worker] !== undefined);
  return {
    finished,
    /** Resolves when each worker waits for its turn or is done. Returns the steps that they wait for. */
    async waiting(): Promise<readonly [Step | undefined, Step | undefined]> {
      while (!isStill()) await new Promise<void>((resolve) => (changed = resolve));
      return [...steps];
    },
    go(worker: Worker) {
      steps[worker] = undefined;
      continues[worker]?.();
    },
  };
}
