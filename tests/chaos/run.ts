// One run: a seed's world, steps and faults on one cloud, then a sweep without faults, then the judge's complaints.
import { AWS_BOUNDS, startChaosAws } from './aws.ts';
import { AZURE_BOUNDS, startChaosAzure } from './azure.ts';
import type { Bounds, ChaosCloud, ChaosOptions, Program } from './cloud.ts';
import { drawFrom } from './draw.ts';
import { fateOf, LONGEST_DELAY_MINUTES } from './fates.ts';
import { createJudge, type Judge } from './judge.ts';
import { type OpeningMoment, type Scenario, type Size, scenarioOf } from './scenario.ts';
import { happen, isOfPerson, type PersonStep } from './truth.ts';

export type CloudName = 'aws' | 'azure';

export interface RunResult {
  readonly cloud: CloudName;
  readonly seed: number;
  readonly complaints: readonly string[];
  /** The number of steps. Nearly every step sends an event. */
  readonly events: number;
  readonly calls: number;
  readonly crashes: number;
  /** The function's log. */
  readonly logs: readonly string[];
}

interface Kind {
  readonly size: Size;
  readonly bounds: Bounds;
  readonly start: (options: ChaosOptions) => Promise<ChaosCloud>;
}

const MINUTE = 60_000;

const KINDS: Readonly<Record<CloudName, Kind>> = {
  aws: {
    size: { steps: 38, minutes: 420, people: 1, repositories: [4, 6], namesRegistries: false },
    bounds: AWS_BOUNDS,
    start: startChaosAws,
  },
  azure: {
    size: { steps: 12, minutes: 420, people: 3, repositories: [3, 5], namesRegistries: true },
    bounds: AZURE_BOUNDS,
    start: startChaosAzure,
  },
};

/** The time that the narrowest brake may need to let through all closings of one run. */
const LET_THROUGH_MILLISECONDS = 5 * 24 * 60 * MINUTE;

/** Details that were missing are asked for again after this time (azure/function/cve-details.ts). */
const MISSING_DETAILS_MILLISECONDS = 60 * MINUTE;

/** The interval between two observations. */
const STEP_MILLISECONDS = 15 * MINUTE;

export async function run(name: CloudName, seed: number, program: Program = {}): Promise<RunResult> {
  const { size, bounds, start } = KINDS[name];
  const draw = drawFrom(seed);
  const scenario = scenarioOf((...words) => draw(name, ...words), size);
  const cloud = await start({ scenario, draw, ...program });
  try {
    const complaints = await play(cloud, scenario, bounds, (...words) => draw('faults', ...words));
    const { steps } = scenario;
    const [events, calls, crashes, logs] = [steps.length, cloud.calls(), cloud.crashes(), cloud.logs()];
    return { cloud: name, seed, complaints, events, calls, crashes, logs };
  } finally {
    await cloud.stop();
  }
}

async function play(
  cloud: ChaosCloud,
  { steps, ...scenario }: Scenario,
  bounds: Bounds,
  draw: ReturnType<typeof drawFrom>,
) {
  const { truth } = scenario;
  const judge = createJudge(cloud.name, { ...scenario, steps }, truth, bounds);
  const start = cloud.now();
  const repairs = createRepairs(cloud, judge);
  const passTo = async (time: number) => {
    while (cloud.now() < time) {
      await cloud.advance(Math.min(STEP_MILLISECONDS, time - cloud.now()));
      judge.see(await cloud.observe());
      await repairs.doWhatIsDue();
    }
  };
  const passUntil = async (isEnough: () => Promise<boolean>, atMost: number) => {
    const end = cloud.now() + atMost;
    while (cloud.now() < end && !(await isEnough())) await passTo(Math.min(end, cloud.now() + STEP_MILLISECONDS));
  };
  const isQuiet = async () => (await cloud.observe()).waiting === 0;
  /** The queue is empty, and no gate is waiting for the brake. */
  const isAllThrough = async () => {
    const { waiting, records } = await cloud.observe();
    return waiting === 0 && records.every(({ state }) => state !== 'waiting: brake');
  };
  const isAllTold = async () => (await cloud.observe()).records.every(({ pending }) => pending === 0);
  // The first sweep finds an empty world.
  await cloud.advance(0);
  cloud.disturb(draw);
  for (const [number, timed] of steps.entries()) {
    const { minute, moment, step, fate = fateOf((...words) => draw('fate', number, ...words)) } = timed;
    await passTo(start + minute * MINUTE);
    if (isOfPerson(step)) {
      // What the step finds must be known: a record that is lost may have a lock.
      judge.see(await cloud.observe());
      if (!(await cloud.act(step))) continue;
      judge.hear(step, cloud.now(), undefined, undefined);
      if (step.kind === 'pause') repairs.plan(step);
      continue;
    }
    const takePlace = async (metAt?: OpeningMoment) => {
      happen(truth, step, cloud.now());
      const arrivesAt = fate.isLost ? undefined : cloud.now() + fate.delayMinutes * MINUTE;
      judge.hear(step, cloud.now(), arrivesAt, metAt);
      await cloud.apply(step, fate);
    };
    if (moment === 'atOnce') await takePlace();
    else cloud.runAt(moment, step, takePlace);
  }
  await passTo(cloud.now() + MINUTE);
  cloud.calm();
  // Wait for the last retry that the faults have caused, then for one sweep and the reconciliations that it requests.
  await passTo(cloud.now() + LONGEST_DELAY_MINUTES * MINUTE);
  await passUntil(isQuiet, bounds.event + bounds.setback);
  if (scenario.hasDetailsApart) await passTo(cloud.now() + MISSING_DETAILS_MILLISECONDS);
  await passTo(judge.ordersEnd());
  const sweeps = cloud.sweeps();
  await passUntil(async () => cloud.sweeps() > sweeps, bounds.sweep + bounds.tick);
  await passUntil(isAllThrough, bounds.event + LET_THROUGH_MILLISECONDS);
  await passUntil(isAllTold, 2 * bounds.tick);
  const [ending, decided] = [await cloud.observe(), cloud.decided()];
  // The first reconciliation may record that time has passed since the last one.
  await cloud.reconcileAll();
  const rewrites = await cloud.reconcileAll();
  return judge.conclude(ending, decided, rewrites);
}

/** Makes the rows readable again that could not be read during a pause. */
function createRepairs(cloud: ChaosCloud, judge: Judge) {
  let planned: readonly { readonly image: string; readonly at: number }[] = [];
  return {
    plan({ minutes, unreadable }: Extract<PersonStep, { kind: 'pause' }>): void {
      if (unreadable !== undefined) planned = [...planned, { image: unreadable, at: cloud.now() + minutes * MINUTE }];
    },
    async doWhatIsDue(): Promise<void> {
      const due = planned.filter(({ at }) => at <= cloud.now());
      planned = planned.filter((one) => !due.includes(one));
      for (const { image } of due) {
        await cloud.repair(image);
        judge.hearRepair(image, cloud.now());
      }
    },
  };
}
