// Watches a run and reports which of the invariants it violated, and how.
import type { Bounds, Change, Observation } from './cloud.ts';
import { createHistory } from './history.ts';
import { INVARIANTS } from './invariants.ts';
import type { OpeningMoment, Scenario } from './scenario.ts';
import type { Step, Truth } from './truth.ts';

export interface Judge {
  /**
   * Takes note of a step that has just happened. `arrivesAt` is undefined if its events are lost. `metAt` is the moment
   * of an opening at which it happened, if any.
   */
  hear(step: Step, now: number, arrivesAt: number | undefined, metAt: OpeningMoment | undefined): void;
  /** The row of an image's gate can be read again. */
  hearRepair(image: string, now: number): void;
  /** When the last pause or override ends. */
  ordersEnd(): number;
  /** Checks an observation after the clock has moved. */
  see(observation: Observation): void;
  /**
   * Checks the final state of every gate and the notices of all changes, and returns all complaints.
   *
   * @param rewrites the calls with which a second reconciliation of everything wrote
   */
  conclude(observation: Observation, decided: readonly Change[], rewrites: readonly string[]): readonly string[];
}

export function createJudge(cloud: 'aws' | 'azure', scenario: Scenario, truth: Truth, bounds: Bounds): Judge {
  const history = createHistory(cloud, scenario, truth, bounds);
  const complaints = new Map<string, string>();
  const complain = (name: string, violations: readonly string[]) => {
    for (const violation of violations) {
      // How long a gate has been open changes with every observation.
      const key = violation.replace(/ for \d+ minutes.*/, '');
      if (!complaints.has(key)) complaints.set(key, `${name}: ${violation}`);
    }
  };
  const see = (observation: Observation) => {
    history.see(observation);
    for (const invariant of INVARIANTS) complain(invariant.name, invariant.see?.(history, observation) ?? []);
  };
  return {
    hear: history.hear,
    hearRepair(image, now) {
      const found = truth.images.get(image);
      if (found !== undefined) history.orders.repaired(history.gateOf(found), now);
    },
    ordersEnd: history.orders.end,
    see,
    conclude(observation, decided, rewrites) {
      see(observation);
      const ending = { decided, rewrites };
      for (const { name, conclude } of INVARIANTS) complain(name, conclude?.(history, observation, ending) ?? []);
      return [...complaints.values()];
    },
  };
}
