// Compares the state of each gate at the end of a run with the specification.
import type { Observation } from './cloud.ts';
import type { History } from './history.ts';
import type { Desired } from './specification.ts';

/** Invariant 11: registry and record of each gate are as the first row of the specification says. */
export function wrongAtTheEnd(history: History, observation: Observation): readonly string[] {
  return [...history.gates.keys()].flatMap((gate) => {
    const wanted = history.desired(gate, observation);
    // Someone else's lock stays, and so does one that no record explains.
    if (wanted === 'unexplained') return [];
    return [...wrongLock(history, observation, gate, wanted), ...wrongRecord(history, observation, gate, wanted)];
  });
}

function wrongLock(history: History, { closed }: Observation, gate: string, wanted: Desired): readonly string[] {
  if (history.isForeign(gate)) return [];
  const holding = (history.gates.get(gate) ?? []).filter(history.isHeld).map(({ name }) => name);
  const names = holding.join(', ');
  if (wanted === 'closed' && !closed.has(gate)) return [`at the end ${gate} is open, and ${names} should hold it`];
  if (wanted === 'closed' || !closed.has(gate)) return [];
  return [`at the end ${gate} is closed, and nothing should hold it${names === '' ? '' : ` (${names})`}`];
}

function wrongRecord(history: History, { records }: Observation, gate: string, wanted: Desired): readonly string[] {
  const state = records.find((record) => record.gate === gate)?.state ?? 'open';
  // Someone else's lock is on an image, and does not keep pullgate from closing the whole repository.
  if (history.isForeign(gate) && state === 'closed') return [];
  return state === wanted ? [] : [`at the end the record of ${gate} says ${state}, not ${wanted}`];
}
