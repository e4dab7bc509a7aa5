// Checks of the brake: how many gates it admits, and which.
import type { Admission, Ending, Observation } from './cloud.ts';
import type { History } from './history.ts';
import { policyOf, rankOf, violates } from './specification.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A gate that has waited for this long is overtaken by nothing of lower rank. */
const TURN_MILLISECONDS = 15 * MINUTE;

/** Invariant 4: the admissions of any hour and of any day. */
export function admissionsWithin({ scenario }: History, { admissions }: Observation): readonly string[] {
  const limits = [
    { hours: 1, most: scenario.maxClosesPerHour },
    { hours: 24, most: scenario.maxClosesPerDay },
  ];
  return limits.flatMap(({ hours, most }) =>
    admissions.flatMap(({ at }) => {
      const count = admissions.filter((one) => one.at <= at && one.at > at - hours * HOUR).length;
      const end = new Date(at).toISOString();
      return count > most ? [`${count} gates were admitted in ${hours} h until ${end}, not ${most}`] : [];
    }),
  );
}

/** Invariant 4: a gate that the policy closes for the first time was admitted. */
export function closedWithoutAdmission(
  history: History,
  { admissions }: Observation,
  { decided }: Ending,
): readonly string[] {
  const admitted = new Set(admissions.map(({ gate }) => gate));
  const gates = new Set(decided.filter(({ change }) => change === 'closed').map(({ gate }) => gate));
  // A person closed the others, or their lock had lost its record.
  return [...gates]
    .filter((gate) => !admitted.has(gate) && !history.orders.wasOrdered(gate))
    .map((gate) => `${gate} was closed and never admitted`);
}

/**
 * Invariant 5: compares each new admission with the gates that waited before and still wait. A gate whose message was
 * hidden meanwhile could not be reached.
 */
export function overtaken(history: History, { at: now, admissions, setbacks }: Observation): readonly string[] {
  if (setbacks.some((at) => at >= now - 2 * HOUR)) return [];
  const waiting = [...history.brakedSince].map(([gate, since]) => ({ gate, since, rank: rank(history, gate) }));
  return admissions.filter(({ at }) => at > history.beforeAt()).flatMap((one) => overtakenBy(one, waiting, history));
}

interface Waiting {
  readonly gate: string;
  readonly since: number;
  readonly rank: number;
}

function overtakenBy({ gate, at }: Admission, waiting: readonly Waiting[], history: History): readonly string[] {
  const own = rank(history, gate);
  return waiting
    .filter((one) => one.gate !== gate && one.rank > own && at - one.since > TURN_MILLISECONDS)
    .filter((one) => !history.orders.isUncertain(one.gate, at))
    .map((one) => `${gate} was admitted while ${one.gate} waited`);
}

/** The worst violating vulnerability of the images that hold the gate. */
function rank({ gates, truth, isHeld }: History, gate: string): number {
  const ranks = (gates.get(gate) ?? [])
    .filter(isHeld)
    .flatMap(({ findings, repository }) =>
      [...findings.values()].flatMap(({ vulnerability, status }) =>
        status === 'active' && violates(vulnerability, policyOf(truth, repository)) ? [rankOf(vulnerability)] : [],
      ),
    );
  return Math.max(0, ...ranks);
}
