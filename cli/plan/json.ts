// The output of `pullgate plan --json`.
import type { GateChange } from './compare.ts';
import type { Plan } from './make-plan.ts';
import { reasonOf } from './reason.ts';
import { hoursToClose, totalsOf } from './totals.ts';

const FINDINGS = 10;

/** The document. A gate has its first findings, and the number of the others. */
export function jsonOf(plan: Plan, maxCloses: number) {
  const { targets, ...head } = plan;
  return {
    ...head,
    maxCloses,
    totals: totalsOf(plan),
    targets: targets.map(({ changes, braked, limits, ...target }) => ({
      ...target,
      limits: { ...limits, gates: braked, hours: braked === 0 ? 0 : hoursToClose(braked, limits) },
      gates: changes.map(gateJson),
    })),
  };
}

function gateJson({ gate, findings, ...change }: GateChange) {
  const reason = reasonOf({ gate, findings, ...change });
  return {
    ...gate,
    ...change,
    reason,
    findings: findings.slice(0, FINDINGS),
    moreFindings: Math.max(0, findings.length - FINDINGS),
  };
}
