// Groups the exempted findings of a simulation by finding and exemption instead of by gate.
import { findingKey, type Instant } from '../../shared/policy/finding.ts';
import type { ExemptedFinding } from '../../shared/policy/verdict.ts';
import { endOfExemption } from '../terminal/words.ts';
import { compareFindings, compareTexts, type GateOutcome, type Simulation } from './simulation.ts';

/** An exempted finding, and the gates where it is exempted. */
export interface ExemptedInGates extends ExemptedFinding {
  /** When the exemption ends; undefined if it has no end date. */
  readonly until: Instant | undefined;
  readonly gates: readonly GateOutcome[];
}

/** Sorts after every time. */
const NEVER = '~';

/**
 * The exempted findings, each once for all gates, in the order of their end. `more` is the number of findings that the
 * gates only count.
 */
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
