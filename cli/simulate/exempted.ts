// What is exempted in a simulation, by finding and exemption instead of by gate.
import { findingKey, type Instant } from '../../shared/policy/finding.ts';
import type { ExemptedFinding } from '../../shared/policy/verdict.ts';
import { endOfExemption } from '../terminal/words.ts';
import { compareFindings, compareTexts, type GateOutcome, type Simulation } from './simulation.ts';

/** A finding that is exempted, and in which gates. */
export interface ExemptedInGates extends ExemptedFinding {
  /** When the exemption ends; undefined if it has no end. */
  readonly until: Instant | undefined;
  readonly gates: readonly GateOutcome[];
}

/** Text after every moment. */
const NEVER = '~';

/** What is exempted, once for all gates; what ends first comes first. `more`: what the gates only count. */
export function exemptedIn({ gates }: Simulation): {
  readonly exempted: readonly ExemptedInGates[];
  readonly more: number;
} {
  const found = new Map<string, ExemptedInGates & { readonly gates: GateOutcome[] }>();
  for (const gate of gates) {
    for (const { finding, exemption } of gate.exempted.first) {
      const key = JSON.stringify([findingKey(finding), exemption]);
      const before = found.get(key);
      if (before === undefined) found.set(key, { finding, exemption, until: endOfExemption(exemption), gates: [gate] });
      else before.gates.push(gate);
    }
  }
  const exempted = [...found.values()].toSorted(
    (a, b) => compareTexts(a.until ?? NEVER, b.until ?? NEVER) || compareFindings(a.finding, b.finding),
  );
  for (const { gates: inGates } of exempted) inGates.sort((a, b) => compareTexts(a.name, b.name));
  return { exempted, more: gates.reduce((sum, gate) => sum + gate.exempted.more, 0) };
}
